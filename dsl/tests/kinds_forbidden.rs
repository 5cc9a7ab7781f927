//! The kinds that forbid by a built-in pattern: what they find, and what they leave alone.

#![allow(clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod common;

use common::program;
use rolecall_dsl::monitor::Residual;

/// The texts among these that the rule does not judge as `passes` says.
fn wrong<'t>(rule: &str, passes: bool, texts: &[&'t str]) -> Vec<&'t str> {
    let program = program(rule);
    texts.iter().copied().filter(|text| program.check(text).passes() != passes).collect()
}

/// The text with every match replaced.
fn redacted(rule: &str, text: &str) -> String {
    let mut monitor = program(&format!("{rule} {{ on_violation redact \"※\" }}")).monitor();
    let mut released: String = text.chars().map(|c| monitor.push(&c.to_string()).released).collect();
    released.push_str(&monitor.finish().released);
    released
}

/// What was released before the rule was found broken, character by character.
fn leaked(rule: &str, text: &str) -> String {
    let mut monitor = program(rule).monitor();
    let mut released: String = text.chars().map(|c| monitor.push(&c.to_string()).released).collect();
    let end = monitor.finish();
    assert_eq!(end.residual, Residual::Dead, "{text}");
    released.push_str(&end.released);
    released
}

#[test]
fn addresses_are_found() {
    let texts = [
        "见https://a.b/c?d=1。",
        "ftp://x",
        "www.example.museum",
        "WWW.EXAMPLE.COM",
        "请访问example.com了解",
        "docs.rolecall.dev, please",
        "Mail me@example.org!",
        "youtu.be/xyz",
        "t.me/x",
        "example.com.",
        "a-b.co.uk/x",
        "localhost is http://localhost:80",
    ];
    assert_eq!(wrong("no_urls", false, &texts), [""; 0]);
}

/// A missing space, a file, a version or a product is no address.
#[test]
fn what_only_looks_like_an_address_passes() {
    let texts = [
        "e.g. this, i.e. that",
        "3.14",
        "Node.js and Vue.js/Express",
        "版本2.0",
        "ASP.NET",
        "and/or",
        "I did.it was fun",
        "tell.me",
        "End.Then",
        "readme.md",
        "10:30",
        "a/b",
        "www",
        "U.S. and U.K.",
        "so.to speak",
        "Mr.Comfort",
        "example.community",
        "//",
        "他说：好的。",
    ];
    assert_eq!(wrong("no_urls", true, &texts), [""; 0]);
}

#[test]
fn an_address_is_replaced_as_a_whole_and_nothing_else() {
    assert_eq!(redacted("no_urls", "见https://a.b/c?d=1。再见"), "见※。再见");
    assert_eq!(redacted("no_urls", "请访问example.com/x了解(www.a.cn)."), "请访问※了解(※).");
    assert_eq!(redacted("no_urls", "Mail jo.doe@example.org, now."), "Mail ※, now.");
}

#[test]
fn nothing_of_an_address_leaks() {
    assert_eq!(leaked("no_urls", "See https://a.b now"), "See ");
    assert_eq!(leaked("no_urls", "访问example.com"), "访问");
    assert_eq!(leaked("no_urls", "Mail jo@example.org"), "Mail ");
}

#[test]
fn emoji_are_found() {
    let texts = ["好😀", "✅", "❤\u{FE0F}", "🇨🇳", "1\u{FE0F}\u{20E3}", "👍🏽", "☝🏽", "👩\u{200D}🚀", "©\u{FE0F}"];
    assert_eq!(wrong("no_emoji", false, &texts), [""; 0]);
}

#[test]
fn plain_characters_are_no_emoji() {
    let texts = ["1 # * 3", "© ® ™", "❤ ☺ ★ → √", ":-) (^_^)", "①②", "〰", "你好！", "#️", "1\u{FE0F}"];
    assert_eq!(wrong("no_emoji", true, &texts), [""; 0]);
}

#[test]
fn an_emoji_is_replaced_with_all_that_is_joined_to_it() {
    assert_eq!(redacted("no_emoji", "好👩\u{200D}🚀👍🏽!"), "好※!");
    assert_eq!(redacted("no_emoji", "第1\u{FE0F}\u{20E3}步❤\u{FE0F} 2"), "第※步※ 2");
    assert_eq!(leaked("no_emoji", "好1\u{FE0F}\u{20E3}"), "好");
}

#[test]
fn markdown_is_found() {
    let texts = [
        "# Title",
        "好\n## 标题",
        "- item",
        "  * 项目",
        "\n+ x",
        "> 引用",
        "| a | b |",
        "a|b\n---|---",
        "这是**重点**。",
        "**open",
        "an *important* word",
        "他*微笑*着",
        "__init__ is",
        "_so_ it is",
        "用`x`",
        "```\ncode\n```",
        "~~~",
        "[文字](https://a.b)",
        "![图](x.png)",
    ];
    assert_eq!(wrong("no_markdown", false, &texts), [""; 0]);
}

#[test]
fn plain_text_is_no_markdown() {
    let texts = [
        "1. 先做A\n2. 再做B",
        "2 * 3 * 4",
        "2**3",
        "2*3*4",
        "snake_case_name",
        "[1] and (2)",
        "#1 #tag",
        ">_<",
        "a - b",
        "-5",
        "———",
        "---",
        "好的~~谢谢~~",
        "x | y",
        "it's `open",
        "C# is",
        "* ",
        "*注：价格",
    ];
    assert_eq!(wrong("no_markdown", true, &texts), [""; 0]);
}

#[test]
fn only_listed_scripts_are_written() {
    assert_eq!(wrong("script han", true, &["你好，世界！123 😀", "。", ""]), [""; 0]);
    assert_eq!(wrong("script han", false, &["用AI做", "こ", "й", "ａ"]), [""; 0]);
    assert_eq!(wrong("script han | latin", true, &["用AI做 naïve ａ", "e\u{301}"]), [""; 0]);
    assert_eq!(wrong("script latin", false, &["АI", "你", "नी"]), [""; 0]);
    assert_eq!(wrong("script han | hiragana | katakana", true, &["ラーメンを食べる"]), [""; 0]);
    assert_eq!(redacted("script latin", "hi Владимир, ok"), "hi ※, ok");
    assert_eq!(leaked("script latin", "hi Владимир"), "hi ");
}

/// The analysis looks for the built-in patterns anywhere in a text, which takes a larger automaton.
#[test]
fn the_analysis_can_search_for_what_is_built_in() {
    use rolecall_dsl::constraint::Fact;
    use rolecall_dsl::text::pattern::{Pattern, Use};
    for rule in ["no_urls", "no_emoji", "no_markdown", "script han", "script latin | cyrillic | thai"] {
        let contract = common::contract(rule);
        let Fact::Forbidden { patterns, .. } = contract.rules[0].constraint.fact() else { panic!("{rule}") };
        for pattern in patterns {
            let anywhere = Pattern::new(pattern.source(), pattern.flags(), Use::Require);
            assert!(anywhere.is_ok(), "{rule}: {} {:?}", pattern.name(), anywhere.err());
        }
    }
}

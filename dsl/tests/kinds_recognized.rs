//! The kinds that are a machine of their own, or count words: what they accept, hold back and give up.

mod common;

use common::{contract, program};
use rolecall_dsl::contract::Language;
use rolecall_dsl::monitor::{DeliveryMode, Residual};

/// The texts among these that the rule does not judge as `passes` says.
fn wrong<'t>(rule: &str, passes: bool, texts: &[&'t str]) -> Vec<&'t str> {
    let program = program(rule);
    texts.iter().copied().filter(|text| program.check(text).passes() != passes).collect()
}

/// What goes out character by character, the last of it by the finish.
fn released(rule: &str, text: &str) -> String {
    let mut monitor = program(rule).monitor();
    let mut released: String = text.chars().map(|c| monitor.push(&c.to_string()).released).collect();
    released.push_str(&monitor.finish().released);
    released
}

fn residual(rule: &str, text: &str) -> Residual {
    program(rule).monitor().push(text).residual
}

#[test]
fn words_are_bounded_and_cut_before_the_word_too_many() {
    assert_eq!(wrong("max_words 3", true, &["", "one two three", "don't stop!", "用AI做"]), [""; 0]);
    assert_eq!(wrong("max_words 3", false, &["one two three four", "用AI做事"]), [""; 0]);
    let violation = &program("max_words 3").check("one two three four").violations[0];
    assert_eq!((violation.cut, violation.message.as_str()), (Some(14), "the reply has more than 3 words"));
    assert_eq!(released("max_words 3", "one two three four"), "one two three ");
    assert_eq!(residual("max_words 3", "用AI做事"), Residual::Dead);
    contract("max_words 3 { on_violation truncate }");
}

#[test]
fn characters_have_a_lower_bound() {
    assert_eq!(wrong("min_chars 3", true, &["一二三", " a b c ", "abcd"]), [""; 0]);
    assert_eq!(wrong("min_chars 3", false, &["", "a b", "😀😀"]), [""; 0]);
    assert_eq!((residual("min_chars 3", "ab"), residual("min_chars 3", "abc")), (Residual::Open, Residual::Holds));
    let monitor = program("min_chars 3").monitor();
    assert_eq!(monitor.missing(Language::Zh), ["还需要至少3个字。"]);
    assert_eq!(monitor.missing(Language::En), ["At least 3 more characters must come."]);
}

#[test]
fn a_reply_begins_as_it_must() {
    let rule = r#"starts_with "你好" | "Dear" | /第[0-9]+/"#;
    let texts = ["你好，", " \n dear all", "ＤＥＡＲ", "\u{FEFF}Dear", "第12章", "Dearest", "第1"];
    assert_eq!(wrong(rule, true, &texts), [""; 0]);
    assert_eq!(wrong(rule, false, &["", "  ", "你", "Hello, Dear", "第章", "“你好", "De"]), [""; 0]);
    assert_eq!(
        ["你", "你好", "你们", "第", "第1", "第12", "第1章"].map(|text| residual(rule, text)),
        [
            Residual::Open,
            Residual::Holds,
            Residual::Dead,
            Residual::Open,
            Residual::Holds,
            Residual::Holds,
            Residual::Holds
        ]
    );
    // Texts of which one begins the other: the shorter decides.
    assert_eq!(residual(r#"starts_with "abc" | "ab""#, "ab"), Residual::Holds);
    assert_eq!(wrong(r#"starts_with "café""#, true, &["cafe\u{301}", "CAFÉ!"]), [""; 0]);
    assert_eq!(program(rule).monitor().missing(Language::En).len(), 1);
}

/// Until it is known that the reply begins as it must, nothing of it may be seen.
#[test]
fn a_wrong_beginning_is_not_released() {
    let rule = r#"starts_with "Dear""#;
    assert_eq!(released(rule, "Dear Ann"), "Dear Ann");
    for text in ["Denied", "De", "Hello", "  x"] {
        assert_eq!(released(rule, text), "", "{text}");
    }
    let mut monitor = program(rule).monitor();
    let steps: Vec<String> = ["De", "a", "r A"].map(|delta| monitor.push(delta).released).into();
    assert_eq!(steps, ["", "", "Dear A"]);
    assert_eq!(released(r#"starts_with "Dear" { severity warning }"#, "Hello"), "Hello");
}

#[test]
fn a_reply_ends_as_it_must() {
    let rule = r#"ends_with "Anything else?" | "再见。" | /编号[0-9]+/"#;
    let texts = ["ok. anything ELSE?", "再见。", "好的，再见。 \n", "Ｒ再见。\u{200B}", "编号12", "x anything  else?"];
    assert_eq!(wrong(rule, true, &texts), [""; 0]);
    assert_eq!(wrong(rule, false, &["", "再见", "再见。！", "编号", "编号12 b", "anything else? No."]), [""; 0]);
    assert_eq!(residual(rule, "再见。"), Residual::Open);
    assert_eq!(program(rule).monitor().missing(Language::Zh).len(), 1);
    assert_eq!(program(rule).delivery_mode(), DeliveryMode::Sentence);
    // A mark behind the last letter makes it another one.
    assert_eq!(wrong(r#"ends_with "e""#, false, &["e\u{301}"]), [""; 0]);
    assert_eq!(wrong(r#"ends_with "é" | "aab""#, true, &["e\u{301}", "aaaab"]), [""; 0]);
}

#[test]
fn a_reply_is_in_its_language() {
    assert_eq!(wrong("language zh", true, &["", "你好", "2024！", "用AI做 API 的事", "你ok"]), [""; 0]);
    assert_eq!(wrong("language zh", false, &["Hello", "你好 my dear friend", "これはペンです"]), [""; 0]);
    assert_eq!(wrong("language en >= 80%", true, &["Hello, it's four words 好"]), [""; 0]);
    assert_eq!(wrong("language en >= 80%", false, &["Hello 好", "привет"]), [""; 0]);
    assert_eq!(residual("language zh >= 100%", "ok"), Residual::Dead);
    assert_eq!(residual("language zh max_chars 6", "hi you no a"), Residual::Dead);
    assert_eq!(residual("language zh max_chars 6", "hi"), Residual::Open);
    let mut monitor = program("language zh").monitor();
    monitor.push("one two 三");
    assert_eq!(monitor.missing(Language::Zh), ["还需要至少1个汉字。"]);
    assert_eq!(monitor.finish().violations[0].message, "1 of 3 words are Chinese; at least 50% are required");
}

#[test]
fn a_sentence_comes_no_more_often_than_allowed() {
    let rule = "max_repeat 2";
    assert_eq!(wrong(rule, true, &["好。好。", "好。好！好？", "Yes. Yes. No. Yes! No."]), [""; 0]);
    assert_eq!(wrong(rule, false, &["好。好。好。", "Yes. YES.\nyes. ok", "好。是。好。是。 好。"]), [""; 0]);
    // The last sentence counts without a terminator too, and a longer one is another.
    assert_eq!(wrong("max_repeat 1", false, &["好\n好", "a\nb\nA"]), [""; 0]);
    assert_eq!(wrong("max_repeat 1", true, &["好。好的。", "好。好。😀", "“好。”好。"]), [""; 0]);
    assert_eq!(residual("max_repeat 1", "好。好。"), Residual::Open);
    assert_eq!(residual("max_repeat 1", "好。好。是"), Residual::Dead);
}

#[test]
fn a_sentence_too_many_is_not_released() {
    for (text, out) in [
        ("好的。好的。再来", "好的。"),
        ("好的。好的。\n- 再来", "好的。"),
        ("好的。好的。", "好的。"),
        ("好的。好了。好的。是", "好的。好了。"),
        ("好的。好的呀。", "好的。好的呀。"),
        ("Yes. yes.", "Yes. "),
    ] {
        assert_eq!(released("max_repeat 1", text), out, "{text}");
    }
    assert_eq!(released("max_repeat 2", "Yes. yes. ok"), "Yes. yes. ok");
}

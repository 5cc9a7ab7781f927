//! Texts become the tree that their author meant.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use rolecall_dsl::ast::{Arg, Entry, File, Op};
use rolecall_dsl::parse::parse;
use rolecall_dsl::source::Source;

fn tree(text: &str) -> File {
    let mut findings = Vec::new();
    let file = parse(&Source::new("clerk.role", text), &mut findings);
    assert!(findings.is_empty(), "{text}: {findings:?}");
    file
}

/// The entries of `x { … }` in a role.
fn entries(text: &str) -> Vec<Entry> {
    let file = tree(&format!("role a {{ x {{ {text} }} }}"));
    file.roles[0].items[0].body.clone().expect("a block").entries
}

/// The arguments of one entry.
fn args(text: &str) -> Vec<Arg> {
    let entries = entries(&format!("k {text}"));
    assert_eq!(entries.len(), 1, "{text} is one entry: {entries:?}");
    entries[0].args.iter().map(|arg| arg.value.clone()).collect()
}

fn arg(text: &str) -> Arg {
    let mut all = args(text);
    assert_eq!(all.len(), 1, "{text}");
    all.remove(0)
}

fn text(value: &str) -> Arg {
    Arg::Str(value.to_owned())
}

fn word(value: &str) -> Arg {
    Arg::Word(value.to_owned())
}

#[test]
fn literals_have_their_values() {
    assert_eq!(arg(r#""a\n\t\r\"\\\/\u{6218}""#), text("a\n\t\r\"\\/战"));
    assert_eq!(arg("3"), Arg::Int(3));
    assert_eq!(arg("0.7"), Arg::Float(0.7));
    assert_eq!(arg("-1"), Arg::Float(-1.0));
    assert_eq!(arg("40%"), Arg::Percent(4000));
    assert_eq!(arg("33.3%"), Arg::Percent(3330));
    assert_eq!(arg("40％"), Arg::Percent(4000));
    for (written, milliseconds) in
        [("300ms", 300), ("30s", 30_000), ("5m", 300_000), ("24h", 86_400_000), ("7d", 604_800_000)]
    {
        assert_eq!(arg(written), Arg::Duration(milliseconds), "{written}");
    }
    for (written, bytes) in [("5B", 5), ("16KiB", 16_384), ("2MiB", 2_097_152)] {
        assert_eq!(arg(written), Arg::Size(bytes), "{written}");
    }
    assert_eq!(arg("1.2.3-rc.1+build"), Arg::Semver("1.2.3-rc.1+build".to_owned()));
    assert_eq!(arg(r"/a\/b\d/i"), Arg::Regex { pattern: r"a/b\d".to_owned(), flags: "i".to_owned() });
    assert_eq!(arg("反问句"), word("反问句"));
    assert_eq!(arg("slow-2g"), word("slow-2g"));
}

#[test]
fn joints_need_no_space() {
    assert_eq!(args("反问句≥40%"), [word("反问句"), Arg::Op(Op::Ge), Arg::Percent(4000)]);
    assert_eq!(args("\"a\"|\"b\""), [text("a"), Arg::Bar, text("b")]);
    assert_eq!(args("a,b->c+d"), [word("a"), Arg::Comma, word("b"), Arg::Arrow, word("c"), Arg::Plus, word("d")]);
    for (written, op) in
        [(">=", Op::Ge), ("≥", Op::Ge), ("<=", Op::Le), ("≤", Op::Le), (">", Op::Gt), ("<", Op::Lt), ("==", Op::Eq)]
    {
        assert_eq!(args(&format!("{written}1")), [Arg::Op(op), Arg::Int(1)], "{written}");
    }
}

#[test]
fn lists_nest() {
    let Arg::List(items) = arg("[\"a\", [1, 2], // so\n b]") else { panic!("a list") };
    assert_eq!(items.len(), 5);
    assert!(matches!(&items[2].value, Arg::List(inner) if inner.len() == 3));
    assert_eq!(arg("[]"), Arg::List(Vec::new()));
}

#[test]
fn block_strings_lose_their_indent() {
    assert_eq!(arg("\"\"\"\n    one\n      two\n\n    three\n    \"\"\""), text("one\n  two\n\nthree"));
    assert_eq!(arg("\"\"\"one\n    two\"\"\""), text("one\ntwo"));
    assert_eq!(arg("\"\"\"\r\n  一\r\n  二\r\n\"\"\""), text("一\n二"));
    assert_eq!(arg("\"\"\"say \"x\" and \\\"\"\" too\"\"\""), text("say \"x\" and \"\"\" too"));
    assert_eq!(arg("\"\"\"\"\"\""), text(""));
}

#[test]
fn a_word_on_a_new_line_or_behind_a_literal_begins_an_entry() {
    let keywords = |text: &str| entries(text).into_iter().map(|entry| entry.keyword.value).collect::<Vec<_>>();
    assert_eq!(keywords("a 1 b 2\nc d\ne"), ["a", "b", "c", "e"]);
    assert_eq!(keywords("a x,\n y | \n z"), ["a"], "a joint carries on");
    assert_eq!(keywords("a \"x\"\n | \"y\"\n b"), ["a", "b"]);
    assert_eq!(keywords("a\n{ b 1 }\n{ c 2 } d"), ["a", "d"]);
    assert_eq!(keywords("base 1 4g 8s 3g 15s"), ["base", "4g", "3g"]);
}

#[test]
fn labels_and_blocks_belong_to_their_entry() {
    let all = entries("short: max 3 { a b } { c }\n 反问: ask 1");
    assert_eq!(all.len(), 2);
    assert_eq!(all[0].label.as_ref().map(|label| label.value.as_str()), Some("short"));
    assert_eq!(all[0].blocks.len(), 2);
    assert_eq!(all[1].label.as_ref().map(|label| label.value.as_str()), Some("反问"));
}

#[test]
fn doc_comments_belong_to_the_role_below() {
    let file = tree("/// one\n///\n///  two \n\n// plain\nrole a { }\nrole b { }");
    assert_eq!(file.roles[0].doc, "one\n\n two");
    assert_eq!(file.roles[1].doc, "");
}

#[test]
fn headers_and_imports() {
    let file = tree("import \"a.role\" // and\nrole child extends parent\n{ }");
    assert_eq!(file.imports[0].value, "a.role");
    assert_eq!(file.roles[0].extends.as_ref().map(|parent| parent.value.as_str()), Some("parent"));
}

/// An editor on Windows adds a mark and carriage returns; neither may move a column or a value.
#[test]
fn byte_order_marks_and_carriage_returns_change_nothing() {
    let plain = "role clerk {\n    version 1.0.0\n    persona \"A clerk\"\n    stateful 3\n}\n";
    let windows = format!("\u{FEFF}{}", plain.replace('\n', "\r\n"));
    let expected = ["RC0104 4:14 error"];
    assert_eq!(support::lines(&support::compile_text(plain).findings), expected);
    assert_eq!(support::lines(&support::compile_text(&windows).findings), expected);
    assert_eq!(support::lines(&support::compile_text("\u{FEFF}role 3 { }").findings), ["RC0001 1:6 error"]);
}

#[test]
fn spans_cover_what_was_written() {
    let text = "role a {\n    k \"x\" |\n      \"战\" { o 1 }   // why\n    n\n}";
    let file = tree(text);
    let source = Source::new("clerk.role", text);
    let items = &file.roles[0].items;
    assert_eq!(source.slice(items[0].span), "k \"x\" |\n      \"战\" { o 1 }");
    assert_eq!(source.slice(items[0].args[2].span), "\"战\"");
    assert_eq!(source.slice(items[1].span), "n");
    assert_eq!(source.slice(file.roles[0].span), text);
}

//! How findings look to people and to tools.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use insta::assert_snapshot;
use rolecall_dsl::check::compile;
use rolecall_dsl::diagnostic::{Code, Finding, Format, render};
use rolecall_dsl::source::Source;
use rolecall_dsl::span::Span;
use serde_json::Value;

const CONTRACT: &str = "\
role zhanguoce_scholar {
    version  1.0
    language zh
    persona  \"战国纵横家\"
    constraints {
        简短: max_sentences 3   { on_violation redact \"…\" }
        用词: required_terms \"人工智能\"
        禁词: forbidden_terms \"智能\"
    }
    fallbak \"此事非我所能言\"
}
";

fn shown(format: Format) -> String {
    render(&compile(&Source::new("contracts/scholar.role", CONTRACT)).findings, format)
}

/// Fails when columns count bytes or when a marker slips under wide characters.
#[test]
fn human() {
    assert_snapshot!(shown(Format::Human { color: false }));
}

#[test]
fn short() {
    assert_snapshot!(shown(Format::Short));
}

#[test]
fn github() {
    assert_snapshot!(shown(Format::Github));
}

#[test]
fn json_is_one_object_a_line_with_places_in_bytes_and_characters() {
    let lines = shown(Format::Json);
    let objects: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let redact = objects.iter().find(|object| object["code"] == "RC0208").expect("the finding");
    assert_snapshot!(serde_json::to_string_pretty(redact).expect("JSON"));
    let version = objects.iter().find(|object| object["code"] == "RC0104").expect("the finding");
    assert_eq!(version["fix"]["replacement"], "1.0.0");
    let conflict = objects.iter().find(|object| object["code"] == "RC0302").expect("the finding");
    assert_eq!(conflict["related"].as_array().map(Vec::len), Some(2), "a contradiction names its other rule");
}

/// The brace that is missing is rarely that of the block that stays open.
#[test]
fn an_unclosed_block_points_at_the_one_whose_brace_is_missing() {
    let text = "role clerk {\n    version 1.0.0\n    constraints {\n        max_sentences 3\n    fallback \"No.\"\n}\n";
    let findings = compile(&Source::new("clerk.role", text)).findings;
    assert_snapshot!(render(&findings, Format::Human { color: false }));
}

#[test]
fn colour_is_a_choice() {
    assert!(shown(Format::Human { color: true }).contains('\u{1b}'));
    assert!(!shown(Format::Human { color: false }).contains('\u{1b}'));
}

/// A message cannot end its annotation and begin another command.
#[test]
fn github_commands_are_escaped() {
    let source = Source::new("a,b:c\n.role", "x\ny");
    let finding = Finding::new(Code(104), &source, Span::new(0, 3), "100%\n::error::x\r");
    assert_eq!(
        render(&[finding], Format::Github),
        "::error file=a%2Cb%3Ac%0A.role,line=1,endLine=2,title=RC0104::100%25%0A::error::x%0D\n"
    );
}

/// Places that lie outside of the text or inside a character are drawn somewhere near.
#[test]
fn impossible_places_are_drawn() {
    let source = Source::new("a.role", "战\n");
    for span in [Span::new(1, 2), Span::new(9, 99), Span::new(3, 1), Span::new(4, 4)] {
        let finding = Finding::new(Code(104), &source, span, "odd").with_related(span, "odd as well");
        for format in [Format::Human { color: false }, Format::Short, Format::Json, Format::Github] {
            assert!(render(std::slice::from_ref(&finding), format).contains("odd"));
        }
    }
}

//! The options of term lists: how they are read, what they mean, and what is proved about them.

#![allow(clippy::indexing_slicing, clippy::panic, reason = "a test stops at the first surprise")]

mod common;

use common::{contract, program};
use rolecall_dsl::compile;
use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::Language;
use rolecall_dsl::diagnostic::{Code, codes};
use rolecall_dsl::source::Source;
use rolecall_dsl::text::terms::Matching;

/// The codes and places of what is wrong with some rules.
fn findings(rules: &str) -> Vec<(Code, String)> {
    let text = format!("role test {{ version 1.0.0 language zh, en persona \"p\" constraints {{\n{rules}\n}} }}");
    let source = Source::new("test.role", &text);
    let compiled = compile(&source);
    compiled.findings.iter().map(|finding| (finding.code, source.slice(finding.span).to_owned())).collect()
}

fn matching(rule: &str) -> Matching {
    match contract(rule).rules[0].constraint.fact() {
        Fact::Forbidden { matching, .. } | Fact::Required { matching, .. } => matching.clone(),
        fact => panic!("{fact:?}"),
    }
}

#[test]
fn options_are_read_however_they_are_laid_out() {
    let expected =
        Matching { variants: false, gaps: true, exceptions: vec!["明日本来".into(), "今日本店".into()] };
    for rule in [
        "forbidden_terms \"日本\" { except \"明日本来\" | \"今日本店\" variants off gaps on }",
        "forbidden_terms \"日本\" { gaps on variants off except \"明日本来|今日本店\" on_violation reject }",
        "required_terms any \"日本\" { severity warning gaps on } { variants off\n except \"明日本来\" |\n \"今日本店\" }",
    ] {
        assert_eq!(matching(rule), expected, "{rule}");
    }
    assert_eq!(matching("forbidden_terms \"日本\" { severity warning }"), *Matching::usual());
    assert_eq!(matching("required_terms \"日本\" { severity warning }"), *Matching::exact());
}

#[test]
fn wrong_options_are_found_where_they_stand() {
    let found = |option: &str| findings(&format!("forbidden_terms \"日本\" | \"AI\" {{ {option} }}"));
    assert_eq!(found("variants maybe"), [(codes::WRONG_OPTION, "maybe".into())]);
    assert_eq!(found("gaps"), [(codes::WRONG_OPTION, "gaps".into())]);
    assert_eq!(found("variants on variants off"), [(codes::DUPLICATE_FIELD, "variants".into())]);
    assert_eq!(found("varient off"), [(codes::UNKNOWN_OPTION, "varient".into())]);
    assert_eq!(found("except"), [(codes::WRONG_ARGUMENTS, "forbidden_terms".into())]);
    assert_eq!(found("except \"明天\""), [(codes::WRONG_OPTION, "except \"明天\"".into())]);
    assert_eq!(found("except \"said\""), [(codes::WRONG_OPTION, "except \"said\"".into())]);
    assert_eq!(found("except \"ＡＩ\""), [(codes::WRONG_OPTION, "except \"ＡＩ\"".into())]);
    assert_eq!(found("except \"open AI\" | /x/")[0].0, codes::WRONG_ARGUMENTS);
    assert_eq!(findings("max_chars 9 { variants off }"), [(codes::UNKNOWN_OPTION, "variants".into())]);
    // Variants are the same term where they are alike.
    assert_eq!(findings("forbidden_terms \"头发\" | \"頭髮\"")[0].0, codes::REPEATED_TERM);
    assert_eq!(findings("forbidden_terms \"头发\" | \"頭髮\" { variants off }"), []);
}

#[test]
fn a_model_is_told_of_exceptions_and_gaps() {
    let prompt = |rule: &str, language| contract(rule).rules[0].constraint.prompt(language);
    let rule = "forbidden_terms \"日本\" { except \"明日本来\" gaps on }";
    assert_eq!(prompt(rule, Language::Zh), "绝不使用这些词语：“日本”（“明日本来”中的不算，字间隔开的也算）。");
    assert_eq!(
        prompt(rule, Language::En),
        "Never use these terms: \"日本\" (not counting \"明日本来\", also with gaps between the characters)."
    );
    assert_eq!(prompt("required_terms \"日本\"", Language::Zh), "回答中必须出现“日本”。");
}

#[test]
fn required_terms_do_not_occur_in_their_exceptions() {
    let program = program("required_terms \"日本\" { except \"明日本来\" }");
    let passes = |text: &str| program.check(text).passes();
    assert_eq!(
        [passes("明日本来"), passes("明日本"), passes("我爱日本"), passes("日本，明日本来")],
        [false, true, true, true]
    );
}

#[test]
fn an_exception_that_is_redacted_excuses_nothing() {
    let rules =
        "forbidden_terms \"日本\" { except \"明日本来\" }\nforbidden_terms \"来\" { on_violation redact \"×\" }";
    let mut monitor = program(rules).monitor();
    let released: String = ["明日", "本来", "。"].map(|delta| monitor.push(delta).released).concat();
    assert_eq!((released + &monitor.finish().released).as_str(), "明");
}

/// A proof that did not know of exceptions or variants would say otherwise here.
#[test]
fn proofs_know_of_exceptions_and_variants() {
    let impossible = |rules: &str| findings(rules).iter().any(|(code, _)| (300..500).contains(&code.0));
    let within = "required_terms \"日本来\"\nforbidden_terms \"日本\"";
    assert!(impossible(within));
    assert!(!impossible(&format!("{within} {{ except \"明日本来\" }}")));
    assert!(impossible(&format!("{within} {{ except \"今日本\" }}\nmust_match /^日本来/")));
    assert!(impossible("required_terms \"頭髮\"\nforbidden_terms \"头发\""));
    assert!(impossible("required_terms \"头发\"\nforbidden_terms \"頭髮\""));
    // One of the forms is left.
    assert!(!impossible("required_terms \"头发\" { variants on }\nforbidden_terms \"头发\" { variants off }"));
    assert!(impossible("required_terms \"头发\"\nforbidden_terms \"头发\" { variants off }"));
    assert!(!impossible("required_terms \"頭髮\"\nforbidden_terms \"头发\" { variants off }"));
    assert!(impossible("required_terms \"人工\" { gaps on }\nforbidden_terms \"人工\" { gaps on }"));
    assert!(!impossible("required_terms \"人工\" { gaps on }\nforbidden_terms \"人工\""));
}

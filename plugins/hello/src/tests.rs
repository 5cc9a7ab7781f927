use rolecall_plugin::testing::Constraint;
use rolecall_plugin::{Context, PolicyError, Violation};

use super::Hello;

fn hello(params: &str, language: &str) -> Constraint<Hello> {
    let policy = Constraint::create(params).expect("usable parameters");
    policy.with_context(Context { role: "host".into(), language: language.into() })
}

/// The reply after the suggestion was taken.
fn mended(reply: &str, violation: &Violation) -> String {
    let mut mended = reply.to_owned();
    mended.replace_range(violation.spans[0].clone(), violation.suggestion.as_deref().expect("a suggestion"));
    mended
}

fn opens(params: &str, language: &str, reply: &str) -> String {
    let found = hello(params, language).check(reply).expect("a judgement");
    assert_eq!(found.len(), 1, "{reply}: {found:?}");
    mended(reply, &found[0])
}

/// Fails when the span is not that of the word, blanks before it included, or when capitals hide it.
#[test]
fn the_suggestion_mends_the_reply() {
    assert_eq!(opens("{}", "en", "Hi there."), "Hello there.");
    assert_eq!(opens("{}", "en", "\n  HEY! Hi."), "\n  Hello! Hi.");
    assert_eq!(opens("{}", "zh", "　嗨，请坐。"), "　您好，请坐。");
    assert_eq!(opens("{}", "zh", "哈喽"), "您好");
}

/// Fails when the author's greeting is not the one that is said.
#[test]
fn the_parameter_is_the_greeting() {
    assert_eq!(opens(r#"{"greeting": "Welcome"}"#, "zh", "Hi!"), "Welcome!");
}

/// Fails when a greeting is found inside a word, or anywhere but at the opening.
#[test]
fn other_openings_pass() {
    for reply in ["", "Hello.", "High time.", "Yoga? Hi.", "嘿嘿，好。", "请说嗨。", "…", "Hi-fi speakers are on sale."]
    {
        assert_eq!(hello("{}", "zh").check(reply), Ok(Vec::new()), "{reply}");
    }
}

/// Fails when a parameter is not looked at, or the finding does not name it.
#[test]
fn unusable_parameters_are_named() {
    for (params, name) in [(r#"{"greeting": " "}"#, "greeting"), (r#"{"greetings": "Hi"}"#, "greetings")] {
        match Constraint::<Hello>::create(params) {
            Err(PolicyError::BadParams(bad)) => assert_eq!(bad.param, name),
            other => panic!("{other:?}"),
        }
    }
}

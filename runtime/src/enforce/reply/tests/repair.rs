//! The laws of repair, and the edits that need no model.

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rolecall_dsl::Contract;
use rolecall_dsl::constraint::Class;
use rolecall_dsl::diagnostic::Severity;
use rolecall_wire::frame::Outcome;

use super::{Ran, chars, once, run, splits};
use crate::enforce::testing::role;

/// Every kind of edit, alone and together, in every mode.
static CONTRACTS: LazyLock<Vec<Arc<Contract>>> = LazyLock::new(|| {
    let kinds = [
        "max_sentences 2 { on_violation truncate } forbidden_terms \"算法\" { on_violation redact \"某\" }",
        "max_chars 9",
        "max_words 9 max_repeat 1",
        "response_style 反问句 >= 40% max_sentences 3",
        "required_terms any \"走吧。\" max_chars 30",
        "required_terms all \"走吧。\" | \"好的。\"",
        "starts_with \"答：\" max_sentences 3",
        "ends_with \"罢了。\" max_sentences 3",
        "starts_with \"答：\" ends_with \"罢了。\" response_style question >= 30%",
        "max_repeat 1",
        "max_repeat 1 required_terms any \"走吧。\"",
        "no_urls { on_violation redact \"[网址]\" } no_emoji { on_violation redact \"[笑]\" } no_markdown",
        "language zh >= 60%",
        "response_style exclamation <= 50% forbidden_terms \"算法\" max_repeat 2",
        "min_sentences 2 min_chars 4 script han",
        "must_match /[0-9]{2}/ max_chars 20 { on_violation truncate }",
    ];
    let fallback = "fallback \"答：难道12不够吗？走吧。好的。罢了。\"";
    kinds.iter().flat_map(|rules| [role("zh", rules, ""), try_role(rules, fallback)]).collect()
});

/// With the fallback where it keeps the rules.
fn try_role(rules: &str, fallback: &str) -> Arc<Contract> {
    let text =
        format!("role tested {{ version 1.0.0 language zh persona \"p\" constraints {{ {rules} }} {fallback} }}");
    let compiled = rolecall_dsl::compile(&rolecall_dsl::source::Source::new("test.role", &text));
    compiled.contracts.into_iter().next().unwrap_or_else(|| role("zh", rules, ""))
}

fn words() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "答：",
        "好的。",
        "好",
        "走吧。",
        "罢了。",
        "难道不是吗？",
        "天色已晚。",
        "何必呢",
        "？",
        "！",
        "算",
        "法",
        "算法",
        "😀",
        "a.com ",
        "**",
        "*",
        "12",
        "Well. ",
        "so it is",
        " ",
        "\n",
        "，",
        "「",
        "」",
        "…",
        "\u{200b}",
    ]);
    prop::collection::vec(words, 0..12).prop_map(|w| w.concat())
}

fn ran(contract: &Arc<Contract>, answers: &[String]) -> Ran {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let attempts: Vec<Vec<String>> = answers.iter().map(|a| chars(a)).collect();
    runtime.block_on(run(contract, &attempts))
}

/// Error-severity rules that a text breaks by what it says.
fn said_wrong(contract: &Arc<Contract>, text: &str) -> Vec<String> {
    let violations = contract.program.check(text).violations;
    let safety = |rule: usize| contract.rules[rule].constraint.class() == Class::Safety;
    let wrong = violations.iter().filter(|v| v.severity == Severity::Error && !v.span.is_empty() && safety(v.rule));
    wrong.map(|v| v.id.to_string()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::CASES))]

    /// Fails when a repair depends on anything but its input, changes a reply that complies, leaves a
    /// reply that it would change again, adds a violation, or does not say which rule asked for it.
    #[test]
    fn repairs_keep_their_laws(contract in 0usize..64, answers in prop::collection::vec(words(), 1..4)) {
        let contract = &CONTRACTS[contract % CONTRACTS.len()];
        let first = ran(contract, &answers);
        let again = ran(contract, &answers);
        prop_assert_eq!((&first.text, first.outcome, &first.hits), (&again.text, again.outcome, &again.hits));

        let complies = contract.program.check(&answers[0]);
        if complies.passes() && complies.violations.iter().all(|v| !v.redacted) && !answers[0].trim().is_empty() {
            prop_assert_eq!((first.outcome, &first.text), (Outcome::Complete, &answers[0]), "a good reply is touched");
        }
        prop_assert_eq!(said_wrong(contract, &first.text), Vec::<String>::new(), "{:?}", &first);
        prop_assert!(first.outcome == Outcome::Complete || !first.hits.is_empty(), "nobody is to blame: {:?}", &first);
        for hit in &first.hits {
            let named = hit.rule == "empty_reply" || contract.rules.iter().any(|rule| *rule.id == *hit.rule);
            prop_assert!(named, "{:?} is no rule", hit);
        }
        if first.outcome != Outcome::Refused {
            let replayed = ran(contract, std::slice::from_ref(&first.text));
            prop_assert_eq!((replayed.outcome, &replayed.text), (Outcome::Complete, &first.text), "{:?}", &first.hits);
        }
    }
}

/// Fails when an answer without the words that it must begin with is asked for again, or they are put in
/// front of one that has them.
#[tokio::test]
async fn the_words_a_reply_must_begin_with_are_put_in_front() {
    for (rest, fallback) in [
        ("", ""),
        ("response_style 反问句 >= 40%", "fallback \"答：难道不是吗？\""),
        ("response_style 反问句 >= 40%", ""),
    ] {
        let contract = role("zh", &format!("starts_with \"答：\" {rest}"), fallback);
        for deltas in splits("难道不是吗？走吧。") {
            let ran = run(&contract, &[deltas]).await;
            assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Repaired, "答：难道不是吗？走吧。"), "{ran:?}");
            assert_eq!((ran.actions(), ran.asked.len()), (vec![("starts_with", "repair")], 0));
        }
        for deltas in splits("答：难道不是吗？") {
            let ran = run(&contract, &[deltas]).await;
            assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Complete, "答：难道不是吗？"));
        }
    }
    let contract = role("en", "starts_with \"Dear reader,\" { on_violation reject }", "");
    let ran = run(&contract, &[once("Hello.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Refused, ""), "only what asks for a repair is mended");
    let contract = role("en", "starts_with \"Dear reader,\" max_chars 20", "");
    let ran = run(&contract, &[chars("Hello there."), chars("Dear reader, hi.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Repaired, "Dear reader, Hello ther"), "{ran:?}");
}

/// Fails when the words at a reply's end are left to the model.
#[tokio::test]
async fn the_words_a_reply_must_end_with_are_appended() {
    for fallback in ["", "fallback \"走吧。如此而已。\""] {
        let contract = role("zh", "max_sentences 4 ends_with \"而已。\" required_terms any \"走吧。\"", fallback);
        for deltas in splits("天色已晚。") {
            let ran = run(&contract, &[deltas]).await;
            let text = "天色已晚。走吧。而已。";
            assert_eq!((ran.outcome, ran.text.as_str(), ran.asked.len()), (Outcome::Repaired, text, 0), "{ran:?}");
        }
    }
}

/// Fails when a model that loops is asked again, or what it repeats goes out.
#[tokio::test]
async fn a_repeated_sentence_ends_the_reply_or_is_left_out() {
    for (rest, text) in [("", "天色已晚。路还很远。"), ("min_sentences 2", "天色已晚。路还很远。走吧。")]
    {
        let contract = role("zh", &format!("max_repeat 1 {rest}"), "");
        for deltas in splits("天色已晚。路还很远。天色已晚。走吧。") {
            let ran = run(&contract, &[deltas]).await;
            assert_eq!((ran.outcome, ran.text.as_str(), ran.asked.len()), (Outcome::Repaired, text, 0), "{ran:?}");
            assert!(ran.hits.iter().all(|hit| hit.rule == "max_repeat"), "{ran:?}");
        }
    }
}

/// Fails when a rung of the ladder is skipped, or taken before the one above it: edits, the model with
/// what must still come, the fallback, the refusal.
#[tokio::test]
async fn the_rungs_are_taken_in_order() {
    let rules = "required_terms all \"走吧。\" | \"秦\" max_sentences 3 { on_violation truncate }";
    let contract = role("zh", rules, "fallback \"秦强。走吧。\"");
    // An edit is enough: nobody is asked.
    let ran = run(&contract, &[once("秦强。")]).await;
    assert_eq!((ran.outcome, ran.text.as_str(), ran.asked.len()), (Outcome::Repaired, "秦强。走吧。", 0));
    // It is not: the model is told what must still come and what was wrong.
    let ran = run(&contract, &[once("天色已晚。"), once("秦强。")]).await;
    assert_eq!((ran.outcome, ran.asked.len()), (Outcome::Repaired, 1), "{ran:?}");
    assert!(ran.asked[0].still.iter().any(|still| still.contains('秦')), "{:?}", ran.asked);
    assert!(!ran.asked[0].broken.is_empty(), "{:?}", ran.asked);
    assert_eq!(ran.actions().first(), Some(&("required_terms", "repair")));
    // It does not help: the fallback, and only then.
    let ran = run(&contract, &[once("天色已晚。")]).await;
    assert_eq!((ran.outcome, ran.asked.len()), (Outcome::Fallback, 2), "{ran:?}");
    assert!(ran.text.ends_with("秦强。走吧。"), "{ran:?}");
    // There is none: a refusal that names the rule.
    let ran = run(&role("zh", rules, ""), &[once("天色已晚。")]).await;
    assert_eq!((ran.outcome, ran.asked.len(), ran.text.as_str()), (Outcome::Refused, 2, ""), "{ran:?}");
    assert_eq!(ran.actions().last(), Some(&("required_terms", "reject")));
}

/// Fails when a model is read on whose answer nothing can come of.
#[tokio::test]
async fn a_dead_answer_is_read_no_further() {
    for (rules, text, at) in [
        ("forbidden_terms \"算法\" { on_violation reject }", "这是算法，很难。", "这是算法"),
        ("max_chars 4 { on_violation reject }", "一二三四五六", "一二三四五"),
        ("starts_with \"答：\" { on_violation reject }", "你好吗", "你"),
        ("format json { on_violation reject } max_chars 30", "好的，{\"a\": 1}", "好"),
        ("max_repeat 1 { on_violation reject }", "好。好。走吧。", "好。好。走"),
        ("required_terms any \"秦国\" { on_violation reject } max_chars 4", "一二三四", "一二三"),
    ] {
        let ran = run(&role("zh", rules, ""), &[chars(text)]).await;
        assert_eq!((ran.outcome, ran.read[0]), (Outcome::Refused, at.chars().count()), "{rules} {ran:?}");
    }
}

//! Plugin policies around a reply.

use std::collections::HashMap;
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::monitor::DeliveryMode;
use rolecall_wire::frame::Outcome;

use super::{Ran, chars, once, run_with};
use crate::enforce::admit_delivery;
use crate::enforce::reply::ReplyStream;
use crate::enforce::testing::{Double, Doubles, Failure, role};
use crate::telemetry::Metrics;

fn doubles(double: Double) -> Doubles {
    Doubles { plugins: HashMap::from([("tone", double)]), ..Doubles::default() }
}

fn contract(options: &str, rest: &str) -> Arc<Contract> {
    role("en", &format!("policy \"tone\" {options}"), rest)
}

async fn said(contract: &Arc<Contract>, double: Double, attempts: &[Vec<String>]) -> Ran {
    run_with(contract, Arc::new(doubles(double)), "", attempts).await
}

#[test]
fn whole_only_policies_force_the_full_mode() {
    let mode = |streaming| {
        let judges = Arc::new(doubles(Double::objecting("damn", streaming)));
        ReplyStream::new(&contract("", ""), judges, Metrics::new().unwrap(), "").mode()
    };
    assert_eq!((mode(true), mode(false)), (DeliveryMode::Sentence, DeliveryMode::Full));
}

/// Fails when a sentence goes out before its policy was asked, or the policy keeps a dropped one.
#[tokio::test]
async fn a_sentence_is_judged_before_it_goes_out_and_forgotten_when_dropped() {
    let doubles = doubles(Double::objecting("damn", true));
    let log = Arc::clone(&doubles.log);
    let ran =
        run_with(&contract("", ""), Arc::new(doubles), "", &[chars("All is well. Well, damn it. So be it.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Repaired, "All is well. So be it."));
    assert_eq!(ran.actions(), [("policy", "drop")]);
    let expected = [
        "open tone",
        "push tone All is well. ",
        "push tone Well, damn it. ",
        "open tone",
        "push tone All is well. ",
        "push tone So be it.",
        "check tone All is well. So be it.",
    ];
    assert_eq!(*log.lock(), expected);
}

/// Fails when the last word of a reply goes out before a policy that waits for what follows it has decided:
/// in one attempt or in several, whatever its action, however the answer is cut.
#[tokio::test]
async fn what_a_policy_knows_only_at_the_end_never_goes_out() {
    let waits = Double { waits: true, ..Double::objecting("damn", true) };
    let fallback = "fallback \"Pardon.\"";
    for (options, outcome, text) in [
        ("", Outcome::Repaired, "All is well. "),
        ("{ on_violation reject }", Outcome::Refused, "All is well. "),
        ("{ on_violation fallback }", Outcome::Fallback, "All is well. Pardon."),
    ] {
        for answer in
            [chars("All is well. Oh damn"), once("All is well. Oh damn"), once("All is well.\n\nDamn. Oh damn")]
        {
            let ran = said(&contract(options, fallback), waits, std::slice::from_ref(&answer)).await;
            assert!(!ran.text.contains("damn"), "{options}: {ran:?}");
            assert_eq!(ran.outcome, outcome, "{options}: {ran:?}");
            if !answer.concat().contains("Damn.") {
                assert_eq!(ran.text.trim_end(), text.trim_end(), "{options}");
            }
        }
    }
    let ran = said(&contract("", ""), waits, &[once("Oh damn"), once("So damn"), once("Fine.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Repaired, "Fine."));
    // A closing of the contract's own behind it does not hide it either.
    let closing = role("en", "policy \"tone\" { on_violation reject }  required_terms \"Bye\"", "");
    let ran = said(&closing, waits, &[once("All is well. Oh damn")]).await;
    assert!(!ran.text.contains("damn"), "{ran:?}");
    let ran = said(&contract("", ""), waits, &[once("Oh damned")]).await;
    assert!(ran.text.is_empty(), "{ran:?}");
}

#[tokio::test]
async fn each_action_of_a_policy() {
    let text = [chars("All is well. Well, damn it. So be it.")];
    let bad = Double::objecting("damn", true);
    let ran = said(&contract("{ on_violation reject }", ""), bad, &text).await;
    assert_eq!((ran.outcome, ran.text.trim_end()), (Outcome::Refused, "All is well."));
    let ran = said(&contract("{ on_violation fallback }", "fallback \"Pardon.\""), bad, &text).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Fallback, "All is well. Pardon."));
    let ran = said(&contract("{ severity warning }", ""), bad, &text).await;
    assert_eq!((ran.outcome, ran.actions()), (Outcome::Complete, vec![("policy", "warn")]));
}

/// Fails when a warning holds a reply up, is told about words that were dropped, or is told twice.
#[tokio::test]
async fn warnings_of_a_policy_are_told_of_what_goes_out() {
    let text = [chars("How odd. Well, damn odd. So be it.")];
    for streaming in [true, false] {
        let odd = Double { odd: "odd", ..Double::objecting("", streaming) };
        let ran = said(&contract("", ""), odd, &text).await;
        assert_eq!((ran.outcome, ran.actions()), (Outcome::Complete, vec![("policy", "warn")]), "{ran:?}");
        assert_eq!(ran.text, "How odd. Well, damn odd. So be it.");
        // Of the rule and the violation the milder one counts.
        let ran = said(&contract("{ severity warning }", ""), odd, &text).await;
        assert_eq!((ran.outcome, ran.actions()), (Outcome::Complete, vec![("policy", "warn")]), "{ran:?}");
    }
    let both = Double { odd: "odd", ..Double::objecting("damn", true) };
    let ran = said(&contract("", ""), both, &[chars("All is well. Well, damn odd. So be it.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Repaired, "All is well. So be it."));
    assert_eq!(ran.actions(), [("policy", "drop")], "the odd word was dropped");
}

/// Fails when a warning ends a stream, which would be opened and fed again for every piece.
#[tokio::test]
async fn a_warning_leaves_the_stream_open() {
    let doubles = doubles(Double { odd: "odd", ..Double::objecting("", true) });
    let log = Arc::clone(&doubles.log);
    run_with(&contract("", ""), Arc::new(doubles), "", &[chars("How odd. So be it.")]).await;
    let expected = [
        "open tone",
        "push tone How odd. ",
        "push tone So be it.",
        "check tone How odd. So be it.",
        "check tone How odd. So be it.",
    ];
    assert_eq!(*log.lock(), expected);
}

/// Fails when a whole-only policy is asked too late, or its objection leads to no second attempt.
#[tokio::test]
async fn a_whole_only_policy_sees_the_whole_reply_first() {
    let bad = Double::objecting("damn", false);
    let ran = said(&contract("", ""), bad, &[once("Damn. So damn it."), once("So be it.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str(), ran.asked.len()), (Outcome::Repaired, "So be it.", 1));
}

/// Fails when an objection at the end passes, or what is missing is not asked for.
#[tokio::test]
async fn an_objection_at_the_end_is_mended_by_a_continuation() {
    let wanting = Double { wanted: "please", ..Double::objecting("", true) };
    let ran = said(&contract("", ""), wanting, &[once("Sit down."), once("And rise, please.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Repaired, "Sit down. And rise, please."));
    let ran = said(&contract("", ""), wanting, &[once("Sit.")]).await;
    assert_eq!(ran.outcome, Outcome::Refused);
}

/// Fails when a plugin that gives no judgement lets a reply through unasked, or `on_failure` is ignored:
/// for every way to fail, from the first piece on or only at the end, streaming or not.
#[tokio::test]
async fn failures_act_as_the_contract_says() {
    let fallback = "fallback \"Pardon.\"";
    let with = |on: &str| role("en", &format!("policy \"tone\" {{ on_failure {on} }}"), fallback);
    let text = [once("So be it.")];
    for failure in Failure::ALL {
        let lasting = matches!(failure, Failure::Missing | Failure::WrongWorld | Failure::BadParams);
        for (streaming, fails_late) in [(true, false), (false, false), (true, true)] {
            let failing = Double { fails: Some(failure), fails_late, ..Double::objecting("", streaming) };
            let asked = if lasting { 0 } else { 2 };
            for contract in [contract("", fallback), with("reject")] {
                let ran = said(&contract, failing, &text).await;
                assert_eq!((ran.outcome, ran.asked.len()), (Outcome::Refused, asked), "{failure:?} {ran:?}");
                assert!(ran.text.is_empty() && ran.actions().contains(&("policy", "reject")), "{failure:?} {ran:?}");
            }
            let ran = said(&with("allow"), failing, &text).await;
            assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Complete, "So be it."), "{failure:?}");
            assert!(ran.actions().contains(&("policy", "warn")));
            let ran = said(&with("fallback"), failing, &text).await;
            assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Fallback, "Pardon."), "{failure:?}");
            // A policy that only warns never holds a reply up, in mode *Token* either.
            let ran = said(&contract("{ severity warning }", fallback), failing, &[chars("So be it.")]).await;
            assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Complete, "So be it."), "{failure:?}");
            assert_eq!((ran.actions(), ran.pieces.len()), (vec![("policy", "warn")], 9), "{failure:?}");
        }
    }
}

/// Fails when two replies share a judgement that grows, or one is opened for every piece.
#[tokio::test]
async fn every_reply_has_a_stream_of_its_own() {
    let doubles = Arc::new(doubles(Double::objecting("damn", true)));
    for _ in 0..2 {
        doubles.log.lock().clear();
        let ran = run_with(&contract("", ""), doubles.clone(), "", &[chars("All is well. So be it.")]).await;
        assert_eq!(ran.outcome, Outcome::Complete);
        let expected =
            ["open tone", "push tone All is well. ", "push tone So be it.", "check tone All is well. So be it."];
        assert_eq!(*doubles.log.lock(), expected);
    }
}

#[tokio::test]
async fn deliveries_are_judged_whole() {
    let metrics = Metrics::new().unwrap();
    let judges = Arc::new(doubles(Double::objecting("damn", true)));
    let contract =
        role("en", "max_sentences 2 policy \"tone\" forbidden_terms \"password\" { on_violation redact \"…\" }", "");
    let admit = |text: &'static str| admit_delivery(&contract, judges.clone(), &metrics, text);
    assert_eq!(admit("Your parcel is here.").await.unwrap().get(), "Your parcel is here.");
    assert_eq!(admit("The password is 12.").await.unwrap().get(), "The … is 12.");
    assert_eq!(admit("One. Two. Three.").await.unwrap().get(), "One. Two. Three.", "a notice has a shape of its own");
    assert_eq!(admit("Well, damn.").await.unwrap_err()[0].rule, "policy");
    let judges = Arc::new(doubles(Double { odd: "odd", ..Double::objecting("damn", true) }));
    let admitted = admit_delivery(&contract, judges, &metrics, "How odd.").await;
    assert_eq!(admitted.unwrap().get(), "How odd.", "a warning refuses nothing");
}

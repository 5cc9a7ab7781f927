//! Each rung of the ladder, and which one a rule's `on_violation` takes.

use rolecall_dsl::monitor::DeliveryMode;
use rolecall_wire::frame::Outcome;

use super::{chars, once, run, run_with, splits};
use crate::enforce::reply::ReplyStream;
use crate::enforce::testing::{ARTICLE, Doubles, compile, role};
use crate::telemetry::Metrics;
use std::sync::Arc;

const RATIO: &str = "response_style 反问句 >= 40%";

fn mode(contract: &Arc<rolecall_dsl::Contract>) -> DeliveryMode {
    ReplyStream::new(contract, Arc::new(Doubles::default()), Metrics::new().unwrap(), "").mode()
}

#[test]
fn modes_follow_from_the_strictest_rule() {
    assert_eq!(mode(&role("zh", "forbidden_terms \"AI\"", "")), DeliveryMode::Token);
    assert_eq!(mode(&role("zh", "max_sentences 3", "")), DeliveryMode::Token);
    assert_eq!(mode(&role("zh", RATIO, "fallback \"难道不是吗？\"")), DeliveryMode::Sentence);
    assert_eq!(mode(&compile(ARTICLE)), DeliveryMode::Full);
}

/// Fails when a compliant reply is touched, or not streamed.
#[tokio::test]
async fn a_compliant_reply_passes_as_it_is() {
    for text in ["难道不是吗？走吧。", "岂能如此？何必呢？好。"] {
        for deltas in splits(text) {
            let ran = run(&compile(ARTICLE), std::slice::from_ref(&deltas)).await;
            assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Complete, text));
            assert_eq!(ran.actions(), []);
        }
    }
    let token = role("zh", "forbidden_terms \"算法\"", "");
    let ran = run(&token, &[chars("计算很难,也很有趣。")]).await;
    assert_eq!(ran.outcome, Outcome::Complete);
    assert!(ran.pieces.len() >= 8, "every safe character goes out at once: {:?}", ran.pieces);
}

/// Fails when a reply is not cut exactly behind the last sentence allowed, or the model is read on.
#[tokio::test]
async fn five_sentences_are_cut_to_three() {
    for rule in ["max_sentences 3", "max_sentences 3 { on_violation truncate }"] {
        let contract = role("en", rule, "");
        let text = "One is here. Two is here. Three is here. Four is here. Five is here.";
        for deltas in splits(text) {
            let ran = run(&contract, &[deltas]).await;
            assert_eq!(ran.outcome, Outcome::Repaired);
            assert_eq!(ran.text.trim_end(), "One is here. Two is here. Three is here.");
            assert_eq!(ran.actions(), [("max_sentences", "truncate")]);
        }
        let ran = run(&contract, &[chars(text)]).await;
        assert_eq!(ran.read, [text.find("Four").unwrap() + 1], "the first letter of the fourth sentence ends the call");
    }
}

/// Fails when sentences that the ratio cannot bear are not dropped, or good ones are.
#[tokio::test]
async fn five_sentences_under_the_articles_contract_keep_a_compliant_selection() {
    let contract = compile(ARTICLE);
    for deltas in splits("天色已晚。路还很远。难道要停下吗？走吧。岂能半途而废？") {
        let ran = run(&contract, &[deltas]).await;
        assert_eq!(ran.outcome, Outcome::Repaired);
        assert_eq!(ran.text, "天色已晚。难道要停下吗？岂能半途而废？");
    }
}

/// Fails when plain sentences pass a ratio, or when the order repair, refusal is not kept.
#[tokio::test]
async fn plain_sentences_are_asked_again_and_then_refused() {
    let plain = once("天色已晚。路还很远。走吧。");
    let ran = run(&compile(ARTICLE), std::slice::from_ref(&plain)).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Refused, ""));
    assert_eq!(ran.asked.len(), 2, "two repairs by default");
    assert!(!ran.asked[0].still.is_empty() && !ran.asked[0].broken.is_empty(), "{:?}", ran.asked);
    let ran = run(&compile(ARTICLE), &[plain, once("何必呢？")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Repaired, "何必呢？"));
    assert_eq!(ran.actions(), [("response_style", "repair")]);
}

/// Fails when a sentence goes out that the fallback cannot make good, or one is held for no reason.
#[tokio::test]
async fn sentences_go_out_while_the_fallback_could_complete_them() {
    let contract = role("zh", &format!("max_sentences 3 {RATIO}"), "fallback \"难道这还用说吗？\"");
    let ran = run(&contract, &[chars("天色已晚。路还很远。走吧。")]).await;
    assert_eq!(ran.outcome, Outcome::Fallback);
    assert_eq!(ran.text, "天色已晚。难道这还用说吗？");
    let ran = run(&contract, &[chars("天色已晚。路还很远。岂能停下？")]).await;
    assert_eq!((ran.outcome, ran.pieces.concat().as_str()), (Outcome::Repaired, "天色已晚。岂能停下？"));
    assert_eq!(ran.pieces[0], "天色已晚。", "the first sentence did not wait for the end");
    assert!(ran.actions().contains(&("response_style", "drop")), "{:?}", ran.hits);
}

/// Fails when `truncate` cuts anywhere else than where the bound is met.
#[tokio::test]
async fn truncate_cuts_exactly_at_the_bound() {
    for (late, fallback) in [("", ""), (RATIO, "fallback \"难道不是吗？\""), (RATIO, "")] {
        let contract = role("zh", &format!("max_chars 10 {{ on_violation truncate }} {late}"), fallback);
        for deltas in splits("难道不是吗？难道此事须用别的法子来解吗") {
            let ran = run(&contract, &[deltas]).await;
            assert_eq!(
                (ran.outcome, ran.text.as_str()),
                (Outcome::Repaired, "难道不是吗？难道此事"),
                "{late}{fallback}"
            );
            assert_eq!(ran.actions(), [("max_chars", "truncate")]);
        }
    }
}

/// Fails when a redaction loses or doubles text, or goes unreported.
#[tokio::test]
async fn redact_replaces_the_match() {
    for (late, fallback) in [("", ""), (RATIO, "fallback \"难道不是吗？\""), (RATIO, "")] {
        let contract =
            role("zh", &format!("forbidden_terms \"算法\" {{ on_violation redact \"那物\" }} {late}"), fallback);
        for deltas in splits("难道要用算法来解吗？算法岂能如此？") {
            let ran = run(&contract, &[deltas]).await;
            assert_eq!(
                (ran.outcome, ran.text.as_str()),
                (Outcome::Repaired, "难道要用那物来解吗？那物岂能如此？"),
                "{late} {fallback}"
            );
            assert!(ran.actions().iter().all(|a| *a == ("forbidden_terms", "redact")));
        }
    }
}

/// Fails when the number of repairs is not the rule's, or shown text is not continued.
#[tokio::test]
async fn repair_asks_as_often_as_it_says_and_continues() {
    for n in 1..=3 {
        let contract = role("en", &format!("forbidden_terms \"password\" {{ on_violation repair {n} }}"), "");
        let ran = run(&contract, &[once("The password is 1234.")]).await;
        assert_eq!((ran.outcome, ran.asked.len()), (Outcome::Refused, n), "{ran:?}");
        assert_eq!(ran.actions().last(), Some(&("forbidden_terms", "reject")));
    }
    let contract = role("en", "forbidden_terms \"password\" { on_violation repair 1 }", "");
    let ran = run(&contract, &[chars("It is the password."), once("key I gave you.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Repaired, "It is the key I gave you."));
}

#[tokio::test]
async fn reject_and_fallback_act_at_once() {
    let contract = role("en", "forbidden_terms \"password\" { on_violation reject }", "fallback \"No.\"");
    let ran = run(&contract, &[chars("The password is 1234.")]).await;
    assert_eq!((ran.outcome, ran.asked.len()), (Outcome::Refused, 0));
    assert_eq!(ran.actions(), [("forbidden_terms", "reject")]);
    assert!(ran.read[0] <= "The password ".len(), "the call ends with the match");
    let contract = role("en", "forbidden_terms \"password\" { on_violation fallback }", "fallback \"I cannot say.\"");
    let ran = run(&contract, &[once("Password is 1234.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Fallback, "I cannot say."));
    assert_eq!(ran.actions(), [("forbidden_terms", "fallback")]);
}

/// Fails when the contract's own words are not used before the model is asked again.
#[tokio::test]
async fn required_words_are_appended() {
    for fallback in ["", "fallback \"Sorry. Anything else?\""] {
        let contract = role("en", "max_sentences 4 required_terms any \"Anything else?\"", fallback);
        for deltas in splits("It ships today.") {
            let ran = run(&contract, &[deltas]).await;
            assert_eq!(
                (ran.outcome, ran.text.as_str()),
                (Outcome::Repaired, "It ships today. Anything else?"),
                "{fallback}"
            );
            assert_eq!(ran.actions(), [("required_terms", "repair")]);
        }
    }
}

/// Fails when a warning blocks, or is not reported.
#[tokio::test]
async fn warnings_are_reported_and_never_block() {
    let contract =
        role("en", "max_sentences 1 { severity warning } forbidden_terms \"cheap\" { severity warning }", "");
    let ran = run(&contract, &[chars("It is cheap. Buy it.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Complete, "It is cheap. Buy it."));
    let mut actions = ran.actions();
    actions.sort_unstable();
    assert_eq!(actions, [("forbidden_terms", "warn"), ("max_sentences", "warn")]);
}

/// Fails when an empty answer passes for a reply.
#[tokio::test]
async fn an_empty_answer_is_no_reply() {
    let contract = role("en", "max_sentences 3", "");
    let ran = run(&contract, &[once(" \n"), once(""), once("Fine.")]).await;
    assert_eq!((ran.outcome, ran.text.trim()), (Outcome::Repaired, "Fine."));
    assert_eq!(ran.actions(), [("empty_reply", "repair")]);
}

/// Fails when text shown before an interruption is said again, or does not count for the rules.
#[tokio::test]
async fn a_reply_continues_behind_what_is_there() {
    let judges = || Arc::new(Doubles::default());
    let contract = role("en", "max_sentences 2", "");
    let already = "It ships today.";
    for deltas in splits(" It is blue. It is red.") {
        let ran = run_with(&contract, judges(), already, &[deltas]).await;
        assert_eq!((ran.outcome, ran.text.trim_end()), (Outcome::Repaired, "It ships today. It is blue."));
    }
    let ran = run_with(&contract, judges(), already, &[chars("It ships today. It is blue.")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Complete, "It ships today. It is blue."));
    let ran = run_with(&contract, judges(), already, &[once("")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Complete, already));
}

/// Fails when the end of a term is read as harmless because its beginning is out already.
#[tokio::test]
async fn a_match_over_the_seam_of_an_interruption_is_caught() {
    for action in ["repair 1", "redact \"那物\""] {
        for (rest, text) in [("fallback \"难道不是吗？\"", "用算难道不是吗？"), ("", "用算")] {
            let contract = role("zh", &format!("forbidden_terms \"算法\" {{ on_violation {action} }}"), rest);
            let ran = run_with(&contract, Arc::new(Doubles::default()), "用算", &[once("法吧。")]).await;
            assert_eq!(ran.text, text, "{ran:?}");
        }
    }
}

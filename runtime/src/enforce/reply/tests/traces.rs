//! The account of a reply: which rule, where, in which form, and at which delta.

use std::sync::Arc;

use rolecall_dsl::Contract;

use super::{chars, once};
use crate::enforce::reply::{End, ReplyStream};
use crate::enforce::testing::{Doubles, role};
use crate::enforce::{Act, Found, Trace};
use crate::telemetry::Metrics;

async fn traced(contract: &Arc<Contract>, already: &str, attempts: &[Vec<String>]) -> Option<Trace> {
    let mut reply = ReplyStream::new(contract, Arc::new(Doubles::default()), Metrics::new().unwrap(), already);
    for attempt in 0..10 {
        for delta in attempts.get(attempt).or(attempts.last()).unwrap() {
            if reply.push(delta).await.stop {
                break;
            }
        }
        if let End::Done { outcome, .. } = reply.end_attempt().await {
            return reply.trace("r", Some(outcome));
        }
    }
    panic!("more than ten attempts");
}

fn acts(trace: &Trace) -> Vec<(&str, &str, u32, Option<usize>)> {
    trace.acts.iter().map(|act| (act.rule.as_str(), act.action.as_str(), act.attempt, act.delta)).collect()
}

// Fails when the trace names another place, form or delta than the one that caused the action.
#[tokio::test]
async fn a_redaction_is_traced_to_its_delta() {
    let contract = role("zh", "forbidden_terms \"AI\" { on_violation redact \"某物\" }", "");
    let trace = traced(&contract, "", &[chars("用Ａ\u{200B}Ｉ吧。")]).await.unwrap();
    assert_eq!(acts(&trace), [("forbidden_terms", "redact", 1, Some(5))]);
    let found = Found {
        bytes: 3..12,
        chars: 1..4,
        text: "Ａ\u{200B}Ｉ".to_owned(),
        folded: "ai".to_owned(),
        delta: Some(5),
        delta_text: "吧".to_owned(),
    };
    assert_eq!(trace.acts[0].found, [found]);
    assert!(!trace.cut);
}

// Fails when acts of different answers are mixed up, or what was out before shifts the places.
#[tokio::test]
async fn each_answer_has_its_own_places() {
    let contract = role("en", "forbidden_terms \"password\" { on_violation repair 2 }", "fallback \"No.\"");
    let attempts = [once("One. The password."), once("Two. My password."), once("Three.")];
    let trace = traced(&contract, "Zero. ", &attempts).await.unwrap();
    let places: Vec<_> = trace.acts.iter().map(|act| (act.attempt, act.found[0].bytes.clone())).collect();
    assert_eq!(places[0], (1, 9..17));
    assert_eq!(places.last().map(|(attempt, _)| *attempt), Some(2));
    assert!(trace.acts.iter().all(|act| act.found.iter().all(|found| found.text == "password")), "{trace:?}");
}

// Fails when a rule that is broken by what is missing is given a place, or none.
#[tokio::test]
async fn what_is_missing_is_decided_at_the_end() {
    let contract = role("en", "required_terms any \"Anything else?\"", "");
    let trace = traced(&contract, "", &[once("It ships today.")]).await.unwrap();
    let Act { action, found, delta, .. } = &trace.acts[0];
    assert_eq!((action.as_str(), *delta), ("repair", None));
    assert_eq!((found[0].text.as_str(), found[0].delta), ("", None));
}

#[tokio::test]
async fn a_reply_on_which_no_rule_acted_has_no_trace() {
    let contract = role("en", "forbidden_terms \"password\"", "");
    assert_eq!(traced(&contract, "", &[once("It ships today.")]).await, None);
}

// Fails when a long answer is kept without bound, or its places are made up.
#[tokio::test]
async fn what_is_kept_is_bounded() {
    let contract = role("en", "forbidden_terms \"password\" { on_violation redact \"x\" }", "");
    let long = format!("password {}", "a word ".repeat(30_000));
    let trace = traced(&contract, "", &[vec![long.clone(), "password.".to_owned()]]).await.unwrap();
    assert!(trace.cut);
    assert!(trace.acts.iter().all(|act| act.found.is_empty()));
    assert!(serde_json::to_string(&trace).unwrap().len() < 4_096);
    // What another answer says has its own places.
    let contract = role("en", "forbidden_terms \"password\" { on_violation repair 2 }", "fallback \"No.\"");
    let long = format!("The password. {}", "a word ".repeat(30_000));
    let trace = traced(&contract, "", &[once(&long), once("My password."), once("Three.")]).await.unwrap();
    let second = trace.acts.iter().find(|act| act.attempt == 2).unwrap();
    assert!(trace.cut && second.found[0].text == "password", "{trace:?}");
    let contract = role("en", "forbidden_terms \"password\" { on_violation redact \"x\" }", "");
    let many: Vec<String> =
        "a ".repeat(40_000).split_inclusive(' ').map(str::to_owned).chain(once("password.")).collect();
    let trace = traced(&contract, "", &[many]).await.unwrap();
    assert_eq!(trace.acts[0].found[0].bytes, 80_000..80_008);
}

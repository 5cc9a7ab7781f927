//! Nothing of a match in what the model said goes out, over sentence ends, drops and replacements.
//!
//! The oracle reads the model's own words: every marker that reached the client must stand outside of
//! every match in what was read of the answer, whatever the reply as a whole looks like.

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rolecall_dsl::Contract;
use rolecall_dsl::monitor::DeliveryMode;
use rolecall_wire::frame::Outcome;

use super::{Ran, chars, once, run, run_with, splits};
use crate::enforce::reply::{End, ReplyStream};
use crate::enforce::testing::{Double, Doubles, role};
use crate::enforce::{Permitted, delivery_mode};
use crate::telemetry::Metrics;

const SECRET: &str = "[internal] The margin is forty percent. Never tell them. [/internal] Hello there. Anything else?";

/// Fails when sentences of a match go out one by one because the match is not over yet.
#[tokio::test]
async fn a_match_over_several_sentences_stays_inside() {
    let pattern = r"must_not_match /\[internal\][^\[]*\[\/internal\]/";
    for action in ["", "{ on_violation redact \"[removed]\" }", "{ on_violation fallback }"] {
        for fallback in ["fallback \"Pardon. Anything else?\"", ""] {
            if fallback.is_empty() && action.contains("fallback") {
                continue;
            }
            let contract = role("en", &format!("{pattern} {action} required_terms any \"Anything else?\""), fallback);
            for deltas in splits(SECRET) {
                let ran = run(&contract, &[deltas]).await;
                assert!(!ran.text.contains("margin") && !ran.text.contains("Never"), "{action} {ran:?}");
                assert!(!ran.text.contains("internal"), "{action} {ran:?}");
                assert!(ran.text.ends_with("Anything else?") || ran.text.is_empty(), "{ran:?}");
                if action.contains("redact") {
                    assert_eq!(ran.text, "[removed] Hello there. Anything else?", "{ran:?}");
                }
            }
        }
    }
}

/// Fails when the head of a term goes out with the sentence that it ends.
#[tokio::test]
async fn a_term_over_a_sentence_end_stays_inside() {
    for rest in ["response_style 反问句 >= 50% max_sentences 8", "required_terms any \"不是吗\"", "max_sentences 3"]
    {
        for action in ["repair 1", "redact \"某\"", "reject", "fallback"] {
            let rules = format!("forbidden_terms \"好。走\" {{ on_violation {action} }} {rest}");
            let contract = role("zh", &rules, "fallback \"难道不是吗？天晴。\"");
            for deltas in splits("难道不是吗？今天很好。走看。难道不是吗？") {
                let ran = run(&contract, &[deltas]).await;
                assert!(!ran.text.contains("好。") && !ran.text.contains("走"), "{rules} {ran:?}");
            }
        }
    }
}

/// Fails when sentences that are kept are put together raw, although dropping what stood between them
/// made a match of them.
#[tokio::test]
async fn dropping_a_sentence_joins_no_match() {
    let rules =
        "forbidden_terms \"好。走\" { on_violation redact \"某\" } response_style 反问句 >= 50% max_sentences 8";
    for fallback in ["fallback \"难道不是吗？天晴。\"", ""] {
        let contract = role("zh", rules, fallback);
        for deltas in splits("今天很好。天晴。走走看，难道不是吗？") {
            let ran = run(&contract, &[deltas]).await;
            assert!(!ran.text.contains("好。走"), "{ran:?}");
        }
    }
}

/// Fails when a dropped sentence takes the head of a match with it, and the tail goes out.
#[tokio::test]
async fn half_a_match_is_not_hidden_by_a_drop() {
    let rules = r#"must_not_match /\[i\][^\[]*\[\/i\]/ forbidden_terms "AI" required_terms any "Anything else?""#;
    for fallback in ["fallback \"Pardon. Anything else?\"", ""] {
        let contract = role("en", rules, fallback);
        for deltas in splits("[i] Use AI. The margin is forty. [/i] Well then. Anything else?") {
            let ran = run(&contract, &[deltas]).await;
            assert!(!ran.text.contains("margin"), "{ran:?}");
        }
    }
}

/// Fails when a reply is cut where it would be without its replacements.
#[tokio::test]
async fn cuts_behind_replacements_are_exact() {
    let rules =
        "forbidden_terms \"算法\" { on_violation redact \"【此处删去】\" } max_chars 14 { on_violation truncate }";
    for (rest, fallback) in [("", ""), ("response_style 反问句 >= 40%", "fallback \"难道不是吗？\"")] {
        let contract = role("zh", &format!("{rules} {rest}"), fallback);
        for deltas in splits("难道不是吗？难道用算法来解此题吗") {
            let ran = run(&contract, &[deltas]).await;
            assert_eq!(ran.text, "难道不是吗？难道用【此处删去", "{rest} {ran:?}");
            assert_eq!(ran.actions(), [("forbidden_terms", "redact"), ("max_chars", "truncate")]);
        }
    }
}

/// Fails when replacements are reported that are not in the reply.
#[tokio::test]
async fn only_replacements_that_went_out_are_reported() {
    let rules =
        "forbidden_terms \"算法\" { on_violation redact \"那物\" } max_sentences 1 response_style 反问句 >= 100%";
    let contract = role("zh", rules, "");
    let ran = run(&contract, &[chars("算法已老。难道不是吗？")]).await;
    assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Repaired, "难道不是吗？"));
    assert!(!ran.actions().contains(&("forbidden_terms", "redact")), "{:?}", ran.hits);
    let contract = role("zh", rules, "fallback \"难道这还用说吗？\"");
    let ran = run(&contract, &[chars("算法已老。难道不是吗？")]).await;
    assert!(!ran.actions().contains(&("forbidden_terms", "redact")), "{ran:?}");
}

/// Fails when the piece goes out with which the last check of the whole text fails.
#[tokio::test]
async fn a_last_piece_that_fails_the_whole_check_is_rolled_back() {
    let contract = role("en", "forbidden_terms \"password\"", "");
    let mut reply = ReplyStream::new(&contract, Arc::new(Doubles::default()), Metrics::new().unwrap(), "It is. ");
    reply.let_out("password");
    let End::Done { release, outcome, hits } = reply.over("password".to_owned(), Outcome::Complete).await else {
        panic!("over is over")
    };
    assert_eq!((release, outcome), (None, Outcome::Refused));
    assert_eq!(reply.text(), Permitted::new("It is. ".to_owned()));
    assert_eq!(hits[0].rule, "forbidden_terms");
}

/// Fails when an undecided tail goes out although a policy sends the model on.
#[tokio::test]
async fn a_tail_waits_for_the_policies() {
    let contract = role("en", "policy \"tone\" forbidden_terms \"well. never mind\"", "");
    let wanting = Double { wanted: "please", ..Double::objecting("", true) };
    let doubles = || Doubles { any: Some(wanting), ..Doubles::default() };
    let attempts = [chars("All is well."), chars("Never mind, please.")];
    let ran = run_with(&contract, Arc::new(doubles()), "", &attempts).await;
    assert!(!ran.text.to_lowercase().contains("well. never"), "{ran:?}");
    assert!(ran.asked[0].already.is_empty(), "the tail could still begin a match: {ran:?}");
}

/// Fails when the search for a selection is begun anew with every sentence of a long answer.
#[tokio::test]
async fn long_hopeless_answers_are_decided_in_bounded_work() {
    let contract = role("zh", "max_sentences 3 response_style 反问句 >= 40%", "");
    let ran = run(&contract, &[chars(&"天色已晚。".repeat(300))]).await;
    assert_eq!(ran.outcome, Outcome::Refused);
    assert!(ran.asked[0].broken.len() <= 64);
}

/// Fails when a prompt for another attempt repeats itself, or grows with the answer.
#[tokio::test]
async fn what_was_wrong_is_said_once() {
    let contract = role("en", "forbidden_terms \"cat\" | \"dog\" required_terms any \"yes\"", "fallback \"yes\"");
    let ran = run(&contract, &[once(&"A cat. A dog. ".repeat(200))]).await;
    let broken = &ran.asked[0].broken;
    assert!(broken.len() <= 4, "{broken:?}");
}

/// Marks parts of an answer: rare characters that no rule names, each used once.
fn marker(index: usize) -> char {
    char::from_u32(0x3400 + u32::try_from(index).unwrap()).unwrap()
}

/// Matches of the rules below, by plain search.
fn matches(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    for term in ["子午", "好。走", "甲某乙", "丙"] {
        found.extend(text.match_indices(term).map(|(at, _)| at..at + term.len()));
    }
    for (at, _) in text.match_indices("[i]") {
        let (_, rest) = text.split_at(at + 3);
        if let Some(next) = rest.find('[').filter(|next| rest.split_at(*next).1.starts_with("[/i]")) {
            found.push(at..at + 3 + next + 4);
        }
    }
    found
}

static CONTRACTS: LazyLock<Vec<Arc<Contract>>> = LazyLock::new(|| {
    let mut contracts = Vec::new();
    for fallback in ["", "fallback \"难道这还用说吗？罢了。\""] {
        for action in ["repair 1", "redact \"某\"", "reject", "fallback"] {
            if action == "fallback" && fallback.is_empty() {
                continue;
            }
            let on = format!("{{ on_violation {action} }}");
            let rules = format!(
                "forbidden_terms \"子午\" | \"好。走\" | \"甲某乙\" {on} must_not_match /\\[i\\][^\\[]*\\[\\/i\\]/ {on} \
                 forbidden_terms \"丙\" {{ on_violation redact \"某\" }}"
            );
            for rest in [
                "",
                "max_sentences 3 { on_violation truncate }",
                "response_style 反问句 >= 40%",
                "response_style 反问句 >= 30% max_sentences 4",
                "required_terms any \"罢了。\" max_chars 40 { on_violation truncate }",
                "policy \"tone\"",
            ] {
                contracts.push(role("zh", &format!("{rules} {rest}"), fallback));
            }
        }
    }
    contracts
});

/// An answer with a marker behind most words.
fn answer() -> impl Strategy<Value = Vec<(&'static str, bool)>> {
    let words = prop::sample::select(vec![
        "[i]",
        "[/i]",
        "[",
        "子午",
        "好。",
        "好",
        "。",
        "走",
        "甲",
        "乙",
        "丙",
        "丙丙",
        "难道不是吗？",
        "天晴。",
        "！",
        "坏",
        " ",
        "\n",
        "罢了。",
        "子",
        "午",
    ]);
    prop::collection::vec((words, prop::bool::weighted(0.6)), 0..14)
}

fn written(words: &[(&str, bool)], from: usize) -> String {
    let mut text = String::new();
    for (at, (word, marked)) in words.iter().enumerate() {
        text.push_str(word);
        if *marked {
            text.push(marker(from + at));
        }
    }
    text
}

fn mode_of(contract: &Contract) -> DeliveryMode {
    let doubles = Doubles { any: Some(Double::objecting("坏", true)), ..Doubles::default() };
    delivery_mode(contract, &doubles)
}

fn leaked(ran: &Ran, attempts: &[Vec<String>]) -> Option<String> {
    let mut all = String::new();
    for (at, read) in ran.read.iter().enumerate() {
        let before = at.checked_sub(1).map_or("", |last| ran.asked[last].already.as_str());
        let said = attempts[at][..*read].concat();
        // What was dropped between them may have kept what is out from being the head of a match; then
        // only the tail is to be kept in.
        let whole = all == before;
        all.push_str(&said);
        let said = format!("{before}{said}");
        for span in matches(&said) {
            let from = if whole { span.start } else { span.start.max(before.len()) };
            let inside = said.get(from..span.end).unwrap_or("");
            if let Some(c) = inside.chars().find(|c| ('\u{3400}'..'\u{3500}').contains(c) && ran.text.contains(*c)) {
                return Some(format!("{c:?} of {:?}", said.get(span)));
            }
        }
    }
    matches(&ran.text).first().map(|span| format!("{:?} in the reply", ran.text.get(span.clone())))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::CASES))]

    /// Fails when a byte of a match in what the model said reaches the client.
    #[test]
    fn no_byte_of_a_match_goes_out(
        contract in 0usize..64,
        answers in prop::collection::vec(answer(), 1..4),
        whole in any::<bool>(),
    ) {
        let contract = &CONTRACTS[contract % CONTRACTS.len()];
        // Every attempt has markers of its own.
        let texts: Vec<String> = (0..10).map(|at| written(&answers[at % answers.len()], at * 20)).collect();
        let attempts: Vec<Vec<String>> = texts.iter().map(|t| if whole { once(t) } else { chars(t) }).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let mode = mode_of(contract);
        // A policy that is content as long as nothing is bad.
        let doubles = || Arc::new(Doubles { any: Some(Double::objecting("坏", true)), ..Doubles::default() });
        let ran = runtime.block_on(run_with(contract, doubles(), "", &attempts));
        let leak = leaked(&ran, &attempts);
        prop_assert!(leak.is_none(), "{} {:?}", leak.unwrap(), ran);
        if mode == DeliveryMode::Sentence {
            let other: Vec<Vec<String>> = texts.iter().map(|t| if whole { chars(t) } else { once(t) }).collect();
            let other = runtime.block_on(run_with(contract, doubles(), "", &other));
            prop_assert_eq!((ran.outcome, ran.text), (other.outcome, other.text), "the chunking decides nothing");
        }
    }
}

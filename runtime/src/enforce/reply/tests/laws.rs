//! What holds for every contract, answer and chunking ([`run`] checks it).

use std::sync::{Arc, LazyLock};

use proptest::prelude::*;
use rolecall_dsl::Contract;
use rolecall_dsl::monitor::DeliveryMode;
use rolecall_wire::frame::Outcome;

use super::run;
use crate::enforce::reply::ReplyStream;
use crate::enforce::testing::{ARTICLE, Doubles, compile, role};
use crate::telemetry::Metrics;

static CONTRACTS: LazyLock<Vec<Arc<Contract>>> = LazyLock::new(|| {
    let ratio = "response_style 反问句 >= 40%";
    let terms = "forbidden_terms \"AI\" | \"算法\" | \"好。走\"";
    let fallback = "fallback \"难道这还用说吗？走吧。\"";
    let mut contracts = vec![compile(ARTICLE)];
    for rest in ["", fallback] {
        for action in ["repair 1", "redact \"某\"", "reject", "fallback"] {
            if action == "fallback" && rest.is_empty() {
                continue;
            }
            let on = format!("{{ on_violation {action} }}");
            contracts.push(role("zh", &format!("{terms} {on} max_sentences 3 {{ on_violation truncate }}"), rest));
            contracts.push(role("zh", &format!("{terms} {on} {ratio} max_sentences 3"), rest));
            contracts.push(role("zh", &format!("{terms} {on} required_terms any \"走吧。\" max_chars 30"), rest));
        }
    }
    contracts
});

fn words() -> impl Strategy<Value = String> {
    let words = prop::sample::select(vec![
        "A",
        "I",
        "AI",
        "算",
        "法",
        "算法",
        "走吧。",
        "好。",
        "走",
        "难道不是吗？",
        "天色已晚。",
        "何必呢",
        "？",
        "！",
        "…",
        " ",
        "\n",
        "「",
        "」",
        "\u{200b}",
        "3.",
        "14",
        "Well. ",
    ]);
    prop::collection::vec(words, 0..14).prop_map(|w| w.concat())
}

fn chunked(text: &str, sizes: &[usize]) -> Vec<String> {
    let (mut chars, mut sizes) = (text.chars().peekable(), sizes.iter().cycle());
    let mut chunks = Vec::new();
    while chars.peek().is_some() {
        chunks.push(chars.by_ref().take(*sizes.next().unwrap()).collect());
    }
    chunks
}

// Fails when a cut leaves `AI` at the end although the `3` behind it, which undid the match, is cut off.
#[tokio::test]
async fn a_cut_shows_no_match_that_what_is_cut_off_undid() {
    let answer = "？走吧。A天色已晚。？难道不是吗？难道不是吗？天色已晚。AI3.";
    // The law found it at number 50, counted around.
    for contract in CONTRACTS.iter() {
        for sizes in [[1], [64]] {
            let ran = run(contract, &[chunked(answer, &sizes)]).await;
            assert!(!ran.text.contains("AI") || ran.text.contains("AI3"), "{ran:?}");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(super::CASES))]

    /// Fails when a release is taken back, holds a forbidden match, or a reply that counts as good
    /// does not pass the whole-text check.
    #[test]
    fn releases_keep_the_contract(
        contract in 0usize..64,
        answers in prop::collection::vec(words(), 1..4),
        sizes in prop::collection::vec(1usize..6, 1..6),
    ) {
        let contract = &CONTRACTS[contract % CONTRACTS.len()];
        let attempts: Vec<Vec<String>> = answers.iter().map(|a| chunked(a, &sizes)).collect();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let ran = runtime.block_on(run(contract, &attempts));
        if ran.outcome == Outcome::Complete {
            prop_assert_eq!(&ran.text, &answers[0], "a reply that is called complete is the model's own");
        }
        let mode = ReplyStream::new(contract, Arc::new(Doubles::default()), Metrics::new().unwrap(), "").mode();
        if mode != DeliveryMode::Sentence && contract.program.check(&answers[0]).passes() && !answers[0].trim().is_empty() {
            prop_assert_eq!(ran.outcome, Outcome::Complete, "a good answer is not touched: {:?}", ran);
        }
        if mode == DeliveryMode::Sentence {
            let whole: Vec<Vec<String>> = answers.iter().map(|a| vec![a.clone()]).collect();
            let other = runtime.block_on(run(contract, &whole));
            prop_assert_eq!((ran.outcome, ran.text), (other.outcome, other.text), "the chunking decides nothing");
        }
    }
}

use std::sync::Arc;

use super::*;
use crate::enforce::testing::{ARTICLE, compile, prompt, role};
use crate::enforce::{Overrides, admit};

const CASES: &str = r#"
    fallback "I cannot say. Anything else?"
    cases {
        case "order" { user "Where is my order?" reply "It ships today. Anything else?" expect pass }
        case "hours" { user "When do you open?" reply "At nine. Anything else?" expect pass }
        case "hours again" { user "When do you open?" reply "From nine on. Anything else?" expect pass }
        case "bad" { user "What is the code?" reply "No." expect violates closing }
    }
"#;

fn shop() -> Arc<Contract> {
    role("en", "closing: required_terms any \"Anything else?\" max_sentences 4", CASES)
}

fn answer(contract: &Arc<Contract>, user: &str, already: &str) -> Answer {
    Rehearsal::default().answer(prompt(contract, user, already).get())
}

/// Fails when the nearest case is not found, or one that must fail is said.
#[test]
fn the_nearest_passing_case_answers() {
    let contract = shop();
    assert_eq!(answer(&contract, "where's my order", "").text, "It ships today. Anything else?");
    assert_eq!(answer(&contract, "When are you open?", "").source, AnswerSource::Case("hours".into()));
    let code = answer(&contract, "What is the code?", "");
    assert_ne!(code.text, "No.");
    let bare = role("en", "max_sentences 4", "fallback \"I cannot say.\"");
    assert_eq!(answer(&bare, "Hi", ""), Answer { text: "I cannot say.".into(), source: AnswerSource::Fallback });
}

/// Fails when the same question is answered by chance, or never differently.
#[test]
fn a_repeated_question_takes_turns_among_equal_cases() {
    let contract = shop();
    let ask = |times: usize| {
        let lines = vec![Line::said(Speaker::User, "When do you open?"); times];
        let prompt =
            Prompt::first(Arc::clone(&contract), lines, admit("When do you open?").unwrap(), "", &Overrides::default());
        Rehearsal::default().answer(prompt.get()).text
    };
    assert_eq!(ask(0), ask(0));
    assert_ne!(ask(0), ask(1));
    assert_eq!(ask(0), ask(2));
}

/// Fails when a made-up answer breaks the contract it was made up for.
#[test]
fn made_up_answers_keep_the_contract() {
    for contract in
        [compile(ARTICLE), role("en", "required_terms all \"tea\" | \"milk\" max_sentences 2 must_match /tea/", "")]
    {
        let answer = answer(&contract, "在吗", "");
        assert_eq!(answer.source, AnswerSource::MadeUp);
        assert!(contract.program.check(&answer.text).passes(), "{answer:?}");
    }
}

/// Fails when an interrupted answer does not go on where it stopped, at any character.
#[test]
fn an_interrupted_answer_goes_on_anywhere() {
    let contract = shop();
    let whole = "It ships today. Anything else?";
    for (at, _) in whole.char_indices() {
        let (already, rest) = whole.split_at(at);
        assert_eq!(answer(&contract, "Where is my order?", already).text, rest);
    }
    assert_eq!(answer(&contract, "Where is my order?", whole).text, "");
    let other = answer(&contract, "Where is my order?", "One moment.");
    assert!(contract.program.check(&format!("One moment.{}", other.text)).passes(), "{other:?}");
    assert!(other.text.starts_with(' '), "{other:?}");
}

/// Fails when the pieces are not the answer, or are not small.
#[tokio::test(start_paused = true)]
async fn the_answer_streams_in_small_pieces_at_its_pace() {
    let contract = shop();
    let began = crate::clock::monotonic_ms();
    let model = Rehearsal::new(Duration::from_millis(20), CallLimits::default());
    let chunks: Vec<_> = model.stream(prompt(&contract, "Where is my order?", "")).await.unwrap().collect().await;
    let texts: Vec<String> =
        chunks.iter().filter_map(|c| if let Ok(ModelChunk::Text(t)) = c { Some(t.clone()) } else { None }).collect();
    assert_eq!(texts.concat(), "It ships today. Anything else?");
    assert!(texts.iter().all(|t| t.chars().count() <= 4));
    assert_eq!(crate::clock::monotonic_ms() - began, 20 * texts.len() as u64, "paused time");
    assert_eq!(chunks.last(), Some(&Ok(ModelChunk::Stop { length: false })));
}

// Fails when a limit on tokens is passed over, ends what fits into it, or is not said to have ended the answer.
#[tokio::test]
async fn an_answer_stops_at_its_limit() {
    let contract = shop();
    let said = async |model: Rehearsal, max_tokens: u32| {
        let user = admit("Where is my order?").unwrap();
        let limited = Overrides { max_tokens: Some(max_tokens), ..Overrides::default() };
        let prompt = Prompt::first(Arc::clone(&contract), Vec::new(), user, "", &limited);
        let chunks: Vec<_> = model.stream(prompt).await.unwrap().map(Result::unwrap).collect().await;
        let text = |chunk: &ModelChunk| if let ModelChunk::Text(text) = chunk { text.clone() } else { String::new() };
        let stops: Vec<_> = chunks.iter().filter(|chunk| matches!(chunk, ModelChunk::Stop { .. })).cloned().collect();
        (chunks.iter().map(text).collect::<String>(), stops)
    };
    let stop = |length| vec![ModelChunk::Stop { length }];
    let model = Rehearsal::default;
    // 30 characters.
    assert_eq!(said(model(), 8).await, ("It ships today. Anything else?".to_owned(), stop(false)));
    assert_eq!(said(model(), 7).await, ("It ships today. Anything els".to_owned(), stop(true)));
    assert_eq!(said(model(), 1).await, ("It s".to_owned(), stop(true)));
    let endless = Misbehavior { shares: vec![(Misdeed::Endless, None)], seed: 1 };
    let (text, stops) = said(model().misbehaving(endless), 20).await;
    assert_eq!((text.len(), stops), (80, stop(true)));
}

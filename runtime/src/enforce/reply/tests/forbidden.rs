//! No byte of a forbidden match goes out, wherever it stands and however it is cut.

use rolecall_wire::frame::Outcome;

use super::{once, run, splits};
use crate::enforce::testing::{ARTICLE, compile, role};

/// The article's terms and disguises of them.
const MATCHES: [&str; 9] = ["AI", "算法", "2024", "ＡＩ", "A\u{200b}I", "ai", "АІ", "算\u{200d}法", "２０２４"];

/// Each with the match at its beginning, middle and end, in each sentence.
fn texts(term: &str) -> Vec<String> {
    let plain = ["难道这不正是您要的吗？", "岂能如此作罢？", "何必多言？"];
    let marked = [format!("{term}难道不是这样吗？"), format!("难道{term}不是这样吗？"), format!("难道不是{term}？")];
    let mut texts: Vec<String> = vec![term.to_owned(), format!("{term}。"), format!("这是{term}")];
    for at in 0..3 {
        for sentence in &marked {
            let mut parts: Vec<&str> = plain.to_vec();
            parts[at] = sentence;
            texts.push(parts.concat());
        }
    }
    texts
}

/// Fails when a match slips out of the article's contract at any split.
#[tokio::test]
async fn under_the_articles_contract() {
    let contract = compile(ARTICLE);
    for term in MATCHES {
        for text in texts(term) {
            for deltas in splits(&text) {
                let ran = run(&contract, &[deltas, once("难道这还用说吗？")]).await;
                assert_eq!(ran.outcome, Outcome::Repaired, "{text:?} {ran:?}");
                assert!(!ran.text.contains(term), "{text:?} {ran:?}");
            }
        }
    }
}

/// Fails when a match slips out in any mode under any `on_violation`.
#[tokio::test]
async fn under_every_mode_and_action() {
    let modes = ["", "response_style 反问句 >= 40%"];
    let fallback = "fallback \"难道这还用说吗？\"";
    for action in ["repair 1", "redact \"某物\"", "reject", "fallback"] {
        for late in modes {
            let rules = format!("forbidden_terms \"AI\" | \"算法\" | \"2024\" {{ on_violation {action} }} {late}");
            let contract = role("zh", &rules, fallback);
            for term in ["AI", "算法", "A\u{200b}I"] {
                for text in texts(term) {
                    for deltas in splits(&text) {
                        let ran = run(&contract, &[deltas]).await;
                        assert!(!ran.text.contains(term), "{action} {text:?} {ran:?}");
                        assert_ne!(ran.outcome, Outcome::Complete, "{action} {text:?} {ran:?}");
                    }
                }
            }
        }
    }
}

/// Fails when ordinary words that only look like a match are held against a reply.
#[tokio::test]
async fn lookalikes_pass_unchanged() {
    let contract = role("en", "forbidden_terms \"AI\" | \"2024\"", "");
    for text in ["He said the air is fair.", "Room 20245 is open, A I think.", "Mail"] {
        for deltas in splits(text) {
            let ran = run(&contract, &[deltas]).await;
            assert_eq!((ran.outcome, ran.text.as_str()), (Outcome::Complete, text), "{:?}", ran.hits);
        }
    }
}

//! Replies under contracts, driven as a turn drives them.

mod calls;
mod forbidden;
mod ladder;
mod laws;
mod leaks;
mod policies;
mod repair;
mod traces;

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::diagnostic::Severity;
use rolecall_wire::frame::{Hit, Outcome};

use super::{End, ReplyStream};
use crate::enforce::prompt::Additions;
use crate::enforce::testing::Doubles;
use crate::enforce::{Judges, Permitted};
use crate::telemetry::Metrics;

/// Replies that each law is tried on: a share, and all of them in a release build (`make laws`).
pub(super) const CASES: u32 = if cfg!(debug_assertions) { 8_000 } else { 120_000 };

/// What became of a reply.
#[derive(Debug)]
pub(super) struct Ran {
    pub(super) pieces: Vec<String>,
    pub(super) text: String,
    pub(super) outcome: Outcome,
    pub(super) hits: Vec<Hit>,
    /// What each further attempt was told.
    pub(super) asked: Vec<Additions>,
    /// Deltas that were read of each attempt.
    pub(super) read: Vec<usize>,
}

impl Ran {
    pub(super) fn actions(&self) -> Vec<(&str, &str)> {
        self.hits.iter().map(|h| (h.rule.as_str(), h.action.as_str())).collect()
    }
}

/// Runs attempts (the last one again when more are asked for), checks what must hold of every
/// reply, and gives the rest.
pub(super) async fn run(contract: &Arc<Contract>, attempts: &[Vec<String>]) -> Ran {
    run_with(contract, Arc::new(Doubles::default()), "", attempts).await
}

pub(super) async fn run_with(
    contract: &Arc<Contract>,
    judges: Arc<dyn Judges>,
    already: &str,
    attempts: &[Vec<String>],
) -> Ran {
    let mut reply = ReplyStream::new(contract, judges, Metrics::new().unwrap(), already);
    let (mut pieces, mut asked, mut read) = (Vec::new(), Vec::new(), Vec::new());
    for attempt in 0..10 {
        let deltas = attempts.get(attempt).or(attempts.last()).unwrap();
        let mut count = 0;
        for delta in deltas {
            count += 1;
            let push = reply.push(delta).await;
            pieces.extend(push.release.map(Permitted::into_inner));
            if push.stop {
                break;
            }
        }
        read.push(count);
        match reply.end_attempt().await {
            End::Retry { release, additions } => {
                pieces.extend(release.map(Permitted::into_inner));
                assert_eq!(
                    additions.already,
                    format!("{already}{}", pieces.concat()),
                    "the model continues behind what is out"
                );
                asked.push(additions);
            }
            End::Done { release, outcome, hits } => {
                pieces.extend(release.map(Permitted::into_inner));
                let text = reply.text().into_inner();
                assert_eq!(text, format!("{already}{}", pieces.concat()), "nothing is taken back");
                assert!(pieces.iter().all(|p| !p.is_empty()), "no empty pieces");
                let verdict = contract.program.check(&text);
                if matches!(outcome, Outcome::Complete | Outcome::Repaired | Outcome::Fallback) {
                    assert!(verdict.passes(), "{outcome:?} {text:?} {verdict:?}");
                    assert!(!text.trim().is_empty(), "an empty reply is none");
                }
                let ran = Ran { pieces, text, outcome, hits, asked, read };
                assert!(
                    !verdict.violations.iter().any(|v| v.severity == Severity::Error
                        && contract.rules[v.rule].constraint.keyword() == "forbidden_terms"),
                    "{ran:?}"
                );
                return ran;
            }
        }
    }
    panic!("more than ten attempts");
}

/// One delta.
pub(super) fn once(text: &str) -> Vec<String> {
    vec![text.to_owned()]
}

/// One delta per character.
pub(super) fn chars(text: &str) -> Vec<String> {
    text.chars().map(String::from).collect()
}

/// Every way to cut a text in two, and character by character.
pub(super) fn splits(text: &str) -> Vec<Vec<String>> {
    let cuts = text.char_indices().map(|(at, _)| {
        let (a, b) = text.split_at(at);
        vec![a.to_owned(), b.to_owned()]
    });
    cuts.chain([chars(text)]).collect()
}

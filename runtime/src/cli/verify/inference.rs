//! Stage 5: a model answers each case's user turn through the whole enforcement.

use std::sync::Arc;

use async_trait::async_trait;
use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use rolecall_dsl::Contract;
use rolecall_dsl::contract::Language;
use rolecall_dsl::diagnostic::{Finding, Severity, codes};
use rolecall_dsl::span::Span;
use rolecall_wire::frame::Outcome;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::bench::Bench;
use super::tally::Tally;
use crate::contracts::judge::{binding, judge};
use crate::enforce::{Permitted, Prompt};
use crate::model::{CallLimits, Model, ModelChunk, ModelError, ModelStream};
use crate::session::turn::{Overrides, ToolUse, TurnEnd, TurnEvent, TurnRequest, Turns};

/// Turns of one role that are answered at the same time.
const AT_ONCE: usize = 4;

/// Turns shown of those that did not keep the contract.
const SHOWN: usize = 3;

/// What the turns gave.
#[derive(Debug, Default)]
pub(super) struct Inference {
    pub(super) findings: Vec<Finding>,
    pub(super) tally: Tally,
}

/// One turn, ended.
struct Turn {
    outcome: Outcome,
    /// What went wrong, if something did.
    problem: Option<String>,
    /// Each answer of the model that did not get through, with the rules it breaks.
    attempts: Vec<String>,
}

/// Every case's user turn, as often as asked; a greeting when no case has one.
pub(super) async fn run(contract: &Arc<Contract>, bench: &Bench) -> Inference {
    let mut users: Vec<(&str, Span)> =
        contract.cases.iter().filter_map(|case| case.user.as_ref()).map(|user| (&*user.value, user.span)).collect();
    if users.is_empty() {
        users.push(match contract.languages.first() {
            Some(Language::Zh) => ("你好。", contract.span),
            Some(Language::En) | None => ("Hello.", contract.span),
        });
    }
    let mut inference = Inference::default();
    for (user, span) in users {
        let turns: Vec<Turn> = stream::iter(0..bench.options.repeat)
            .map(|seed| turn(contract, bench, user, u64::from(seed)))
            .buffered(AT_ONCE)
            .collect()
            .await;
        let counted: Vec<(Outcome, bool)> = turns.iter().map(|turn| (turn.outcome, turn.problem.is_none())).collect();
        inference.tally.add(&counted);
        inference.findings.extend(finding(contract, bench, span, &turns));
    }
    inference
}

/// What to tell about the repetitions of one user turn. A fallback keeps the contract, so with a
/// real model it is worth a warning only.
fn finding(contract: &Contract, bench: &Bench, span: Span, turns: &[Turn]) -> Option<Finding> {
    let wrong: Vec<&Turn> = turns.iter().filter(|turn| turn.problem.is_some()).collect();
    let spoken_for: Vec<&Turn> =
        turns.iter().filter(|turn| bench.is_real() && turn.outcome == Outcome::Fallback).collect();
    let (shown, severity) = if wrong.is_empty() { (spoken_for, Severity::Warning) } else { (wrong, Severity::Error) };
    let first = shown.first()?;
    let problem = first.problem.as_deref().unwrap_or("the model kept to no rule, and the fallback was said");
    let count = if turns.len() > 1 { format!("{} of {} times", shown.len(), turns.len()) } else { String::new() };
    let message = match (bench.is_real(), turns.len()) {
        (true, 1) => format!("the turn failed: {problem}"),
        (true, _) => format!("the turn failed {count}: {problem}"),
        (false, _) => format!("the rehearsal of this turn failed: {problem}"),
    };
    let help = if bench.is_real() {
        "see what the model said; a clearer persona, a repair or a fallback that keeps every rule may help"
    } else {
        "add a passing case with this user turn, or a fallback that keeps every rule"
    };
    let mut finding = Finding::new(codes::REHEARSAL_FAILS, &contract.source, span, message).with_help(help);
    finding.severity = severity;
    for attempt in shown.iter().take(SHOWN).flat_map(|turn| &turn.attempts) {
        finding = finding.with_related(span, attempt.clone());
    }
    Some(finding)
}

/// One turn through the whole enforcement, judged once more at its end.
async fn turn(contract: &Arc<Contract>, bench: &Bench, user: &str, seed: u64) -> Turn {
    let ear = Ear { model: Arc::clone(&bench.model), heard: Arc::default() };
    let heard = Arc::clone(&ear.heard);
    let turns = Turns::with_judges(Arc::new(ear), Arc::new(bench.plugins.clone()), bench.metrics.clone());
    let seed = bench.is_real().then_some(seed);
    let bound = binding(contract, Some(user));
    let (outcome, problem) = match answer(contract, &turns, user, seed).await {
        Ok(end) => {
            let outcome = end.outcome;
            let problem = match reply(end) {
                Ok(reply) => {
                    let judgement = judge(&bound, &bench.plugins, &reply).await;
                    judgement
                        .first_error()
                        .map(|broken| format!("the reply breaks `{}`: {} ({reply})", broken.rule, broken.message))
                }
                Err(problem) => Some(problem),
            };
            (outcome, problem)
        }
        Err(problem) => (Outcome::Failed, Some(problem)),
    };
    let mut attempts = Vec::new();
    if problem.is_some() || outcome == Outcome::Fallback {
        let heard = std::mem::take(&mut *heard.lock());
        for text in heard.iter().filter(|text| !text.is_empty()) {
            let judgement = judge(&bound, &bench.plugins, text).await;
            let broken: Vec<&str> = judgement.broken.iter().map(|broken| &*broken.rule).collect();
            let broken = if broken.is_empty() { "nothing by itself".to_owned() } else { broken.join(", ") };
            attempts.push(format!("the model said \"{text}\", which breaks {broken}"));
        }
    }
    Turn { outcome, problem, attempts }
}

async fn answer(contract: &Arc<Contract>, turns: &Turns, user: &str, seed: Option<u64>) -> Result<TurnEnd, String> {
    let request = TurnRequest {
        id: "rehearsal".to_owned(),
        session: None,
        contract: Arc::clone(contract),
        history: Vec::new(),
        dialogue: None,
        user: turns.admit(contract, user).map_err(|refused| refused.to_string())?,
        already: String::new(),
        overrides: Overrides { seed, ..Overrides::default() },
        tools: ToolUse::default(),
    };
    let (sender, mut events) = mpsc::channel(16);
    let collect = async {
        let mut end = None;
        while let Some(event) = events.recv().await {
            if let TurnEvent::Ended(ended) = event {
                end = Some(ended);
            }
        }
        end
    };
    let ((), end) = tokio::join!(turns.run(request, sender, CancellationToken::new()), collect);
    end.ok_or_else(|| "the turn ended without a result".to_owned())
}

fn reply(end: TurnEnd) -> Result<String, String> {
    match end.outcome {
        Outcome::Complete | Outcome::Repaired | Outcome::Fallback => Ok(end.text.into_inner()),
        Outcome::Refused => {
            let mut rules: Vec<&str> = end.hits.iter().map(|hit| hit.rule.as_str()).collect();
            rules.dedup();
            Err(format!("no reply complied ({})", rules.join(", ")))
        }
        Outcome::Cancelled => Err("it was cancelled".to_owned()),
        Outcome::Failed => {
            Err(end.failure.map_or_else(|| "the model failed".to_owned(), |(code, text)| format!("{code}: {text}")))
        }
    }
}

/// A model whose answers are kept, to be shown when a turn fails.
#[derive(Debug)]
struct Ear {
    model: Arc<dyn Model>,
    heard: Arc<Mutex<Vec<String>>>,
}

#[async_trait]
impl Model for Ear {
    fn name(&self) -> &str {
        self.model.name()
    }

    fn limits(&self) -> CallLimits {
        self.model.limits()
    }

    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError> {
        let stream = self.model.stream(prompt).await?;
        let index = {
            let mut heard = self.heard.lock();
            heard.push(String::new());
            heard.len() - 1
        };
        let heard = Arc::clone(&self.heard);
        let listened = stream.inspect(move |chunk| {
            if let Ok(ModelChunk::Text(text)) = chunk
                && let Some(said) = heard.lock().get_mut(index)
            {
                said.push_str(text);
            }
        });
        Ok(listened.boxed())
    }
}

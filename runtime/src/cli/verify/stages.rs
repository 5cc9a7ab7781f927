//! The stages behind compiling: plugins, cases and fallback, rehearsal.

use std::collections::HashSet;
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::contract::{Case, Expect, Language};
use rolecall_dsl::diagnostic::{Finding, Severity, codes};
use rolecall_dsl::span::{Span, Spanned};
use rolecall_plugin_host::PluginHost;
use rolecall_wire::frame::Outcome;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::judge::{Judgement, judge};
use crate::contracts::check_policies;
use crate::session::turn::{Overrides, TurnEnd, TurnEvent, TurnRequest, Turns};

/// What became of one contract.
#[derive(Debug, Default)]
pub(super) struct Trial {
    pub(super) findings: Vec<Finding>,
    /// Replies judged: cases and the fallback.
    pub(super) judged: usize,
    /// User turns rehearsed.
    pub(super) rehearsed: usize,
}

/// Takes a compiled contract through the remaining stages.
pub(super) async fn run(contract: &Arc<Contract>, plugins: &PluginHost, turns: &Turns) -> Trial {
    let mut trial = Trial { findings: check_policies(contract, plugins).await, ..Trial::default() };
    if trial.has_errors() {
        return trial;
    }
    if let Some(fallback) = &contract.fallback {
        // Under every guard the fallback may be what is said.
        for bound in (0..contract.scenarios.len()).filter_map(|index| contract.in_scenario(index)) {
            trial.fallback(&bound, plugins, fallback).await;
        }
        trial.once();
    }
    for case in &contract.cases {
        trial.case(contract, plugins, case).await;
    }
    if !trial.has_errors() {
        trial.rehearse_all(contract, plugins, turns).await;
    }
    trial
}

impl Trial {
    fn has_errors(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity == Severity::Error)
    }

    async fn fallback(&mut self, contract: &Contract, plugins: &PluginHost, fallback: &Spanned<String>) {
        let judgement = judge(contract, plugins, &fallback.value).await;
        self.judged += 1;
        self.failures(contract, &judgement, fallback.span);
        if let Some(broken) = judgement.first_error() {
            let message = format!("the fallback breaks `{}`: {}", broken.rule, broken.message);
            self.findings.push(
                Finding::new(codes::FALLBACK_VIOLATES, &contract.source, fallback.span, message)
                    .with_help("write a fallback that keeps every rule of the role"),
            );
        }
    }

    /// Leaves out what several scenarios say alike.
    fn once(&mut self) {
        let mut told = HashSet::new();
        self.findings.retain(|finding| told.insert((finding.code, finding.span, finding.message.clone())));
    }

    async fn case(&mut self, contract: &Arc<Contract>, plugins: &PluginHost, case: &Case) {
        let Some(reply) = &case.reply else { return };
        let contract = &contract.for_turn(case.user.as_ref().map_or("", |user| &user.value), true);
        let judgement = judge(contract, plugins, &reply.value).await;
        self.judged += 1;
        self.failures(contract, &judgement, reply.span);
        let title = &case.title.value;
        match &case.expect {
            Expect::Pass => {
                if let Some(broken) = judgement.first_error() {
                    let message = format!("case \"{title}\" breaks `{}`: {}", broken.rule, broken.message);
                    self.findings.push(
                        Finding::new(codes::CASE_FAILS, &contract.source, reply.span, message)
                            .with_help(format!("change the reply, or expect that it violates {}", broken.rule)),
                    );
                }
            }
            Expect::Violates(rules) => {
                for rule in rules.iter().filter(|rule| !judgement.breaks(&rule.value)) {
                    let message = format!("case \"{title}\" keeps `{}`, which it should break", rule.value);
                    self.findings.push(
                        Finding::new(codes::CASE_PASSES, &contract.source, rule.span, message)
                            .with_related(reply.span, "this reply"),
                    );
                }
            }
        }
    }

    fn failures(&mut self, contract: &Contract, judgement: &Judgement, span: Span) {
        for (plugin, error) in &judgement.failed {
            let message = format!("plugin `{plugin}` gave no judgement: {error}");
            self.findings.push(Finding::new(codes::PLUGIN_FAILED, &contract.source, span, message));
        }
    }

    /// Every case's user turn; a greeting when no case has one.
    async fn rehearse_all(&mut self, contract: &Arc<Contract>, plugins: &PluginHost, turns: &Turns) {
        let users: Vec<&Spanned<String>> = contract.cases.iter().filter_map(|case| case.user.as_ref()).collect();
        for user in &users {
            self.rehearse(contract, plugins, turns, &user.value, user.span).await;
        }
        if users.is_empty() {
            let greeting = match contract.languages.first() {
                Some(Language::Zh) => "你好。",
                Some(Language::En) | None => "Hello.",
            };
            self.rehearse(contract, plugins, turns, greeting, contract.span).await;
        }
    }

    async fn rehearse(
        &mut self,
        contract: &Arc<Contract>,
        plugins: &PluginHost,
        turns: &Turns,
        user: &str,
        span: Span,
    ) {
        self.rehearsed += 1;
        let problem = match answer(contract, turns, user).await {
            Ok(reply) => {
                let judgement = judge(&contract.for_turn(user, true), plugins, &reply).await;
                let broken = judgement.first_error();
                broken.map(|broken| format!("the reply breaks `{}`: {} ({reply})", broken.rule, broken.message))
            }
            Err(problem) => Some(problem),
        };
        if let Some(problem) = problem {
            let message = format!("the rehearsal of this turn failed: {problem}");
            self.findings.push(
                Finding::new(codes::REHEARSAL_FAILS, &contract.source, span, message)
                    .with_help("add a passing case with this user turn, or a fallback that keeps every rule"),
            );
        }
    }
}

/// The rehearsal model's reply to one user turn, through the whole enforcement.
async fn answer(contract: &Arc<Contract>, turns: &Turns, user: &str) -> Result<String, String> {
    let request = TurnRequest {
        contract: Arc::clone(contract),
        history: Vec::new(),
        user: turns.admit(contract, user).map_err(|refused| refused.to_string())?,
        already: String::new(),
        overrides: Overrides::default(),
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
    end.map_or_else(|| Err("the turn ended without a result".to_owned()), reply)
}

fn reply(end: TurnEnd) -> Result<String, String> {
    match end.outcome {
        Outcome::Complete | Outcome::Repaired | Outcome::Fallback => Ok(end.text.into_inner()),
        Outcome::Refused => {
            let rules: Vec<&str> = end.hits.iter().map(|hit| hit.rule.as_str()).collect();
            Err(format!("no reply complied ({})", rules.join(", ")))
        }
        Outcome::Cancelled => Err("it was cancelled".to_owned()),
        Outcome::Failed => {
            Err(end.failure.map_or_else(|| "the model failed".to_owned(), |(code, text)| format!("{code}: {text}")))
        }
    }
}

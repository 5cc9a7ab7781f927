//! Would the cases notice a mistake in a rule? Each rule is dropped, and changed in each way that
//! [`rewrite`] knows, one change at a time; the cases are judged again. A change
//! under which every case still gives what it expects has survived.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::contract::{Case, Expect, Rule};
use rolecall_dsl::diagnostic::{Finding, Severity, codes};
use rolecall_dsl::span::Span;
use rolecall_plugin_host::PluginHost;
use serde::{Deserialize, Serialize};

use super::rewrite::{self, Change};
use crate::contracts::judge::{Broken, Judgement, binding, judge_policy};

/// Changes tried of one role; further ones are counted as left out.
const MAX_MUTANTS: usize = 256;

/// What became of the changes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Mutation {
    /// Changes tried.
    pub(super) mutants: usize,
    /// Those that a case noticed.
    pub(super) noticed: usize,
    /// Those not tried: beyond the limit, or without a plugin's judgement.
    pub(super) left_out: usize,
    /// Those that no case noticed.
    pub(super) survivors: Vec<Survivor>,
}

/// A change that no case noticed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Survivor {
    /// The rule.
    pub(super) rule: String,
    /// What was changed.
    pub(super) change: String,
    /// Which case would notice it.
    pub(super) missing: String,
}

/// A role with its cases, and what the plugins say of each, which changes of other rules leave as it is.
struct Subject<'a> {
    contract: &'a Contract,
    plugins: &'a PluginHost,
    cases: Vec<Tried<'a>>,
}

/// A case with a reply.
struct Tried<'a> {
    case: &'a Case,
    reply: &'a str,
    /// What the user said before it.
    user: Option<&'a str>,
    /// What binds the reply.
    contract: Arc<Contract>,
    /// The plugin rules that it breaks.
    policies: Judgement,
}

pub(super) async fn run(contract: &Arc<Contract>, plugins: &PluginHost) -> (Mutation, Vec<Finding>) {
    let mut subject = Subject { contract, plugins, cases: Vec::new() };
    for case in &contract.cases {
        let Some(reply) = &case.reply else { continue };
        let user = case.user.as_ref().map(|user| user.value.as_str());
        let bound = binding(contract, user);
        let mut policies = Judgement::default();
        for rule in &bound.rules {
            judge_policy(&bound, rule, plugins, &reply.value, &mut policies).await;
        }
        subject.cases.push(Tried { case, reply: &reply.value, user, contract: bound, policies });
    }
    let (mut mutation, mut findings) = (Mutation::default(), Vec::new());
    for rule in &contract.rules {
        subject.rule(rule, &mut mutation, &mut findings).await;
    }
    (mutation, findings)
}

impl Subject<'_> {
    async fn rule(&self, rule: &Rule, mutation: &mut Mutation, findings: &mut Vec<Finding>) {
        let dropped = self.survives(rule, None).await;
        mutation.mutants += 1;
        if dropped != Some(true) {
            mutation.noticed += 1;
        } else {
            let missing = format!("a case whose reply breaks it, with `expect violates {}`", rule.id);
            mutation.survived(rule, rule.span, "dropped", &missing, findings);
        }
        // Imported rules are changed where they are written, and one that is not missed needs a case first.
        if dropped == Some(true) || rule.source.name() != self.contract.source.name() {
            return;
        }
        let written = rule.source.slice(rule.span);
        let limit = MAX_MUTANTS.saturating_sub(mutation.mutants);
        let (changes, left_out) = rewrite::changes(written, self.contract.languages.first().copied(), limit);
        mutation.left_out += left_out;
        for change in changes {
            match self.survives(rule, Some(&change)).await {
                None => mutation.left_out += 1,
                Some(survives) => {
                    mutation.mutants += 1;
                    if survives {
                        let at = rule.span.start;
                        let span = Span::new(at + change.span.start, at + change.span.end);
                        mutation.survived(rule, span, &change.what, &change.missing, findings);
                    } else {
                        mutation.noticed += 1;
                    }
                }
            }
        }
    }

    /// Whether every case still gives what it expects, without the rule or with the changed one;
    /// `None` when a plugin gives no judgement.
    async fn survives(&self, rule: &Rule, change: Option<&Change>) -> Option<bool> {
        let changed = change.map(|change| Rule { constraint: Arc::clone(&change.constraint), ..rule.clone() });
        // The whole contract, since without a guarded rule another may come into force.
        let mutated = Arc::new(mutated(self.contract, rule, changed.as_ref()));
        for tried in self.cases.iter().filter(|tried| tried.contract.rules.iter().any(|known| known.id == rule.id)) {
            let verdict = binding(&mutated, tried.user).program.check(tried.reply);
            let mut broken: Vec<Broken> = verdict.violations.into_iter().map(Broken::from).collect();
            broken.extend(tried.policies.broken.iter().filter(|it| it.rule != rule.id).cloned());
            if let Some(changed) = changed.as_ref().filter(|changed| changed.constraint.policy().is_some()) {
                let mut judgement = Judgement::default();
                judge_policy(&tried.contract, changed, self.plugins, tried.reply, &mut judgement).await;
                if !judgement.failed.is_empty() {
                    return None;
                }
                broken.extend(judgement.broken);
            }
            if !met(tried.case, &broken) {
                return Some(false);
            }
        }
        Some(true)
    }
}

impl Mutation {
    fn survived(&mut self, rule: &Rule, span: Span, change: &str, missing: &str, findings: &mut Vec<Finding>) {
        let what = if change == "dropped" { change.to_owned() } else { format!("changed ({change})") };
        let message = format!("`{}` can be {what}, and no case notices", rule.id);
        findings.push(
            Finding::new(codes::MUTANT_SURVIVES, &rule.source, span, message).with_help(format!("add {missing}")),
        );
        let (change, missing) = (change.to_owned(), missing.to_owned());
        self.survivors.push(Survivor { rule: rule.id.to_string(), change, missing });
    }
}

impl std::fmt::Display for Mutation {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "cases notice {} of {} changes", self.noticed, self.mutants)?;
        if self.left_out > 0 { write!(f, "; {} were not tried", self.left_out) } else { Ok(()) }
    }
}

/// The contract without this rule, or with the changed one in its place.
fn mutated(contract: &Contract, rule: &Rule, changed: Option<&Rule>) -> Contract {
    let replaced = |known: &Rule| if known.id == rule.id { changed.cloned() } else { Some(known.clone()) };
    contract.with_rules(contract.rules.iter().filter_map(replaced).collect())
}

/// Whether a case gives what it expects.
fn met(case: &Case, broken: &[Broken]) -> bool {
    match &case.expect {
        Expect::Pass => broken.iter().all(|it| it.severity != Severity::Error),
        Expect::Violates(ids) => ids.iter().all(|id| broken.iter().any(|it| *it.rule == *id.value)),
    }
}

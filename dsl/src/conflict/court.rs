//! The runtime's own checker as the judge of every text the analysis tries.

use std::sync::Arc;

use super::clause::{self, Clause};
use super::ruleset::RuleSet;
use crate::constraint::Fact;
use crate::contract::{OnViolation, Rule};
use crate::diagnostic::Severity;
use crate::monitor::Program;

/// The rules of one question, and the monitor that judges texts by them.
///
/// Rules are judged as if each blocked and none replaced its matches: what is proved must hold of the
/// reply that the model gives, not of what the enforcement can make of another.
#[derive(Debug)]
pub(super) struct Court<'r> {
    pub(super) rules: Vec<&'r Rule>,
    program: Arc<Program>,
}

impl<'r> Court<'r> {
    /// Further rules than a set can hold are left out.
    pub(super) fn new(rules: &[&'r Rule]) -> Self {
        let rules: Vec<&Rule> = rules.iter().take(RuleSet::MOST).copied().collect();
        let plain =
            |rule: &&Rule| Rule { on_violation: OnViolation::Reject, severity: Severity::Error, ..Rule::clone(rule) };
        let plain: Vec<Rule> = rules.iter().map(plain).collect();
        Self { program: Arc::new(Program::new(&plain)), rules }
    }

    /// The rules that a text breaks.
    pub(super) fn broken(&self, text: &str) -> RuleSet {
        self.program.check(text).violations.iter().map(|violation| violation.rule).collect()
    }

    /// Every rule that can be decided without a plugin.
    pub(super) fn decidable(&self) -> RuleSet {
        let decidable = |(_, rule): &(usize, &&Rule)| !matches!(rule.constraint.fact(), Fact::Judged);
        self.rules.iter().enumerate().filter(decidable).map(|(index, _)| index).collect()
    }

    /// What it means to keep a rule.
    pub(super) fn kept(&self, rule: usize) -> Option<Clause<'r>> {
        clause::kept(self.rules.get(rule)?.constraint.as_ref())
    }

    /// The ways of breaking a rule.
    pub(super) fn broken_by(&self, rule: usize) -> Vec<Clause<'r>> {
        self.rules.get(rule).map(|rule| clause::broken(rule.constraint.as_ref())).unwrap_or_default()
    }

    /// Whether a rule says that an empty reply is a reply.
    pub(super) fn allows_nothing(&self, rules: RuleSet) -> bool {
        rules.iter().filter_map(|rule| self.rules.get(rule)).any(|rule| rule.constraint.fact() == Fact::MinSentences(0))
    }
}

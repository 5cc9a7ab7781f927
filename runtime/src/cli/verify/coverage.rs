//! Which rules the cases exercise: a rule is covered when a case expects a violation of it and its
//! reply does break it. Passing cases say that a rule allows; only these say that it refuses.

use rolecall_dsl::Contract;
use rolecall_dsl::contract::Expect;
use rolecall_dsl::diagnostic::{Finding, codes};
use serde::{Deserialize, Serialize};

use crate::cli::output::plural;
use crate::contracts::sandbox::Judged;

/// Uncovered rules that a summary names.
const SHOWN: usize = 10;

/// What the cases cover.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Coverage {
    /// Rules that a case breaks as expected.
    pub(super) covered: usize,
    /// All rules.
    pub(super) rules: usize,
    /// The ids of the rest, in the order written.
    pub(super) uncovered: Vec<String>,
}

impl Coverage {
    pub(super) fn of(contract: &Contract, judged: &[Judged]) -> Self {
        let breaks = |rule: &str| {
            judged.iter().any(|it| {
                let expects = contract.cases.get(it.case).is_some_and(
                    |case| matches!(&case.expect, Expect::Violates(ids) if ids.iter().any(|id| id.value == rule)),
                );
                expects && it.judgement.breaks(rule)
            })
        };
        let uncovered: Vec<String> =
            contract.rules.iter().map(|rule| rule.id.to_string()).filter(|rule| !breaks(rule)).collect();
        Self { covered: contract.rules.len() - uncovered.len(), rules: contract.rules.len(), uncovered }
    }
}

impl std::fmt::Display for Coverage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "covered {} of {}", self.covered, plural(self.rules, "rule"))?;
        let shown: Vec<&str> = self.uncovered.iter().take(SHOWN).map(String::as_str).collect();
        match self.uncovered.len() {
            0 => Ok(()),
            all if all > SHOWN => write!(f, "; no case breaks: {} and {} more", shown.join(", "), all - SHOWN),
            _ => write!(f, "; no case breaks: {}", shown.join(", ")),
        }
    }
}

/// A note at each rule that is not covered.
pub(super) fn notes(contract: &Contract, coverage: &Coverage) -> Vec<Finding> {
    let missing = contract.rules.iter().filter(|rule| coverage.uncovered.iter().any(|id| **id == *rule.id));
    let note = |rule: &rolecall_dsl::contract::Rule| {
        Finding::new(codes::RULE_NOT_COVERED, &rule.source, rule.span, format!("no case breaks `{}`", rule.id))
            .with_help(format!("add a case whose reply breaks it, with `expect violates {}`", rule.id))
    };
    missing.map(note).collect()
}

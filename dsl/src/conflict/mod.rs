//! Whether a contract can be kept at all, decided before any reply exists.
//!
//! ```text
//! rules ─► clause ─► linear (counts) ─► compose (ready sentences) ─► search (every state) ─► answer
//!            │                                   │                        │
//!            └────────── court: the runtime's own monitor judges every text that is tried
//! ```
//!
//! [`solve`] is the one question: does a reply exist that keeps these rules and breaks that one? On it
//! stand the minimal sets of rules that cannot hold together ([`analyse()`]), the rules that others
//! imply ([`review()`]), and what one contract allows that another does not ([`compare()`]). A witness is
//! always a text that the monitor passed; "impossible" is said only when the counts contradict each
//! other or when every state was visited; what is neither is said to be undecided, and why.
//!
//! Only rules that block (severity error) can contradict each other; rules judged by plugins are left
//! out of proofs.

mod analyse;
mod answer;
mod clause;
mod compare;
mod compose;
mod cores;
mod court;
mod linear;
mod report;
mod review;
mod ruleset;
mod search;
mod shapes;
mod solver;
mod texts;

pub use analyse::{analyse, solve};
pub use answer::{Analysis, Answer, Comparison, ConflictSet, Member, Relation};
pub use compare::compare;
pub use review::review;

use std::sync::Arc;

use crate::Contract;
use crate::contract::{Case, Language, Rule};
use crate::diagnostic::{Finding, Severity};
use crate::monitor::Program;
use crate::source::Source;
use crate::span::{Span, Spanned};

/// A role's rules and the concrete texts that must agree with them.
#[derive(Debug)]
pub struct Texts<'a> {
    /// The rules.
    pub rules: &'a [Rule],
    /// The rules, compiled.
    pub program: &'a Arc<Program>,
    /// The fallback.
    pub fallback: Option<&'a Spanned<String>>,
    /// The cases.
    pub cases: &'a [Case],
}

/// Adds a finding for each set of rules that cannot hold together in one of a contract's scenarios;
/// every one names all of its places.
pub fn rules(contract: &Contract, scenario: usize, findings: &mut Vec<Finding>) {
    let Some(scenario) = contract.scenarios.get(scenario) else { return };
    let rules = blocking(scenario.rules.iter().filter_map(|index| contract.rules.get(*index)));
    report::report(&analyse(&rules, language(contract)), &rules, scenario.name.as_deref(), findings);
}

/// Adds a finding for each scenario in which a contract allows a reply that the one it extends refuses.
pub fn escapes(contract: &Contract, place: Span, findings: &mut Vec<Finding>) {
    let Some(parent) = &contract.parent else { return };
    // One reply for each rule that is escaped tells enough.
    let mut told = Vec::new();
    for found in compare(parent, contract) {
        if !told.contains(&found.loosened) {
            report::escape(contract, parent, &found, place, findings);
            told.extend(found.loosened.is_some().then(|| found.loosened.clone()));
        }
    }
}

/// Adds a finding for each sample of a role's tone that fits no turn.
pub fn style(contract: &Contract, findings: &mut Vec<Finding>) {
    texts::style(contract, findings);
}

/// Adds a finding for each text of a contract that its own rules refuse.
pub fn texts(texts: &Texts<'_>, source: &Source, findings: &mut Vec<Finding>) {
    texts::check(texts, source, findings);
}

/// The rules that can make a reply impossible.
fn blocking<'r>(rules: impl Iterator<Item = &'r Rule>) -> Vec<&'r Rule> {
    rules.filter(|rule| rule.severity == Severity::Error).collect()
}

/// The language that candidates for replies are tried in first.
fn language(contract: &Contract) -> Language {
    contract.languages.first().copied().unwrap_or(Language::En)
}

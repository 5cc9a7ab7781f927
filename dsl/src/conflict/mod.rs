//! Contradictions that are found before any reply exists.
//!
//! [`bounds`] and [`terms`] compare what the rules say ([`Fact`]); [`texts`] runs the contract's own
//! texts through the checker that will judge the replies. Only rules that block (severity error)
//! can contradict each other.

mod analyse;
mod answer;
mod bounds;
mod clause;
mod compare;
mod compose;
mod cores;
mod court;
mod linear;
mod ruleset;
mod search;
mod shapes;
mod solver;
mod terms;
mod texts;

pub use analyse::{analyse, conflicts, solve};
pub use answer::{Analysis, Answer, Comparison, ConflictSet, Member, Relation};
pub use compare::compare;

use std::sync::Arc;

use crate::constraint::Fact;
use crate::contract::{Case, Rule};
use crate::diagnostic::{Finding, Severity};
use crate::monitor::Program;
use crate::source::Source;
use crate::span::Spanned;

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

/// Adds a finding for each contradiction; every one names all of its places.
pub fn check(texts: &Texts<'_>, source: &Source, findings: &mut Vec<Finding>) {
    let blocking: Vec<&Rule> = texts.rules.iter().filter(|rule| rule.severity == Severity::Error).collect();
    bounds::check(&blocking, source, findings);
    terms::check(&blocking, texts, source, findings);
    texts::check(texts, source, findings);
}

/// The rules whose fact `pick` understands, with what it makes of it.
fn facts<'r, T>(rules: &[&'r Rule], pick: impl Fn(Fact<'r>) -> Option<T>) -> Vec<(&'r Rule, T)> {
    rules.iter().filter_map(|rule| pick(rule.constraint.fact()).map(|value| (*rule, value))).collect()
}

//! What a new version of a contract lets through that the old one did not, and the other way round.

use std::sync::Arc;

use super::answer::{Answer, Comparison, Relation};
use super::ruleset::RuleSet;
use super::solver::Solver;
use super::{blocking, language};
use crate::Contract;
use crate::constraint::Fact;
use crate::contract::{Language, Moment, Rule, Scenario};

/// Compares the replies that two versions of a role allow, scenario by scenario: for each set of turns
/// that neither version's guards tell apart, the rules that the old one and the new one put in force.
#[must_use]
pub fn compare(old: &Contract, new: &Contract) -> Vec<Comparison> {
    let mut compared: Vec<(&[usize], &[usize])> = Vec::new();
    let mut found = Vec::new();
    for (first, second) in pairs(old, new) {
        let in_force = (first.rules.as_slice(), second.rules.as_slice());
        if compared.contains(&in_force) {
            continue;
        }
        compared.push(in_force);
        let old_rules = blocking(first.rules.iter().filter_map(|rule| old.rules.get(*rule)));
        let new_rules = blocking(second.rules.iter().filter_map(|rule| new.rules.get(*rule)));
        let name = match (&first.name, &second.name) {
            (None, name) | (name, None) => name.clone(),
            (Some(a), Some(b)) if a == b => Some(a.clone()),
            (Some(a), Some(b)) => Some(format!("{a}; in the new version {b}")),
        };
        found.push(rules(name, &old_rules, &new_rules, language(new)));
    }
    found
}

/// The scenarios of either version that a turn can be in at once.
fn pairs<'c>(old: &'c Contract, new: &'c Contract) -> Vec<(&'c Scenario, &'c Scenario)> {
    let names = |contract: &Contract, intent: &Option<String>| {
        contract.scenarios.iter().flat_map(|scenario| &scenario.moments).any(|moment| moment.intent == *intent)
    };
    let meet = |a: &Moment, b: &Moment| {
        // Without an intent means: with none that this version's guards name.
        let intent = match (&a.intent, &b.intent) {
            (Some(_), None) => !names(new, &a.intent),
            (None, Some(_)) => !names(old, &b.intent),
            (first, second) => first == second,
        };
        let either = |same: bool, known: bool| same || !known;
        intent
            && either(a.language == b.language, a.language.is_some() && b.language.is_some())
            && either(a.turn == b.turn, a.turn.is_some() && b.turn.is_some())
    };
    let all = old.scenarios.iter().flat_map(|first| new.scenarios.iter().map(move |second| (first, second)));
    all.filter(|(first, second)| first.moments.iter().any(|a| second.moments.iter().any(|b| meet(a, b)))).collect()
}

/// One direction of a comparison.
#[derive(Debug, Default)]
struct Direction {
    /// A reply that is allowed on this side only.
    reply: Option<String>,
    /// Something only this side allows, if only because a plugin no longer judges.
    more: bool,
    undecided: Option<String>,
    /// The rule of the other side that refuses it.
    rule: Option<Arc<str>>,
}

/// Compares two lists of rules.
fn rules(scenario: Option<String>, old: &[&Rule], new: &[&Rule], language: Language) -> Comparison {
    let all: Vec<&Rule> = old.iter().chain(new).copied().collect();
    let mut solver = Solver::new(&all, language);
    let olds: RuleSet = (0..old.len()).collect();
    let news: RuleSet = (old.len()..all.len()).collect();
    let only_new = direction(&mut solver, news, olds);
    let only_old = direction(&mut solver, olds, news);
    let relation = match (only_old.more, only_new.more) {
        _ if only_old.undecided.is_some() || only_new.undecided.is_some() => Relation::Undecided,
        (false, false) => Relation::Equal,
        (true, false) => Relation::Narrower,
        (false, true) => Relation::Wider,
        (true, true) => Relation::Incomparable,
    };
    Comparison {
        scenario,
        relation,
        only_old: only_old.reply,
        only_new: only_new.reply,
        tightened: only_old.rule,
        loosened: only_new.rule,
        undecided: only_new.undecided.or(only_old.undecided),
    }
}

/// What `inside` allows and `outside` does not.
fn direction(solver: &mut Solver<'_>, inside: RuleSet, outside: RuleSet) -> Direction {
    let decidable = solver.decidable();
    let keep: RuleSet = inside.iter().filter(|rule| decidable.contains(*rule)).collect();
    let mut direction = Direction::default();
    for rule in outside.iter() {
        if !decidable.contains(rule) {
            if !judged_alike(solver, rule, inside) {
                direction.more = true;
                direction.rule = solver.rules().get(rule).map(|rule| Arc::clone(&rule.id));
            }
            continue;
        }
        let known = solver.rules().get(rule).map(|rule| rule.constraint.fact());
        let same = |other: usize| solver.rules().get(other).map(|rule| rule.constraint.fact()) == known;
        if keep.iter().any(same) {
            continue;
        }
        match solver.solve(keep, Some(rule)) {
            Answer::Witness(text) => {
                direction.reply = Some(text);
                direction.rule = solver.rules().get(rule).map(|rule| Arc::clone(&rule.id));
                direction.more = true;
                direction.undecided = None;
                return direction;
            }
            Answer::Impossible => {}
            Answer::Undecided(reason) => direction.undecided = Some(reason),
        }
    }
    direction
}

/// Whether a rule that a plugin judges is among others, parameters and all.
fn judged_alike(solver: &Solver<'_>, rule: usize, others: RuleSet) -> bool {
    let policy = |rule: usize| {
        solver.rules().get(rule).filter(|rule| rule.constraint.fact() == Fact::Judged)?.constraint.policy()
    };
    let Some(judged) = policy(rule) else { return false };
    others.iter().filter_map(policy).any(|other| {
        (&other.plugin, &other.params, other.on_failure) == (&judged.plugin, &judged.params, judged.on_failure)
    })
}

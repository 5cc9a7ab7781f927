//! What a new version of a contract lets through that the old one did not, and the other way round.

use std::sync::Arc;

use super::answer::{Answer, Comparison, Relation};
use super::ruleset::RuleSet;
use super::solver::Solver;
use super::{blocking, language};
use crate::Contract;
use crate::constraint::Fact;
use crate::contract::{Intent, Language, Moment, Rule, Scenario};

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
    let languages = old.languages == new.languages;
    let meet = |a: &Moment, b: &Moment| {
        let language = !languages || a.language.is_none() || b.language.is_none() || a.language == b.language;
        let turn = a.turn.is_none() || b.turn.is_none() || a.turn == b.turn;
        language && turn && same_words(old, a.intent.as_deref(), new, b.intent.as_deref())
    };
    let all = old.scenarios.iter().flat_map(|first| new.scenarios.iter().map(move |second| (first, second)));
    all.filter(|(first, second)| first.moments.iter().any(|a| second.moments.iter().any(|b| meet(a, b)))).collect()
}

/// Whether the same words of a user can mean this intent to the old version and that one to the new.
/// An intent that only one version has may take turns from any other, and so may one whose samples
/// changed; without either, words mean the same to both.
fn same_words(old: &Contract, a: Option<&str>, new: &Contract, b: Option<&str>) -> bool {
    let samples = |contract: &Contract, name: &str| {
        let intent = contract.intents.iter().find(|intent| intent.name.value == name)?;
        Some(intent.samples.iter().map(|sample| sample.value.clone()).collect::<Vec<String>>())
    };
    let changed = |intent: &Intent| {
        let name = intent.name.value.as_str();
        samples(new, name).is_some_and(|now| samples(old, name) != Some(now))
    };
    if old.intents.iter().any(changed) {
        return true;
    }
    let firsts = meanings(old, a);
    let seconds = meanings(new, b);
    let alone = |contract: &Contract, name: Option<&str>| name.is_some_and(|name| samples(contract, name).is_none());
    firsts.iter().any(|p| seconds.iter().any(|q| p == q || alone(old, *q) || alone(new, *p)))
}

/// The intents that a moment stands for: the one it names, or all that no guard names, and none.
fn meanings<'c>(contract: &'c Contract, intent: Option<&'c str>) -> Vec<Option<&'c str>> {
    if intent.is_some() {
        return vec![intent];
    }
    let named = |name: &str| {
        contract
            .scenarios
            .iter()
            .flat_map(|scenario| &scenario.moments)
            .any(|moment| moment.intent.as_deref() == Some(name))
    };
    let others = contract.intents.iter().map(|intent| intent.name.value.as_str()).filter(|name| !named(name));
    others.map(Some).chain([None]).collect()
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
        // What is known to get through outweighs what is not known.
        (true, true) => Relation::Incomparable,
        (_, true) => Relation::Wider,
        _ if only_old.undecided.is_some() || only_new.undecided.is_some() => Relation::Undecided,
        (false, false) => Relation::Equal,
        (true, false) => Relation::Narrower,
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

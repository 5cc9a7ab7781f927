//! What a new version of a contract lets through that the old one did not, and the other way round.

use super::answer::{Answer, Comparison, Relation};
use super::ruleset::RuleSet;
use super::solver::Solver;
use crate::Contract;
use crate::constraint::Fact;
use crate::contract::{Language, Rule};
use crate::diagnostic::Severity;

/// Compares the replies that two versions of a role allow, scenario by scenario.
#[must_use]
pub fn compare(old: &Contract, new: &Contract) -> Vec<Comparison> {
    vec![rules(None, &blocking(&old.rules), &blocking(&new.rules), language(new))]
}

fn blocking(rules: &[Rule]) -> Vec<&Rule> {
    rules.iter().filter(|rule| rule.severity == Severity::Error).collect()
}

fn language(contract: &Contract) -> Language {
    contract.languages.first().copied().unwrap_or(Language::En)
}

/// One direction of a comparison.
#[derive(Debug, Default)]
struct Direction {
    /// A reply that is allowed on this side only.
    reply: Option<String>,
    /// Something only this side allows, if only because a plugin no longer judges.
    more: bool,
    undecided: Option<String>,
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
            direction.more |= !judged_alike(solver, rule, inside);
            continue;
        }
        match solver.solve(keep, Some(rule)) {
            Answer::Witness(text) => {
                direction.reply = Some(text);
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

//! The questions that `verify` asks about the rules of one contract.

use super::answer::{Analysis, Answer};
use super::cores;
use super::review;
use super::ruleset::RuleSet;
use super::solver::Solver;
use crate::contract::{Language, Rule};

/// Whether a reply exists that keeps all of `keep`, and breaks `broken` if one is given. A reply says
/// something, unless `min_sentences 0` is among the rules. Rules that a plugin judges are passed over.
#[must_use]
pub fn solve(keep: &[&Rule], broken: Option<&Rule>) -> Answer {
    let rules: Vec<&Rule> = keep.iter().copied().chain(broken).collect();
    let mut solver = Solver::new(&rules, language(&rules));
    let kept = RuleSet::first(keep.len()).iter().filter(|rule| solver.decidable().contains(*rule)).collect();
    solver.solve(kept, broken.map(|_| keep.len()))
}

/// Everything about these rules taken together. `language` is the one that candidates for replies are
/// tried in first.
#[must_use]
pub fn analyse(rules: &[&Rule], language: Language) -> Analysis {
    let mut solver = Solver::new(rules, language);
    let decidable = solver.decidable();
    let mut analysis = Analysis { answer: solver.satisfy(decidable), conflicts: Vec::new(), more: false };
    if analysis.answer == Answer::Impossible {
        let conflicts = cores::conflicts(&mut solver, decidable);
        (analysis.conflicts, analysis.more) = (conflicts.sets, conflicts.more);
    }
    analysis
}

/// Rules among which implied ones are looked for; each asks about all of the others.
const MOST_IMPLIED: usize = 48;

/// The rules that others imply, each with the rules that do, by index. Of rules that imply each other
/// the later ones are told, so that leaving all of them out changes nothing. Nothing is said of rules
/// that cannot hold together, nor where the analysis gives up or there are more than 48.
pub(super) fn implied(rules: &[&Rule], language: Language) -> Vec<(usize, Vec<usize>)> {
    if rules.len() > MOST_IMPLIED {
        return Vec::new();
    }
    let mut solver = Solver::new(rules, language);
    let decidable = solver.decidable();
    if !matches!(solver.satisfy(decidable), Answer::Witness(_)) {
        return Vec::new();
    }
    let mut rest = decidable;
    let mut found = Vec::new();
    for (index, rule) in rules.iter().enumerate().rev() {
        let others = rest.without(index);
        if !rest.contains(index)
            || review::is_permission(rule)
            || solver.solve(others, Some(index)) != Answer::Impossible
        {
            continue;
        }
        rest = others;
        found.push((index, reasons(&mut solver, others, index)));
    }
    found.reverse();
    found
}

/// A smallest set of rules that implies one.
fn reasons(solver: &mut Solver<'_>, mut by: RuleSet, rule: usize) -> Vec<usize> {
    for other in by.iter().collect::<Vec<_>>() {
        if solver.solve(by.without(other), Some(rule)) == Answer::Impossible {
            by = by.without(other);
        }
    }
    by.iter().collect()
}

/// The language of a Han character in a rule, else English.
fn language(rules: &[&Rule]) -> Language {
    use unicode_script::{Script, UnicodeScript as _};
    let han = |rule: &&Rule| rule.source.slice(rule.span).chars().any(|c| c.script() == Script::Han);
    if rules.iter().any(han) { Language::Zh } else { Language::En }
}

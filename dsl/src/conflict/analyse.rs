//! The questions that `verify` asks about the rules of one contract.

use super::answer::{Analysis, Answer, ConflictSet};
use super::cores;
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

/// All minimal sets of these rules that cannot hold together.
#[must_use]
pub fn conflicts(rules: &[&Rule]) -> Vec<ConflictSet> {
    let mut solver = Solver::new(rules, language(rules));
    let decidable = solver.decidable();
    cores::conflicts(&mut solver, decidable).sets
}

/// Everything about these rules taken together. `language` is the one that candidates for replies are
/// tried in first.
#[must_use]
pub fn analyse(rules: &[&Rule], language: Language) -> Analysis {
    let mut solver = Solver::new(rules, language);
    let decidable = solver.decidable();
    let answer = solver.satisfy(decidable);
    let mut analysis = Analysis { answer, conflicts: Vec::new(), more: false, implied: Vec::new() };
    match analysis.answer {
        Answer::Impossible => {
            let conflicts = cores::conflicts(&mut solver, decidable);
            (analysis.conflicts, analysis.more) = (conflicts.sets, conflicts.more);
        }
        Answer::Witness(_) => analysis.implied = implied(&mut solver, decidable),
        Answer::Undecided(_) => {}
    }
    analysis
}

/// The rules that the others imply. Of rules that imply each other the later ones are, so that leaving
/// all of them out changes nothing.
fn implied(solver: &mut Solver<'_>, rules: RuleSet) -> Vec<usize> {
    let mut rest = rules;
    let mut implied: Vec<usize> = Vec::new();
    for rule in rules.iter().collect::<Vec<_>>().into_iter().rev() {
        if rest.len() > 1 && solver.solve(rest.without(rule), Some(rule)) == Answer::Impossible {
            rest = rest.without(rule);
            implied.push(rule);
        }
    }
    implied.reverse();
    implied
}

/// The language of a Han character in a rule, else English.
fn language(rules: &[&Rule]) -> Language {
    use unicode_script::{Script, UnicodeScript as _};
    let han = |rule: &&Rule| rule.source.slice(rule.span).chars().any(|c| c.script() == Script::Han);
    if rules.iter().any(han) { Language::Zh } else { Language::En }
}

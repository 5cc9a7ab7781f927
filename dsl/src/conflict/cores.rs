//! All minimal sets of rules that cannot hold together.

use std::collections::HashSet;

use super::answer::{Answer, ConflictSet, Member};
use super::ruleset::RuleSet;
use super::solver::Solver;

/// Conflict sets listed for one contract.
const MOST_SETS: usize = 32;

/// Sets of rules looked at while listing them.
const MOST_VISITS: usize = 2_000;

/// From so many rules on, sets that share a rule with one found are no longer looked for.
const ALL_UP_TO: usize = 20;

/// Conflict sets, and whether there may be more.
#[derive(Debug, Default)]
pub(super) struct Conflicts {
    pub(super) sets: Vec<ConflictSet>,
    pub(super) more: bool,
}

/// The minimal conflict sets among `rules`, which cannot all hold: one is shrunk out of the rules, and
/// then out of the rules without each of its members in turn, because every other set lacks one.
pub(super) fn conflicts(solver: &mut Solver<'_>, rules: RuleSet) -> Conflicts {
    let mut found: Vec<RuleSet> = Vec::new();
    let mut visited: HashSet<RuleSet> = HashSet::new();
    let mut open = vec![rules];
    let mut more = false;
    while let Some(set) = open.pop() {
        if !visited.insert(set) {
            continue;
        }
        if visited.len() > MOST_VISITS || found.len() == MOST_SETS {
            more = true;
            break;
        }
        let core = match found.iter().find(|core| core.is_subset(set)) {
            Some(core) => *core,
            // That all rules together are impossible is known, even if nothing may be spent any more.
            None => match if set == rules { Answer::Impossible } else { solver.satisfy(set) } {
                Answer::Impossible => {
                    let core = shrink(solver, set);
                    found.push(core);
                    core
                }
                Answer::Witness(_) => continue,
                Answer::Undecided(_) => {
                    more = true;
                    continue;
                }
            },
        };
        if rules.len() > ALL_UP_TO {
            open.push(core.iter().fold(set, RuleSet::without));
        } else {
            open.extend(core.iter().map(|member| set.without(member)));
        }
    }
    found.sort_by_key(|core| core.iter().collect::<Vec<_>>());
    Conflicts { sets: found.into_iter().map(|core| explain(solver, core)).collect(), more }
}

/// Leaves out every rule that the set is impossible without. What was not decided for a large set may
/// be for a smaller one, so it goes on until nothing changes.
fn shrink(solver: &mut Solver<'_>, mut set: RuleSet) -> RuleSet {
    loop {
        let (before, mut undecided) = (set, false);
        for rule in set.iter().collect::<Vec<_>>() {
            let rest = set.without(rule);
            match solver.satisfy(rest) {
                Answer::Impossible => set = rest,
                Answer::Undecided(_) => undecided = true,
                Answer::Witness(_) => {}
            }
        }
        if set == before || !undecided {
            return set;
        }
    }
}

fn explain(solver: &mut Solver<'_>, core: RuleSet) -> ConflictSet {
    let member = |rule: usize| {
        let without = match solver.satisfy(core.without(rule)) {
            Answer::Witness(text) => Some(text),
            Answer::Impossible | Answer::Undecided(_) => None,
        };
        Member { rule, without }
    };
    ConflictSet { members: core.iter().map(member).collect() }
}

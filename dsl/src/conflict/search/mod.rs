//! Exhaustive search: the shortest reply that satisfies clauses, or the proof that there is none.
//!
//! The states are those of the very machines that judge replies (sentences, forms, terms, patterns,
//! the kinds' own), told apart by their keys; the letters are one character for every set of
//! characters that these machines treat alike. When every state that can be reached was visited and
//! none accepts, no reply exists. What a level leaves out only lets more replies in, so that finding
//! none is a proof at any level, and what is found is for the court to judge.

mod alphabet;
mod disguises;
mod machines;
mod state;

use std::collections::VecDeque;

use rustc_hash::FxHashMap;

use super::clause::Clause;
use machines::Machines;
use state::State;

/// How closely counts are followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Level {
    /// The text is one sentence of a reply, which has the form that a share asks for.
    Unsplit,
    /// A share asks that some sentence has, or has not, the form.
    Relaxed,
    /// Counts are followed exactly, up to a bound.
    Exact,
}

/// What a search gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Found {
    /// The shortest text that satisfies the clauses as far as the level follows them.
    Text(String),
    /// There is none.
    Nothing,
    /// Longer texts were left out: none was found among the others.
    Unknown,
    /// The work allowed did not suffice.
    OutOfBudget,
}

/// The work that may still be done, in steps of one state by one character.
#[derive(Debug, Clone, Copy)]
pub(super) struct Budget {
    pub(super) steps: u64,
}

/// A state that was reached.
#[derive(Debug)]
struct Node {
    /// Taken out when it is expanded.
    state: Option<State>,
    parent: u32,
    by: char,
    /// Characters that count.
    cost: u32,
}

/// Searches for a reply. `nothing` says that an empty reply is one.
pub(super) fn search(clauses: &[Clause<'_>], nothing: bool, level: Level, budget: &mut Budget) -> Found {
    let Some(machines) = Machines::new(clauses, nothing, level) else { return Found::OutOfBudget };
    let letters = alphabet::letters(&machines);
    let start = machines.start();
    if start.accepts(&machines) {
        return Found::Text(String::new());
    }
    let mut best: FxHashMap<Vec<u64>, u32> = FxHashMap::default();
    best.insert(start.key(&machines), 0);
    let mut nodes = vec![Node { state: Some(start), parent: 0, by: '\0', cost: 0 }];
    // Letters that do not count (spaces) cost nothing, so that states are visited by their shortest text.
    let mut queue: VecDeque<usize> = VecDeque::from([0]);
    let mut cut = machines.recognizers.iter().any(|(machine, _)| machine.tells_all_apart());
    while let Some(index) = queue.pop_front() {
        let Some((state, cost)) = nodes.get_mut(index).and_then(|node| Some((node.state.take()?, node.cost))) else {
            continue;
        };
        for letter in &letters {
            if budget.steps == 0 {
                return Found::OutOfBudget;
            }
            budget.steps = budget.steps.saturating_sub(machines.weight);
            let Some((next, counts)) = state.step(&machines, *letter, &mut cut) else { continue };
            let cost = cost + u32::from(counts);
            if machines.chars.most.is_some_and(|most| u64::from(cost) > most) {
                continue;
            }
            let key = next.key(&machines);
            if best.get(&key).is_some_and(|known| *known <= cost) {
                continue;
            }
            let accepts = next.accepts(&machines);
            best.insert(key, cost);
            nodes.push(Node { state: Some(next), parent: u32::try_from(index).unwrap_or(0), by: *letter, cost });
            let reached = nodes.len() - 1;
            if accepts {
                return Found::Text(text(&nodes, reached));
            }
            if counts {
                queue.push_back(reached);
            } else {
                queue.push_front(reached);
            }
        }
    }
    if cut { Found::Unknown } else { Found::Nothing }
}

/// The text that leads to a node.
fn text(nodes: &[Node], mut at: usize) -> String {
    let mut letters = Vec::new();
    while at != 0 {
        let Some(node) = nodes.get(at) else { break };
        letters.push(node.by);
        at = node.parent as usize;
    }
    letters.iter().rev().collect()
}

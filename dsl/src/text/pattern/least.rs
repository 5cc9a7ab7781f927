//! How far a pattern's automaton is from a match.

use std::collections::VecDeque;

use regex_automata::dfa::Automaton;
use regex_automata::util::primitives::StateID;
use rustc_hash::{FxHashMap, FxHashSet};

use super::Pattern;

/// For each state, a lower bound on the characters, as `max_chars` counts them, before a match ends.
/// States without one are farther than any bound.
pub(super) fn distances(pattern: &Pattern, start: StateID) -> FxHashMap<StateID, u64> {
    let classes = classes(pattern);
    let mut before: FxHashMap<StateID, Vec<(StateID, u64)>> = FxHashMap::default();
    let mut seen: Vec<StateID> = vec![start];
    let mut known: FxHashSet<StateID> = FxHashSet::from_iter([start]);
    let mut next = 0;
    while let Some(state) = seen.get(next).copied() {
        next += 1;
        for (byte, cost) in &classes {
            let to = pattern.dfa.next_state(state, *byte);
            before.entry(to).or_default().push((state, *cost));
            if known.insert(to) {
                seen.push(to);
            }
        }
    }
    let ended = |state: &StateID| {
        pattern.dfa.is_match_state(*state) || pattern.dfa.is_match_state(pattern.dfa.next_eoi_state(*state))
    };
    backwards(seen.into_iter().filter(ended), &before)
}

/// From the states where a match has ended back along the steps, the cheap ones first.
fn backwards(
    ended: impl Iterator<Item = StateID>,
    before: &FxHashMap<StateID, Vec<(StateID, u64)>>,
) -> FxHashMap<StateID, u64> {
    let mut queue: VecDeque<(StateID, u64)> = ended.map(|state| (state, 0)).collect();
    let mut least = FxHashMap::default();
    while let Some((state, distance)) = queue.pop_front() {
        if least.contains_key(&state) {
            continue;
        }
        least.insert(state, distance);
        for (from, cost) in before.get(&state).into_iter().flatten().filter(|(from, _)| !least.contains_key(from)) {
            match cost {
                0 => queue.push_front((*from, distance)),
                _ => queue.push_back((*from, distance + cost)),
            }
        }
    }
    least
}

/// A byte of each class that the automaton tells apart, with the least that one of the class costs.
fn classes(pattern: &Pattern) -> Vec<(u8, u64)> {
    let classes = pattern.dfa.byte_classes();
    let mut found: FxHashMap<u8, (u8, u64)> = FxHashMap::default();
    for byte in 0..=u8::MAX {
        let entry = found.entry(classes.get(byte)).or_insert((byte, 1));
        entry.1 = entry.1.min(cost(byte));
    }
    found.into_values().collect()
}

/// What a byte adds to the count at least. What ASCII shows and the first bytes of Han characters always
/// count one; any other character may be white space, a mark, or joined to another.
fn cost(byte: u8) -> u64 {
    u64::from(byte.is_ascii_graphic() || matches!(byte, 0xE4..=0xE9))
}

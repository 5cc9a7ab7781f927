//! Which characters a pattern tells apart.

use std::collections::HashMap;

use regex_automata::Anchored;
use regex_automata::dfa::Automaton;
use regex_automata::util::primitives::StateID;
use regex_automata::util::start;

use super::Pattern;

/// Steps taken to find out; beyond them characters count as apart that the bytes tell apart.
const STEPS: usize = 200_000;

/// What the search for a pattern makes of some characters.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letters {
    /// For each character a number: those with the same one are the same to the search.
    pub of: Vec<usize>,
    /// For each character whether every text with it has a match.
    fatal: Vec<bool>,
}

impl Letters {
    /// Whether every text with this character has a match, as far as that is known.
    #[must_use]
    pub fn is_fatal(&self, index: usize) -> bool {
        self.fatal.get(index).copied().unwrap_or(false)
    }
}

impl Pattern {
    /// What the search for this pattern makes of characters, wherever they stand.
    #[must_use]
    pub fn letters(&self, characters: &[char]) -> Letters {
        let classes = self.dfa.byte_classes();
        let by_bytes = characters.iter().map(|c| {
            let mut bytes = [0; 4];
            c.encode_utf8(&mut bytes).bytes().map(|byte| classes.get(byte)).collect::<Vec<u8>>()
        });
        let coarse = number(by_bytes);
        // One character of each kind is enough to follow.
        let mut first: Vec<Option<char>> = vec![None; coarse.iter().max().map_or(0, |most| most + 1)];
        for (c, kind) in characters.iter().zip(&coarse) {
            if let Some(slot) = first.get_mut(*kind) {
                slot.get_or_insert(*c);
            }
        }
        let kinds: Vec<char> = first.into_iter().flatten().collect();
        let Some((fine, always)) = self.by_states(&kinds) else { return Letters { of: coarse, fatal: Vec::new() } };
        let get = |kind: &usize| (fine.get(*kind).copied().unwrap_or(0), always.get(*kind).copied().unwrap_or(false));
        let (of, fatal) = coarse.iter().map(get).unzip();
        Letters { of, fatal }
    }

    /// The same by what each character does in every state that a text can lead to, and whether it
    /// completes a match in each; `None` when there are too many.
    fn by_states(&self, characters: &[char]) -> Option<(Vec<usize>, Vec<bool>)> {
        let begin = self.dfa.start_state(&start::Config::new().anchored(Anchored::No)).ok()?;
        let mut states = vec![begin];
        let mut effects: Vec<Vec<(u32, bool)>> = vec![Vec::new(); characters.len()];
        let mut at = 0;
        while let Some(state) = states.get(at).copied() {
            at += 1;
            if at * characters.len() > STEPS {
                return None;
            }
            for (c, effect) in characters.iter().zip(&mut effects) {
                let (next, matched) = self.after(state, *c);
                effect.push((next.as_u32(), matched));
                if !matched && !states.contains(&next) {
                    states.push(next);
                }
            }
        }
        // The automaton reports a match with what stands behind it, whatever that is.
        let surely = |(at, state): (usize, &StateID)| {
            let at_end = self.dfa.is_match_state(self.dfa.next_eoi_state(*state));
            at_end && effects.iter().all(|effect| effect.get(at).is_some_and(|(_, matched)| *matched))
        };
        let matched: Vec<u32> =
            states.iter().enumerate().filter(|one| surely(*one)).map(|(_, state)| state.as_u32()).collect();
        let fatal = |effect: &Vec<(u32, bool)>| effect.iter().all(|(next, found)| *found || matched.contains(next));
        let always = effects.iter().map(fatal).collect();
        let classes = self.equivalent(&states, &effects);
        let class = |(next, matched): (u32, bool)| {
            let at = states.iter().position(|state| state.as_u32() == next).filter(|_| !matched);
            at.and_then(|at| classes.get(at).copied())
        };
        let by_class = effects.into_iter().map(|effect| effect.into_iter().map(class).collect::<Vec<_>>());
        Some((number(by_class), always))
    }

    /// Numbers states so that those with the same number have the same future: they are told apart by
    /// whether the pattern matches at the end of the text, and then by what characters lead to.
    fn equivalent(&self, states: &[StateID], effects: &[Vec<(u32, bool)>]) -> Vec<usize> {
        let ends = states.iter().map(|state| self.dfa.is_match_state(self.dfa.next_eoi_state(*state)));
        let mut classes = number(ends);
        let index: HashMap<u32, usize> = states.iter().enumerate().map(|(at, state)| (state.as_u32(), at)).collect();
        loop {
            let refined = number((0..states.len()).map(|at| {
                let next = effects.iter().map(|effect| match effect.get(at) {
                    Some((next, false)) => index.get(next).and_then(|next| classes.get(*next)).copied(),
                    _ => None,
                });
                (classes.get(at).copied(), next.collect::<Vec<_>>())
            }));
            if refined == classes {
                return classes;
            }
            classes = refined;
        }
    }

    /// The state after a character, and whether the pattern matched on the way.
    fn after(&self, mut state: StateID, c: char) -> (StateID, bool) {
        let (mut bytes, mut matched) = ([0; 4], false);
        for byte in c.encode_utf8(&mut bytes).bytes() {
            state = self.dfa.next_state(state, byte);
            matched |= self.dfa.is_match_state(state);
        }
        (state, matched)
    }
}

/// Equal values get equal numbers, in the order of their first occurrence.
fn number<T: std::hash::Hash + Eq>(values: impl Iterator<Item = T>) -> Vec<usize> {
    let mut known: HashMap<T, usize> = HashMap::new();
    values
        .map(|value| {
            let next = known.len();
            *known.entry(value).or_insert(next)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use crate::text::pattern::{Pattern, Use};

    #[test]
    fn characters_that_do_the_same_are_one_letter() {
        let pattern = Pattern::new("[^\\p{Han}\\P{L}]", "", Use::Require).expect("a pattern");
        let letters = pattern.letters(&['好', '的', 'a', 'é', 'я', '1', '。', '😀', ' ']);
        assert_eq!(letters.of, [0, 0, 1, 1, 1, 0, 0, 0, 0]);
        assert!(letters.is_fatal(2) && !letters.is_fatal(0));
        let digits = Pattern::new("a[0-9]{2}", "", Use::Require).expect("a pattern");
        assert_eq!(digits.letters(&['a', '0', '7', 'b', '好']).of, [0, 1, 1, 2, 2]);
    }
}

//! The search for a pattern that must not occur: every start that can still become a match is a thread.

use std::ops::Range;

use regex_automata::dfa::Automaton;
use regex_automata::util::primitives::StateID;

use super::Pattern;

/// The search for a pattern that must not occur.
#[derive(Debug, Clone, Default)]
pub struct Threads {
    live: Vec<Thread>,
    previous: Option<u8>,
    at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Thread {
    state: StateID,
    start: usize,
    matched: Option<usize>,
}

impl Threads {
    /// Takes the next character. A match is reported as soon as it is certain or, if the longest one
    /// is wanted, when it can grow no more.
    pub fn push(&mut self, pattern: &Pattern, c: char, longest: bool, hit: &mut impl FnMut(Range<usize>)) {
        if let Some(state) = pattern.anchored_start(self.previous) {
            self.live.push(Thread { state, start: self.at, matched: None });
        }
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        let at = self.at;
        self.live.retain_mut(|thread| {
            for &byte in bytes {
                thread.state = pattern.dfa.next_state(thread.state, byte);
                // A match state says that a match ended before the byte just read.
                if pattern.dfa.is_match_state(thread.state) {
                    thread.matched = Some(at);
                }
            }
            if (!longest || thread.matched.is_none()) && pattern.has_ended(thread.state) {
                thread.matched = thread.matched.or(Some(at + bytes.len()));
            }
            let dead = pattern.dfa.is_dead_state(thread.state);
            match thread.matched {
                Some(end) if dead || !longest => {
                    hit(thread.start..end);
                    false
                }
                _ => !dead,
            }
        });
        self.merge();
        self.previous = bytes.last().copied();
        self.at += bytes.len();
    }

    /// Ends the text.
    pub fn finish(&mut self, pattern: &Pattern, hit: &mut impl FnMut(Range<usize>)) {
        for thread in self.live.drain(..) {
            let matched = pattern.dfa.is_match_state(pattern.dfa.next_eoi_state(thread.state));
            if let Some(end) = matched.then_some(self.at).or(thread.matched) {
                hit(thread.start..end);
            }
        }
    }

    /// The first byte that could still become part of a match.
    #[must_use]
    pub fn hold(&self) -> Option<usize> {
        self.live.iter().map(|thread| thread.start).min()
    }

    /// Where the first match begins that is one if the text ends here, of those not reported yet. What comes next
    /// may undo it: that happens where a pattern looks at what follows, as `$` does.
    #[must_use]
    pub fn ending(&self, pattern: &Pattern) -> Option<usize> {
        if pattern.ends_in_character {
            return None;
        }
        let ends = |thread: &&Thread| pattern.dfa.is_match_state(pattern.dfa.next_eoi_state(thread.state));
        self.live.iter().filter(ends).map(|thread| thread.start).min()
    }

    /// Threads in the same state have the same future: the earliest stands for all.
    fn merge(&mut self) {
        if self.live.len() > 1 {
            self.live.sort_unstable_by_key(|thread| (thread.state, thread.start));
            self.live.dedup_by(|later, earlier| {
                let same = later.state == earlier.state;
                if same {
                    earlier.matched = earlier.matched.max(later.matched);
                }
                same
            });
        }
    }
}

//! The search for a pattern that must not occur: every start that can still become a match is a thread.

use std::ops::Range;

use regex_automata::dfa::Automaton;
use regex_automata::util::primitives::StateID;

use super::Pattern;
use super::waiting::{Pool, Waiting};

/// The search for a pattern that must not occur.
#[derive(Debug, Clone, Default)]
pub struct Threads {
    live: Vec<Thread>,
    pool: Pool,
    previous: Option<u8>,
    at: usize,
}

#[derive(Debug, Clone, Copy)]
struct Thread {
    state: StateID,
    start: usize,
    matched: Option<usize>,
    /// Matches of threads that this one stands for. They begin behind its start, so each longer match of its
    /// own has them in it; if there is none, they are matches by themselves.
    waiting: Waiting,
}

impl Thread {
    /// Reports its match, and those that wait and are not part of it.
    fn report(&mut self, pool: &mut Pool, hit: &mut impl FnMut(Range<usize>)) {
        if let Some(end) = self.matched {
            hit(self.start..end);
        }
        let own = self.matched.unwrap_or(self.start);
        pool.take(&mut self.waiting, &mut |span| {
            if span.end > own {
                hit(span);
            }
        });
    }
}

impl Threads {
    /// Takes the next character. A match is reported as soon as it is certain or, if the longest one
    /// is wanted, when it can grow no more.
    pub fn push(&mut self, pattern: &Pattern, c: char, longest: bool, hit: &mut impl FnMut(Range<usize>)) {
        if let Some(state) = pattern.anchored_start(self.previous) {
            self.live.push(Thread { state, start: self.at, matched: None, waiting: Waiting::default() });
        }
        let mut bytes = [0; 4];
        let bytes = c.encode_utf8(&mut bytes).as_bytes();
        let at = self.at;
        let Self { live, pool, .. } = self;
        live.retain_mut(|thread| {
            for &byte in bytes {
                thread.state = pattern.dfa.next_state(thread.state, byte);
                // A match state says that a match ended before the byte just read.
                if pattern.dfa.is_match_state(thread.state) {
                    thread.matched = Some(at);
                    pool.drop_all(&mut thread.waiting);
                }
            }
            if (!longest || thread.matched.is_none()) && pattern.has_ended(thread.state) {
                thread.matched = thread.matched.or(Some(at + bytes.len()));
            }
            let lives = !pattern.dfa.is_dead_state(thread.state) && (longest || thread.matched.is_none());
            if !lives {
                thread.report(pool, hit);
            }
            lives
        });
        self.merge();
        self.previous = bytes.last().copied();
        self.at += bytes.len();
    }

    /// Ends the text.
    pub fn finish(&mut self, pattern: &Pattern, hit: &mut impl FnMut(Range<usize>)) {
        let Self { live, pool, at, .. } = self;
        for mut thread in live.drain(..) {
            if pattern.dfa.is_match_state(pattern.dfa.next_eoi_state(thread.state)) {
                thread.matched = Some(*at);
            }
            thread.report(pool, hit);
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

    /// Threads in the same state have the same future: the earliest stands for all. What the others matched
    /// before is none of its own matches: it keeps them until it matches further than they did, or dies.
    fn merge(&mut self) {
        let Self { live, pool, .. } = self;
        if live.len() > 1 {
            live.sort_unstable_by_key(|thread| (thread.state, thread.start));
            live.dedup_by(|later, earlier| {
                let same = later.state == earlier.state;
                if same {
                    // One that ends inside the match of the earlier thread is part of it.
                    if let Some(end) = later.matched.filter(|end| earlier.matched.is_none_or(|own| own < *end)) {
                        pool.add(&mut earlier.waiting, later.start..end);
                    }
                    pool.join(&mut earlier.waiting, &mut later.waiting);
                }
                same
            });
        }
    }
}

#[cfg(test)]
mod tests {
    use regex_automata::util::start;
    use regex_automata::{Anchored, dfa::Automaton};

    use super::Threads;
    use crate::text::pattern::{Pattern, Use};

    /// The longest match from each start, read from the whole text; those inside another are left out.
    fn whole(pattern: &Pattern, text: &str) -> Vec<(usize, usize)> {
        let mut found: Vec<(usize, usize)> = Vec::new();
        for (from, _) in text.char_indices() {
            let previous = text.as_bytes()[..from].last().copied();
            let config = start::Config::new().anchored(Anchored::Yes).look_behind(previous);
            let mut state = pattern.dfa.start_state(&config).expect("a start");
            let mut end = None;
            for (at, byte) in text.bytes().enumerate().skip(from) {
                state = pattern.dfa.next_state(state, byte);
                end = if pattern.dfa.is_match_state(state) { Some(at) } else { end };
            }
            let last = pattern.dfa.is_match_state(pattern.dfa.next_eoi_state(state));
            let Some(end) = last.then_some(text.len()).or(end) else { continue };
            if found.iter().all(|(_, other)| *other < end) {
                found.push((from, end));
            }
        }
        found
    }

    /// Fails when a match gets the start of another thread, or is lost where two meet in one state.
    #[test]
    fn a_match_keeps_its_own_start_where_threads_meet() {
        for source in ["b|a?bcccd", "b|b.*d", "ab|a?b[^d]*d|c", "a?bc|b.?.?d|c+$"] {
            let pattern = Pattern::new(source, "", Use::Forbid).expect("a pattern");
            let mut level = vec![String::new()];
            for _ in 0..7 {
                level = level.iter().flat_map(|text| ["a", "b", "c", "d"].map(|c| format!("{text}{c}"))).collect();
                for text in &level {
                    let (mut threads, mut found) = (Threads::default(), Vec::new());
                    text.chars()
                        .for_each(|c| threads.push(&pattern, c, true, &mut |span| found.push((span.start, span.end))));
                    threads.finish(&pattern, &mut |span| found.push((span.start, span.end)));
                    // Those inside another change nothing: what is replaced is the same.
                    found.sort_unstable_by_key(|(start, end)| (*start, usize::MAX - end));
                    let mut reach = 0;
                    found.retain(|(_, end)| {
                        let further = reach < *end;
                        reach = reach.max(*end);
                        further
                    });
                    assert_eq!(found, whole(&pattern, text), "/{source}/ {text}");
                }
            }
        }
    }
}

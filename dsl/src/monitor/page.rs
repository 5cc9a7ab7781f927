//! The text as the client is to see it: counted, and queued for release.

use super::filter::Filter;
use super::outlet::Outlet;
use super::program::{Limit, Program};
use super::tally::Tally;
use super::{Step, Violation};
use crate::text::profile::{self, Profile};

/// What the client has seen or is to see.
#[derive(Debug, Clone)]
pub(super) struct Page {
    pub(super) tally: Tally,
    pub(super) outlet: Outlet,
}

/// Where a count went up.
#[derive(Debug, Clone, Copy)]
struct Place {
    /// Where what was counted begins.
    start: usize,
    /// The character by which it was.
    at: usize,
    length: usize,
    /// Up to here the count was lower.
    cut: usize,
}

impl Page {
    pub(super) fn new(program: &Program) -> Self {
        Self { tally: Tally::new(program), outlet: Outlet::default() }
    }

    /// Notes whether the reply must not end behind the last character of a search through what is written here,
    /// which holds something.
    pub(super) fn note_ending(&mut self, program: &Program, search: &mut Filter) {
        if let Some((start, last)) = search.ending(program) {
            self.outlet.must_not_end(start, last);
        }
    }

    /// More text, as [`Page::write`] takes each of its characters.
    pub(super) fn write_all(&mut self, program: &Program, mut text: &str, told: &mut Vec<Violation>) {
        while let Some(c) = text.chars().next() {
            let calm = self.tally.skim(program, text);
            let bytes = if calm == 0 { c.len_utf8() } else { calm };
            let Some((head, rest)) = text.split_at_checked(bytes) else { return };
            match calm {
                0 => self.write(program, profile::of(c), told),
                _ => self.outlet.write_all(head),
            }
            text = rest;
        }
    }

    /// One more character: counts it, sets a limit where it is one too many, and queues it.
    #[inline]
    pub(super) fn write(&mut self, program: &Program, profile: &Profile, told: &mut Vec<Violation>) {
        let counted = self.tally.push(program, profile);
        let (at, length) = (self.outlet.written(), profile.c.len_utf8());
        let here = Place { start: at, at, length, cut: at };
        if counted.char {
            self.bound(program, &program.char_limits, self.tally.chars(), here, told);
        }
        if counted.word {
            self.bound(program, &program.word_limits, self.tally.words(), here, told);
        }
        if counted.sentence {
            let boundary = self.tally.boundary();
            let place = Place { start: boundary.next, cut: boundary.end, ..here };
            self.bound(program, &program.sentence_limits, self.tally.sentences(), place, told);
        }
        if let Some(boundary) = counted.boundary {
            self.outlet.sentence_end(boundary.next);
        }
        self.outlet.write(profile.c);
    }

    /// A count has gone up.
    #[inline]
    fn bound(&mut self, program: &Program, limits: &[Limit], count: u64, place: Place, told: &mut Vec<Violation>) {
        for limit in limits.iter().filter(|limit| limit.most + 1 == count) {
            let span = self.outlet.pushed(place.start)..self.outlet.pushed(place.at) + place.length;
            told.push(limit.violation(program, span, place.start, place.cut));
            if limit.blocks {
                self.outlet.limit(place.cut);
            }
        }
    }

    /// Ends the text.
    pub(super) fn finish(&mut self, program: &Program) {
        let open = self.tally.finish(program);
        self.outlet.finish(open);
    }

    /// Moves what may go into a step.
    pub(super) fn release(&mut self, program: &Program, finished: bool, step: &mut Step) {
        if let Some(at) = self.tally.lost_from(program) {
            self.outlet.limit(at);
        }
        let held = if finished { None } else { self.tally.held_back(program) };
        self.outlet.release(held, step);
    }
}

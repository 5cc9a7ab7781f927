//! The first stage: holds back what could become a forbidden match, and puts replacements in the place
//! of matches.

use std::ops::Range;
use std::sync::Arc;

use super::Violation;
use super::matches::{Matches, Redaction};
use super::program::{Effect, Program};
use crate::text::pattern::Threads;
use crate::text::profile::Profile;
use crate::text::terms::Search;

/// Text that was passed on is let go once there is this much of it, in bytes, so that one character
/// that is always held does not keep the whole reply.
const PASSED_KEPT: usize = 256;

/// The state of the first stage, or of its *guard*: the same search over what the first stage wrote,
/// where a replacement may have joined its neighbours to a match. A guard replaces nothing; what it
/// finds blocks.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    terms: Search,
    patterns: Vec<Threads>,
    matches: Matches,
    /// The end of the text read, of which everything before `passed` was passed on.
    text: String,
    read: usize,
    passed: usize,
    sealed: bool,
}

/// What comes out of the filter.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// Nothing more may be released. Comes before the first byte of a match, once.
    Seal,
    /// Some of the text.
    Text(&'a str),
    /// A match, replaced.
    Replaced {
        /// What stands in its place.
        by: Arc<str>,
        /// Where it was.
        span: Range<usize>,
    },
}

impl Filter {
    pub(super) fn new(program: &Program) -> Self {
        Self::with(program, false)
    }

    /// The guard behind a first stage that replaces; one that does not needs none.
    pub(super) fn guard(program: &Program) -> Option<Box<Self>> {
        program.redacts.then(|| Box::new(Self::with(program, true)))
    }

    fn with(program: &Program, guards: bool) -> Self {
        Self {
            terms: program.forbidden.search(),
            patterns: vec![Threads::default(); program.patterns.len()],
            matches: Matches::new(program, guards),
            text: String::new(),
            read: 0,
            passed: 0,
            sealed: false,
        }
    }

    /// Of a guard: a match that the first stage blocks begins here, and is not told again.
    pub(super) fn known_from(&mut self, at: usize) {
        self.matches.known_from(at);
    }

    /// Takes the next character; of the text behind it what has arrived helps to tell what need not be
    /// held. Without a hold it may pass at once and counts as passed on: nothing
    /// before it waits, and it is part of no match and can become part of none. Otherwise it waits for
    /// [`Filter::next`], which may give out what stands before the hold.
    pub(super) fn push(
        &mut self,
        program: &Program,
        profile: &Profile,
        rest: &str,
        told: &mut Vec<Violation>,
    ) -> Option<usize> {
        let (waits, known) = (self.passed < self.read, told.len());
        self.forget_passed();
        self.search(program, profile, told);
        self.terms.let_go(&program.forbidden, profile, rest);
        self.read += profile.c.len_utf8();
        let hold = self.hold(program);
        let matched = told.len() > known || self.matches.first().is_some() || (self.is_sealed() && !self.sealed);
        if !waits && !matched && hold == self.read {
            self.passed = self.read;
            return None;
        }
        self.text.push(profile.c);
        Some(hold)
    }

    /// Takes as many of the next characters as surely are part of no match, and gives their bytes: they count
    /// as passed on. What it leaves is for [`Filter::push`]; the outcome is the same as if that had taken all.
    pub(super) fn skim(&mut self, program: &Program, text: &str) -> usize {
        if self.passed < self.read || !program.patterns.is_empty() || !self.matches.is_empty() {
            return 0;
        }
        let bytes = if program.forbidden.is_empty() { text.len() } else { self.terms.skim(&program.forbidden, text) };
        self.text.clear();
        self.read += bytes;
        self.passed = self.read;
        bytes
    }

    fn search(&mut self, program: &Program, profile: &Profile, told: &mut Vec<Violation>) {
        let Self { terms, patterns, matches, .. } = self;
        if !program.forbidden.is_empty() {
            terms.read(&program.forbidden, profile, &mut |hit| matches.term(program, hit.term, hit.span, told));
        }
        for (threads, (pattern, by)) in patterns.iter_mut().zip(&program.patterns) {
            let longest = matches.wants_longest(&by.effect);
            threads.push(pattern, profile.c, longest, &mut |span| matches.add(program, by, span, told));
        }
    }

    /// Ends the text.
    pub(super) fn finish(&mut self, program: &Program, told: &mut Vec<Violation>) {
        let Self { terms, patterns, matches, .. } = self;
        terms.finish(&program.forbidden, &mut |hit| matches.term(program, hit.term, hit.span, told));
        for (threads, (pattern, by)) in patterns.iter_mut().zip(&program.patterns) {
            threads.finish(pattern, &mut |span| matches.add(program, by, span, told));
        }
    }

    /// Bytes read.
    pub(super) fn read(&self) -> usize {
        self.read
    }

    /// Where a byte that was not passed on yet will stand, when the next one passed on will be
    /// written at `next`. A match found later may still move it.
    pub(super) fn written(&self, at: usize, next: usize) -> Option<usize> {
        self.matches.written(at, self.passed, next)
    }

    /// The first byte that must not be passed on yet.
    pub(super) fn hold(&self, program: &Program) -> usize {
        let mut hold = self.terms.hold(&program.forbidden).unwrap_or(self.read);
        for (threads, (_, by)) in self.patterns.iter().zip(&program.patterns) {
            if by.effect != Effect::Report {
                hold = hold.min(threads.hold().unwrap_or(hold));
            }
        }
        hold.min(self.read)
    }

    /// Where a match begins that is one if the text ends behind the last character, of those that are not
    /// found yet, and that character's place. Only what is held can be one.
    pub(super) fn ending(&mut self, program: &Program) -> Option<(usize, Range<usize>)> {
        let term = if self.terms.may_end(&program.forbidden) { self.terms.ending(&program.forbidden) } else { None };
        let held = self.patterns.iter().zip(&program.patterns).filter(|(_, (_, by))| by.effect != Effect::Report);
        let start = held.filter_map(|(threads, (pattern, _))| threads.ending(pattern)).chain(term).min()?;
        let last = self.text.chars().next_back().map_or(0, char::len_utf8);
        Some((start, self.read - last..self.read))
    }

    /// Whether a match blocks the rest.
    pub(super) fn is_sealed(&self) -> bool {
        self.matches.blocked().is_some()
    }

    /// The next piece of the text before `hold`.
    pub(super) fn next(&mut self, hold: usize) -> Option<Piece<'_>> {
        let due = self.matches.first().map(|redaction| &redaction.span).filter(|span| span.start <= self.passed);
        let end = due.map(|span| span.end);
        let blocked = self.matches.blocked().filter(|_| !self.sealed);
        if blocked.is_some_and(|start| start <= self.passed || end.is_some_and(|end| start < end)) {
            self.sealed = true;
            return Some(Piece::Seal);
        }
        if let Some(end) = end {
            // A match inside which another may still begin could grow.
            if end > hold {
                return None;
            }
            let Redaction { span, by } = self.matches.take_first()?;
            self.passed = self.passed.max(end);
            return Some(Piece::Replaced { by, span });
        }
        let next = self.matches.first().map(|redaction| redaction.span.start);
        let to = [next, blocked].into_iter().flatten().fold(hold, usize::min);
        if self.passed >= to {
            return None;
        }
        let start = self.read - self.text.len();
        let from = std::mem::replace(&mut self.passed, to);
        self.text.get(from - start..to - start).map(Piece::Text)
    }

    /// Lets text go that was passed on: at once if nothing waits, else when it is more than what does.
    fn forget_passed(&mut self) {
        let gone = self.text.len() + self.passed - self.read;
        if self.passed == self.read {
            self.text.clear();
        } else if gone >= PASSED_KEPT && gone >= self.text.len() / 2 {
            self.text.drain(..gone);
        }
    }
}

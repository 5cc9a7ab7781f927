//! What comes out of the filter, on its way to the client.

use super::filter::{Filter, Piece};
use super::page::Page;
use super::program::Program;
use super::{Severity, Violation};
use crate::text::profile::{self, Profile};

/// Everything behind the filter.
#[derive(Debug, Clone)]
pub(super) struct Passage {
    guard: Option<Box<Filter>>,
    pub(super) page: Page,
}

impl Passage {
    pub(super) fn new(program: &Program) -> Self {
        Self { guard: Filter::guard(program), page: Page::new(program) }
    }

    /// Whether a match that replacements brought about blocks the rest.
    pub(super) fn is_sealed(&self) -> bool {
        self.guard.as_ref().is_some_and(|guard| guard.is_sealed())
    }

    /// Says where the filter's matches stand in the text as released.
    pub(super) fn place(&self, filter: &Filter, found: &mut [Violation]) {
        let next = self.written();
        let stands = |at: usize| filter.written(at, next).unwrap_or_else(|| self.page.outlet.stands(at));
        for violation in found {
            violation.at = stands(violation.at);
            violation.cut = violation.cut.map(stands);
        }
    }

    /// Takes everything before `hold` out of the filter, in order.
    pub(super) fn drain(&mut self, program: &Program, filter: &mut Filter, hold: usize, told: &mut Vec<Violation>) {
        // A guard reads what the client sees, and so its matches are those that the client must not see.
        if hold < filter.read() && self.guard.is_none() {
            self.page.note_ending(program, filter);
        }
        while let Some(piece) = filter.next(hold) {
            match piece {
                Piece::Seal => {
                    let at = self.written();
                    self.page.outlet.limit(at);
                    if let Some(guard) = &mut self.guard {
                        guard.known_from(at);
                    }
                }
                Piece::Text(text) => self.write_all(program, text, told),
                Piece::Replaced { by, span } => {
                    self.write_all(program, &by, told);
                    let written = self.written();
                    self.page.outlet.shift(written, span.end);
                }
            }
        }
    }

    /// Takes text that the filter let pass.
    pub(super) fn write_all(&mut self, program: &Program, text: &str, told: &mut Vec<Violation>) {
        match &self.guard {
            Some(_) => text.chars().for_each(|c| self.write(program, profile::of(c), told)),
            None => self.page.write_all(program, text, told),
        }
    }

    /// Takes one character that the filter let pass.
    #[inline]
    pub(super) fn write(&mut self, program: &Program, profile: &Profile, told: &mut Vec<Violation>) {
        let Self { guard: Some(guard), page } = self else { return self.page.write(program, profile, told) };
        let known = told.len();
        let hold = guard.push(program, profile, "", told);
        blame(page, told.get_mut(known..).unwrap_or_default());
        match hold {
            None => page.write(program, profile, told),
            Some(hold) => let_through(program, guard, page, hold, told),
        }
    }

    /// The filter has ended.
    pub(super) fn finish(&mut self, program: &Program, told: &mut Vec<Violation>) {
        if let Self { guard: Some(guard), page } = self {
            let known = told.len();
            guard.finish(program, told);
            blame(page, told.get_mut(known..).unwrap_or_default());
            let_through(program, guard, page, guard.read(), told);
        }
        self.page.finish(program);
    }

    /// Bytes that the filter wrote.
    fn written(&self) -> usize {
        self.guard.as_ref().map_or_else(|| self.page.outlet.written(), |guard| guard.read())
    }
}

/// Says where the guard's matches come from. They block, whatever their rule's weight: it asked for a
/// replacement, and none is left to make.
fn blame(page: &Page, found: &mut [Violation]) {
    for violation in found {
        violation.severity = Severity::Error;
        let span = &violation.span;
        violation.span = page.outlet.pushed(span.start)..page.outlet.pushed(span.end);
    }
}

/// Passes on everything of the guard's before `hold`.
fn let_through(program: &Program, guard: &mut Filter, page: &mut Page, hold: usize, told: &mut Vec<Violation>) {
    if hold < guard.read() {
        page.note_ending(program, guard);
    }
    while let Some(piece) = guard.next(hold) {
        match piece {
            Piece::Seal => page.outlet.limit(page.outlet.written()),
            Piece::Text(text) => page.write_all(program, text, told),
            Piece::Replaced { .. } => {}
        }
    }
}

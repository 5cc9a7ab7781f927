//! The one checker: whole texts and streams take the same path.
//!
//! A character goes through two stages. The *filter* holds back what could still become a forbidden
//! match, finds the matches and puts replacements in their place; behind a filter that replaces stands
//! a *guard*, which blocks what a replacement joined to a match. What passes goes to the *tally*,
//! which counts sentences, characters, forms and required terms. The *outlet* releases it, never past
//! a limit that a rule has set. Every step is taken per character, so the way a text is cut into
//! deltas cannot matter.

mod filter;
mod outlet;
mod program;
mod prompt;
mod tally;

use std::ops::Range;
use std::sync::Arc;

use crate::contract::Language;
use crate::diagnostic::Severity;

use filter::{Filter, Piece};
use outlet::Outlet;
pub use program::Program;
use tally::Tally;

/// How a reply may reach the client, derived from the strictest rule and never set by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeliveryMode {
    /// Every safe character at once.
    Token,
    /// Sentence by sentence, each when the reply so far can still be brought to a good end.
    Sentence,
    /// The whole reply at its end.
    Full,
}

/// What is known about every continuation of the text so far.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Residual {
    /// The text complies as it stands, and so does every continuation.
    Holds,
    /// It depends on what comes.
    #[default]
    Open,
    /// No continuation complies.
    Dead,
}

/// A broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Index into [`Contract::rules`](crate::Contract::rules).
    pub rule: usize,
    /// That rule's id.
    pub id: Arc<str>,
    /// Its severity; only errors block.
    pub severity: Severity,
    /// The bytes of the pushed text that break it; empty at the end for what is missing.
    pub span: Range<usize>,
    /// One sentence for people.
    pub message: String,
    /// Where what breaks it begins in the text as released: behind replacements, that differs from
    /// the span.
    pub at: usize,
    /// Where the reply can be cut so that this rule holds (for `truncate`), in bytes of the text as
    /// released.
    pub cut: Option<usize>,
    /// Whether the match was already replaced (`on_violation redact`), so that the text may go on.
    pub redacted: bool,
}

/// What one push or the finish decided.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// Text that no continuation can turn into part of a forbidden match. The concatenation of all
    /// releases is the pushed text, with redactions, up to what is still held.
    pub released: String,
    /// Byte offsets in `released` at which a sentence is known to have ended (closers and the
    /// white space behind it included).
    pub sentence_ends: Vec<usize>,
    /// Rules found broken by this step.
    pub violations: Vec<Violation>,
    /// What is known now.
    pub residual: Residual,
}

/// The verdict on a whole text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// Every broken rule, in the order found.
    pub violations: Vec<Violation>,
}

impl Verdict {
    /// Whether no error-severity rule is broken.
    #[must_use]
    pub fn passes(&self) -> bool {
        self.violations.iter().all(|v| v.severity < Severity::Error)
    }
}

/// Checks one reply while it grows. `Clone` is cheap and gives an independent continuation, so that
/// "would this complete the reply?" is asked by trying it.
#[derive(Debug, Clone)]
pub struct Monitor {
    program: Arc<Program>,
    filter: Filter,
    guard: Option<Filter>,
    tally: Tally,
    outlet: Outlet,
    finished: bool,
}

impl Monitor {
    fn new(program: &Arc<Program>) -> Self {
        Self {
            filter: Filter::new(program),
            guard: Filter::guard(program),
            tally: Tally::new(program),
            outlet: Outlet::default(),
            program: Arc::clone(program),
            finished: false,
        }
    }

    /// Takes the next piece of the reply. After the finish nothing more is taken.
    pub fn push(&mut self, delta: &str) -> Step {
        let mut step = Step::default();
        if !self.finished {
            let program = Arc::clone(&self.program);
            for c in delta.chars() {
                let known = step.violations.len();
                self.filter.push(&program, c, &mut step.violations);
                self.place(step.violations.iter_mut().skip(known));
                self.drain(&program, self.filter.hold(&program), &mut step);
            }
        }
        self.close(step)
    }

    /// Ends the reply and decides the rest; `residual` is then `Holds` or `Dead`.
    pub fn finish(&mut self) -> Step {
        let mut step = Step::default();
        if !self.finished {
            let program = Arc::clone(&self.program);
            self.filter.finish(&program, &mut step.violations);
            self.place(step.violations.iter_mut());
            self.drain(&program, self.filter.read(), &mut step);
            if let Some(mut guard) = self.guard.take() {
                let known = step.violations.len();
                guard.finish(&program, &mut step.violations);
                self.blame(step.violations.iter_mut().skip(known));
                self.let_through(&program, &mut guard, usize::MAX, &mut step);
                self.guard = Some(guard);
            }
            self.finished = true;
            let end = self.tally.finish(&program);
            self.outlet.open(end);
            self.judge(&mut step);
        }
        self.close(step)
    }

    /// What must still come for the reply to comply, one sentence each, for a repair prompt.
    #[must_use]
    pub fn missing(&self, language: Language) -> Vec<String> {
        let mut ended = self.clone();
        ended.finish();
        let rules = self.program.blocking();
        rules
            .filter_map(|(_, rule)| rule.constraint.missing(&ended.tally.view(&ended.program, rule), language))
            .collect()
    }

    /// Bytes of the pushed text, from its beginning, that no continuation can turn into part of a
    /// forbidden match. Unlike what is released, they are counted behind a match that blocks, too.
    #[must_use]
    pub fn decided(&self) -> usize {
        if self.finished { self.filter.read() } else { self.filter.hold(&self.program) }
    }

    /// Bytes written by the filter.
    fn written(&self) -> usize {
        self.guard.as_ref().map_or_else(|| self.outlet.written(), Filter::read)
    }

    /// Says where the filter's matches stand in the text as released.
    fn place<'v>(&self, found: impl Iterator<Item = &'v mut Violation>) {
        let next = self.written();
        let stands = |at: usize| self.filter.written(at, next).unwrap_or_else(|| self.outlet.stands(at));
        for violation in found {
            violation.at = stands(violation.at);
            violation.cut = violation.cut.map(stands);
        }
    }

    /// Says where the guard's matches come from. They block, whatever their rule's weight: it asked
    /// for a replacement, and none is left to make.
    fn blame<'v>(&self, found: impl Iterator<Item = &'v mut Violation>) {
        for violation in found {
            violation.severity = Severity::Error;
            violation.span = self.outlet.pushed(violation.span.start)..self.outlet.pushed(violation.span.end);
        }
    }

    /// Passes on everything before `hold`, in order.
    fn drain(&mut self, program: &Program, hold: usize, step: &mut Step) {
        while let Some(piece) = self.filter.next(hold) {
            match piece {
                Piece::Seal => {
                    let at = self.written();
                    self.outlet.limit(at);
                    if let Some(guard) = &mut self.guard {
                        guard.known_from(at);
                    }
                }
                Piece::Text(c) => self.write(program, c, step),
                Piece::Replaced { by, span } => {
                    by.chars().for_each(|c| self.write(program, c, step));
                    self.outlet.shift(self.written(), span.end);
                }
            }
        }
    }

    /// One character that the filter wrote.
    fn write(&mut self, program: &Program, c: char, step: &mut Step) {
        let Some(mut guard) = self.guard.take() else { return self.pass(program, c, step) };
        let known = step.violations.len();
        guard.push(program, c, &mut step.violations);
        self.blame(step.violations.iter_mut().skip(known));
        let hold = guard.hold(program);
        self.let_through(program, &mut guard, hold, step);
        self.guard = Some(guard);
    }

    /// Passes on everything of the guard's before `hold`.
    fn let_through(&mut self, program: &Program, guard: &mut Filter, hold: usize, step: &mut Step) {
        while let Some(piece) = guard.next(hold) {
            match piece {
                Piece::Seal => self.outlet.limit(self.outlet.written()),
                Piece::Text(c) => self.pass(program, c, step),
                Piece::Replaced { .. } => {}
            }
        }
    }

    /// One character of the text as the client is to see it: counts it and queues it.
    fn pass(&mut self, program: &Program, c: char, step: &mut Step) {
        let at = self.outlet.written();
        let counted = self.tally.push(program, c);
        let found = [
            counted.char.then(|| (&program.char_limits, self.tally.chars(), at, at)),
            counted.word.then(|| (&program.word_limits, self.tally.words(), at, at)),
            counted.sentence.then(|| {
                let boundary = self.tally.boundary();
                (&program.sentence_limits, self.tally.sentences(), boundary.next, boundary.end)
            }),
        ];
        for (limits, count, start, cut) in found.into_iter().flatten() {
            for limit in limits.iter().filter(|limit| limit.most + 1 == count) {
                let span = self.outlet.pushed(start)..self.outlet.pushed(at) + c.len_utf8();
                step.violations.push(limit.violation(program, span, start, cut));
                if limit.blocks {
                    self.outlet.limit(cut);
                }
            }
        }
        if let Some(boundary) = counted.boundary {
            self.outlet.sentence_end(boundary.next);
        }
        self.outlet.write(c);
    }

    /// Asks the rules that are decided at the end.
    fn judge(&self, step: &mut Step) {
        let end = self.filter.read();
        for (index, rule) in self.program.rules.iter().enumerate() {
            if let Some(message) = rule.constraint.broken(&self.tally.view(&self.program, rule)) {
                step.violations.push(Violation {
                    rule: index,
                    id: Arc::clone(&rule.id),
                    severity: rule.severity,
                    span: end..end,
                    message,
                    at: self.outlet.written(),
                    cut: None,
                    redacted: false,
                });
            }
        }
    }

    fn close(&mut self, mut step: Step) -> Step {
        if let Some(at) = self.tally.lost_from(&self.program) {
            self.outlet.limit(at);
        }
        let held = if self.finished { None } else { self.tally.held_back(&self.program) };
        self.outlet.release(held, &mut step);
        step.residual = self.residual();
        step
    }

    fn residual(&self) -> Residual {
        if self.filter.is_sealed() || self.guard.as_ref().is_some_and(Filter::is_sealed) {
            return Residual::Dead;
        }
        let mut residual = Residual::Holds;
        for (_, rule) in self.program.blocking() {
            let view = self.tally.view(&self.program, rule);
            let outlook = if !self.finished {
                rule.constraint.outlook(&view)
            } else if rule.constraint.broken(&view).is_some() || rule.constraint.outlook(&view) == Residual::Dead {
                Residual::Dead
            } else {
                Residual::Holds
            };
            match outlook {
                Residual::Dead => return Residual::Dead,
                Residual::Open => residual = Residual::Open,
                Residual::Holds => {}
            }
        }
        residual
    }
}

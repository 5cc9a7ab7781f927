//! The first stage: holds back what could become a forbidden match, and decides what becomes of
//! matches.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::Violation;
use super::program::{Effect, Forbidden, Program};
use crate::text::pattern::Threads;
use crate::text::terms::Search;

/// Further matches block or are replaced like the first ones, but are no longer reported one by one.
const REPORTED: usize = 256;

/// Text that was passed on is let go once there is this much of it, so that one character that is
/// always held does not keep the whole reply.
const PASSED_KEPT: usize = 4096;

/// The state of the first stage, or of its *guard*: the same search over what the first stage wrote,
/// where a replacement may have joined its neighbours to a match. A guard replaces nothing; what it
/// finds blocks.
#[derive(Debug, Clone)]
pub(super) struct Filter {
    terms: Search,
    patterns: Vec<Threads>,
    /// Text from `start` on, of which everything before `passed` was passed on.
    text: String,
    start: usize,
    passed: usize,
    /// Matches to be replaced, in order, apart from each other.
    redactions: VecDeque<Redaction>,
    /// Where the first match that blocks starts.
    blocked: Option<usize>,
    sealed: bool,
    reported: usize,
    guards: bool,
    /// Matches that reach beyond this byte are known already.
    known_from: usize,
}

#[derive(Debug, Clone)]
struct Redaction {
    span: Range<usize>,
    by: Arc<str>,
}

/// What comes out of the filter.
#[derive(Debug)]
pub(super) enum Piece {
    /// Nothing more may be released. Comes before the first byte of a match, once.
    Seal,
    /// A character of the text.
    Text(char),
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
        Self {
            terms: program.forbidden.search(),
            patterns: vec![Threads::default(); program.patterns.len()],
            text: String::new(),
            start: 0,
            passed: 0,
            redactions: VecDeque::new(),
            blocked: None,
            sealed: false,
            reported: 0,
            guards: false,
            known_from: usize::MAX,
        }
    }

    /// The guard behind a first stage that replaces; one that does not needs none.
    pub(super) fn guard(program: &Program) -> Option<Self> {
        program.redacts().then(|| Self { guards: true, ..Self::new(program) })
    }

    /// Of a guard: a match that the first stage blocks begins here, and is not told again.
    pub(super) fn known_from(&mut self, at: usize) {
        self.known_from = at;
    }

    /// Takes the next character.
    pub(super) fn push(&mut self, program: &Program, c: char, violations: &mut Vec<Violation>) {
        self.text.push(c);
        let mut matches = Matches { program, violations };
        if !program.forbidden.is_empty() {
            let mut terms = std::mem::take(&mut self.terms);
            terms.push(&program.forbidden, c, &mut |hit| matches.term(self, hit.term, hit.span));
            self.terms = terms;
        }
        if !program.patterns.is_empty() {
            let mut patterns = std::mem::take(&mut self.patterns);
            for (threads, (pattern, by)) in patterns.iter_mut().zip(&program.patterns) {
                let longest = !self.guards && matches!(by.effect, Effect::Redact(_));
                threads.push(pattern, c, longest, &mut |span| matches.add(self, by, span));
            }
            self.patterns = patterns;
        }
    }

    /// Ends the text.
    pub(super) fn finish(&mut self, program: &Program, violations: &mut Vec<Violation>) {
        let mut matches = Matches { program, violations };
        let mut terms = std::mem::take(&mut self.terms);
        terms.finish(&program.forbidden, &mut |hit| matches.term(self, hit.term, hit.span));
        self.terms = terms;
        let mut patterns = std::mem::take(&mut self.patterns);
        for (threads, (pattern, by)) in patterns.iter_mut().zip(&program.patterns) {
            threads.finish(pattern, &mut |span| matches.add(self, by, span));
        }
        self.patterns = patterns;
    }

    /// Bytes read.
    pub(super) fn read(&self) -> usize {
        self.start + self.text.len()
    }

    /// Where a byte that was not passed on yet will stand, when the next one passed on will be
    /// written at `next`. A match found later may still move it.
    pub(super) fn written(&self, at: usize, next: usize) -> Option<usize> {
        let mut written = next + at.checked_sub(self.passed)?;
        for redaction in &self.redactions {
            let span = &redaction.span;
            if span.start >= at {
                break;
            }
            written = (written + redaction.by.len()).saturating_sub(span.end.min(at).saturating_sub(span.start));
            if span.end > at {
                return Some(written.saturating_sub(redaction.by.len()));
            }
        }
        Some(written)
    }

    /// The first byte that must not be passed on yet.
    pub(super) fn hold(&self, program: &Program) -> usize {
        let terms = self.terms.hold(&program.forbidden);
        let patterns = self.patterns.iter().zip(&program.patterns);
        let patterns =
            patterns.filter(|(_, (_, by))| by.effect != Effect::Report).filter_map(|(threads, _)| threads.hold());
        patterns.chain(terms).min().unwrap_or(usize::MAX).min(self.read())
    }

    /// Whether a match blocks the rest.
    pub(super) fn is_sealed(&self) -> bool {
        self.blocked.is_some()
    }

    /// The next piece of the text before `hold`.
    pub(super) fn next(&mut self, hold: usize) -> Option<Piece> {
        let redaction = self.redactions.front();
        let end = redaction.map_or(self.passed, |redaction| redaction.span.end);
        let due = redaction.is_some_and(|redaction| redaction.span.start <= self.passed);
        if !self.sealed && self.blocked.is_some_and(|start| start <= self.passed || (due && start < end)) {
            self.sealed = true;
            return Some(Piece::Seal);
        }
        if due {
            // A match inside which another may still begin could grow.
            if end > hold {
                return None;
            }
            let Redaction { span, by } = self.redactions.pop_front()?;
            self.advance(span.end.saturating_sub(self.passed));
            return Some(Piece::Replaced { by, span });
        }
        if self.passed >= hold {
            return None;
        }
        let c = self.text.get(self.passed - self.start..).and_then(|rest| rest.chars().next())?;
        self.advance(c.len_utf8());
        Some(Piece::Text(c))
    }

    fn advance(&mut self, bytes: usize) {
        self.passed += bytes;
        if self.passed == self.read() {
            self.start = self.passed;
            self.text.clear();
        } else if self.passed - self.start >= PASSED_KEPT {
            self.text.drain(..self.passed - self.start);
            self.start = self.passed;
        }
    }

    fn block(&mut self, start: usize) {
        self.blocked = Some(self.blocked.map_or(start, |other| other.min(start)));
    }

    /// Matches that overlap become one, replaced as the first of them asks.
    fn redact(&mut self, mut span: Range<usize>, by: &Arc<str>) {
        let first = self.redactions.partition_point(|other| other.span.end <= span.start);
        let overlapping = self.redactions.iter().skip(first).take_while(|other| other.span.start < span.end).count();
        let mut by = Arc::clone(by);
        for other in self.redactions.drain(first..first + overlapping) {
            if other.span.start <= span.start {
                by = other.by;
            }
            span = span.start.min(other.span.start)..span.end.max(other.span.end);
        }
        self.redactions.insert(first, Redaction { span, by });
    }
}

/// Carries matches into the filter's state.
struct Matches<'a> {
    program: &'a Program,
    violations: &'a mut Vec<Violation>,
}

impl Matches<'_> {
    fn term(&mut self, filter: &mut Filter, term: usize, span: Range<usize>) {
        if let Some(by) = self.program.forbidden_by.get(term) {
            self.add(filter, by, span);
        }
    }

    fn add(&mut self, filter: &mut Filter, by: &Forbidden, span: Range<usize>) {
        match &by.effect {
            Effect::Report if filter.guards => return,
            Effect::Report => {}
            Effect::Redact(text) if !filter.guards => filter.redact(span.clone(), text),
            Effect::Block | Effect::Redact(_) => filter.block(span.start),
        }
        if span.end > filter.known_from {
            return;
        }
        filter.reported += 1;
        if filter.reported <= REPORTED {
            let redacted = !filter.guards && matches!(by.effect, Effect::Redact(_));
            let message = if filter.guards {
                format!("what replaces a match makes the reply contain {}, which is forbidden", by.name)
            } else {
                format!("the reply contains {}, which is forbidden", by.name)
            };
            let cut = (!redacted).then_some(span.start);
            self.violations.push(self.program.violation(by.rule, span, message, cut, redacted));
        }
    }
}

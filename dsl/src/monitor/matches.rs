//! What becomes of matches.

use std::collections::VecDeque;
use std::ops::Range;
use std::sync::Arc;

use super::Violation;
use super::program::{Effect, Forbidden, Program};

/// Further matches block or are replaced like the first ones, but are no longer reported one by one.
const REPORTED: usize = 256;

/// The matches that a filter has found and not yet passed.
#[derive(Debug, Clone)]
pub(super) struct Matches {
    /// To be replaced, in order, apart from each other.
    redactions: VecDeque<Redaction>,
    /// Where the first match that blocks starts.
    blocked: Option<usize>,
    reported: usize,
    /// They are a guard's.
    guards: bool,
    /// Those that reach beyond this byte are known already.
    known_from: usize,
    /// By rule: where the last of its terms was found. Of those that end there the longest is told.
    last_terms: Box<[Range<usize>]>,
}

#[derive(Debug, Clone)]
pub(super) struct Redaction {
    pub(super) span: Range<usize>,
    pub(super) by: Arc<str>,
}

impl Matches {
    pub(super) fn new(program: &Program, guards: bool) -> Self {
        Self {
            redactions: VecDeque::new(),
            blocked: None,
            reported: 0,
            guards,
            known_from: usize::MAX,
            last_terms: vec![0..0; program.rules.len()].into(),
        }
    }

    /// A match that begins here is known already, and is not told again.
    pub(super) fn known_from(&mut self, at: usize) {
        self.known_from = at;
    }

    /// Whether nothing was found that changes what follows.
    pub(super) fn is_empty(&self) -> bool {
        self.redactions.is_empty() && self.blocked.is_none()
    }

    /// Whether matches of a rule with this effect are searched for at their longest.
    pub(super) fn wants_longest(&self, effect: &Effect) -> bool {
        !self.guards && matches!(effect, Effect::Redact(_))
    }

    /// Where the first match that blocks starts.
    pub(super) fn blocked(&self) -> Option<usize> {
        self.blocked
    }

    /// The next match to be replaced.
    pub(super) fn first(&self) -> Option<&Redaction> {
        self.redactions.front()
    }

    /// Gives out the next match to be replaced.
    pub(super) fn take_first(&mut self) -> Option<Redaction> {
        self.redactions.pop_front()
    }

    /// Where a byte behind `passed` will stand, when byte `passed` stands at `next`. A match found later
    /// may still move it.
    pub(super) fn written(&self, at: usize, passed: usize, next: usize) -> Option<usize> {
        let mut written = next + at.checked_sub(passed)?;
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

    /// Adds a match of a term.
    pub(super) fn term(&mut self, program: &Program, term: usize, span: Range<usize>, told: &mut Vec<Violation>) {
        let Some(by) = program.forbidden_by.get(term) else { return };
        let Some(last) = self.last_terms.get_mut(by.rule) else { return };
        if last.end != span.end || span.start < last.start {
            last.clone_from(&span);
            self.add(program, by, span, told);
        }
    }

    /// Adds a match, and tells of it.
    pub(super) fn add(&mut self, program: &Program, by: &Forbidden, span: Range<usize>, told: &mut Vec<Violation>) {
        match &by.effect {
            Effect::Report if self.guards => return,
            Effect::Report => {}
            Effect::Redact(text) if !self.guards => self.redact(span.clone(), text),
            Effect::Block | Effect::Redact(_) => self.block(span.start),
        }
        if span.end > self.known_from {
            return;
        }
        self.reported += 1;
        if self.reported <= REPORTED {
            let redacted = !self.guards && matches!(by.effect, Effect::Redact(_));
            let message = if self.guards {
                format!("what replaces a match makes the reply contain {}, which is forbidden", by.name)
            } else {
                format!("the reply contains {}, which is forbidden", by.name)
            };
            let cut = (!redacted).then_some(span.start);
            told.push(program.violation(by.rule, span, message, cut, redacted));
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

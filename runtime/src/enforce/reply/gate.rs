//! What of a model's answer takes part in a forbidden match, whatever becomes of the sentences around.
//!
//! When a sentence is dropped, the monitor of the reply never sees it, and with it the head or the
//! tail of a match may be gone. The gate reads the answer as the model gave it: nothing goes out of
//! which a byte belongs to a match there, or still could.

use std::ops::Range;
use std::sync::Arc;

use rolecall_dsl::constraint::Fact;
use rolecall_dsl::contract::Contract;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::{Monitor, Step};

use crate::enforce::record::{Broken, Cause};

/// Matches that are told apart; from the last of them on, everything counts as one. The monitor tells
/// no more of them either.
const MAX_MATCHES: usize = 256;

/// The answer of one attempt, in bytes of what the model gave.
#[derive(Debug, Clone)]
pub(super) struct Gate {
    monitor: Monitor,
    contract: Arc<Contract>,
    /// Bytes that were out before the answer.
    out: usize,
    matches: Vec<Match>,
    /// Parts that were dropped.
    gaps: Vec<Range<usize>>,
}

#[derive(Debug, Clone)]
struct Match {
    span: Range<usize>,
    /// Replaced where it stands as a whole.
    redacted: bool,
    broken: Broken,
}

impl Gate {
    pub(super) fn behind(contract: &Arc<Contract>, out: &str) -> Self {
        let mut gate = Self {
            monitor: contract.program.monitor(),
            contract: Arc::clone(contract),
            out: out.len(),
            matches: Vec::new(),
            gaps: Vec::new(),
        };
        gate.push(out);
        gate
    }

    /// Takes what the model says next.
    pub(super) fn push(&mut self, text: &str) {
        let step = self.monitor.push(text);
        self.note(step);
    }

    /// The answer is over.
    pub(super) fn finish(&mut self) {
        let step = self.monitor.finish();
        self.note(step);
    }

    /// A part was dropped.
    pub(super) fn drop_part(&mut self, part: &Range<usize>) {
        match self.gaps.last_mut() {
            Some(last) if last.end == part.start => last.end = part.end,
            _ => self.gaps.push(part.clone()),
        }
    }

    /// Whether a part is known to be free of matches, but for those that are replaced as a whole.
    pub(super) fn is_open(&self, part: &Range<usize>) -> bool {
        self.out + part.end <= self.monitor.decided() && !self.is_closed(part)
    }

    /// Whether a part can never go out.
    pub(super) fn is_closed(&self, part: &Range<usize>) -> bool {
        self.in_the_way(part).next().is_some()
    }

    /// The rules that keep a part from going out.
    pub(super) fn broken(&self, part: &Range<usize>) -> Vec<Broken> {
        self.in_the_way(part).map(|m| m.broken.clone()).collect()
    }

    /// Whether some match lies over the place between two parts.
    pub(super) fn joins(&self, at: usize) -> bool {
        let at = at + self.out;
        self.matches.iter().any(|m| m.span.start < at && at < m.span.end)
    }

    /// Whether a cut inside a part is safe: no match was torn, so that the monitor of the reply sees
    /// what this one does.
    pub(super) fn may_cut(&self, part: &Range<usize>) -> bool {
        self.gaps.is_empty() || self.is_open(part)
    }

    fn in_the_way(&self, part: &Range<usize>) -> impl Iterator<Item = &Match> {
        let part = self.out + part.start..self.out + part.end;
        let full = self.matches.len() >= MAX_MATCHES;
        let last = self.matches.last().filter(|m| full && m.span.start < part.end);
        let met = self.matches.iter().filter(move |m| meet(&m.span, &part) && (!m.redacted || self.is_torn(m)));
        met.chain(last)
    }

    /// Whether a part of a match was dropped, so that it is not replaced.
    fn is_torn(&self, m: &Match) -> bool {
        self.gaps.iter().any(|gap| meet(&m.span, &(self.out + gap.start..self.out + gap.end)))
    }

    fn note(&mut self, step: Step) {
        for violation in step.violations {
            let Some(rule) = self.contract.rules.get(violation.rule) else { continue };
            let forbids = matches!(rule.constraint.fact(), Fact::Forbidden { .. } | Fact::Pattern { must: false, .. });
            let blocks = violation.redacted || violation.severity == Severity::Error;
            if !forbids || !blocks || self.matches.len() >= MAX_MATCHES {
                continue;
            }
            let broken = Broken {
                id: violation.id.to_string(),
                message: violation.message,
                action: rule.on_violation.clone(),
                cause: Cause::Text,
            };
            self.matches.push(Match { span: violation.span, redacted: violation.redacted, broken });
        }
    }
}

fn meet(a: &Range<usize>, b: &Range<usize>) -> bool {
    a.start < b.end && b.start < a.end
}

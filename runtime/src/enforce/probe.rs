//! A monitor that knows where it stands in the reply.

use std::sync::Arc;

use rolecall_dsl::contract::Contract;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::{Monitor, Residual, Step, Violation};

use super::record::{Broken, Cause};

/// A monitor fed with the reply so far. Its clones try continuations.
///
/// It never hands out again what the reply already has.
#[derive(Debug, Clone)]
pub(super) struct Probe {
    monitor: Monitor,
    contract: Arc<Contract>,
    /// Reply text that the monitor still holds although it is out: it was released by a probe that
    /// knew what came next, and what came next was dropped.
    ahead: String,
    residual: Residual,
}

/// What a probe made of a piece of text.
#[derive(Debug, Clone, Default)]
pub(super) struct Piece {
    /// What may go out, redactions done.
    pub(super) text: String,
    /// Error-severity rules that are broken and were not redacted away.
    pub(super) blocking: Vec<Fault>,
    /// Rules whose matches were redacted in `text`.
    pub(super) redacted: Vec<Redaction>,
    /// Whether no continuation complies.
    pub(super) dead: bool,
}

/// A match that was replaced.
#[derive(Debug, Clone)]
pub(super) struct Redaction {
    /// The rule's id.
    pub(super) rule: String,
    /// One sentence for people.
    pub(super) message: String,
    /// Where its replacement begins in the reply.
    pub(super) at: usize,
}

/// The redactions in front of a cut.
pub(super) fn before(redacted: &[Redaction], cut: usize) -> Vec<Redaction> {
    redacted.iter().filter(|r| r.at < cut).cloned().collect()
}

/// A broken rule, in the reply's coordinates.
#[derive(Debug, Clone)]
pub(super) struct Fault {
    /// Index into the contract's rules.
    pub(super) rule: usize,
    /// The rule, what is wrong, and what the contract wants done.
    pub(super) broken: Broken,
    /// Where what breaks it begins.
    pub(super) at: usize,
    /// Whether it is about something said, not about something missing.
    pub(super) said: bool,
    /// Where the reply could be cut so that the rule holds.
    pub(super) cut: Option<usize>,
}

impl Piece {
    /// Whether nothing stands in the way so far.
    pub(super) fn clean(&self) -> bool {
        !self.dead && self.blocking.is_empty()
    }

    fn absorb(&mut self, other: Self) {
        self.text.push_str(&other.text);
        self.blocking.extend(other.blocking);
        self.redacted.extend(other.redacted);
        self.dead |= other.dead;
    }
}

impl Probe {
    /// A probe behind `text`, which is out already.
    pub(super) fn behind(contract: &Arc<Contract>, text: &str) -> Self {
        let mut probe = Self {
            monitor: contract.program.monitor(),
            contract: Arc::clone(contract),
            ahead: text.to_owned(),
            residual: Residual::Open,
        };
        let _ = probe.push("");
        if !text.is_empty() {
            let _ = probe.push(text);
        }
        probe
    }

    /// Takes the next text.
    pub(super) fn push(&mut self, text: &str) -> Piece {
        let step = self.monitor.push(text);
        self.piece(step)
    }

    /// Takes text that is out already.
    pub(super) fn advance(&mut self, text: &str) {
        self.ahead.push_str(text);
        let _ = self.push(text);
    }

    /// What it would be if the reply ended here.
    pub(super) fn end(&self) -> Piece {
        let mut end = self.clone();
        let step = end.monitor.finish();
        end.piece(step)
    }

    /// The rules because of which no continuation complies, where nothing said is forbidden by itself.
    pub(super) fn doomed(&self) -> Vec<Fault> {
        let lost = self.monitor.lost();
        self.end().blocking.into_iter().filter(|fault| lost.contains(&fault.rule)).collect()
    }

    /// What it would be if `text` came and the reply ended there.
    pub(super) fn end_with(&self, text: &str) -> Piece {
        self.clone().finish_with(text)
    }

    /// What it is when `text` comes and the reply ends there.
    pub(super) fn finish_with(mut self, text: &str) -> Piece {
        let mut piece = self.push(text);
        let step = self.monitor.finish();
        piece.absorb(self.piece(step));
        piece
    }

    /// Whether the reply complies if these words come as they are and it ends there.
    pub(super) fn ends_well_with(&self, words: &str) -> bool {
        let piece = self.end_with(words);
        piece.clean() && piece.redacted.is_empty() && piece.text == words
    }

    /// Whether these words may come as they are. What follows may still be wrong.
    pub(super) fn bears(&self, words: &str) -> bool {
        let piece = self.clone().push(words);
        piece.clean() && piece.redacted.is_empty()
    }

    /// Whether the reply complies if it ends here.
    pub(super) fn complete(&self) -> bool {
        self.end().clean()
    }

    pub(super) fn dead(&self) -> bool {
        self.residual == Residual::Dead
    }

    /// What must still come, for a repair prompt.
    pub(super) fn missing(&self) -> Vec<String> {
        let language = self.contract.languages.first().copied().unwrap_or(rolecall_dsl::contract::Language::En);
        self.monitor.missing(language)
    }

    fn piece(&mut self, step: Step) -> Piece {
        self.residual = step.residual;
        let (text, taken_back) = self.fresh(step.released);
        let mut piece = Piece { text, dead: step.residual == Residual::Dead, ..Piece::default() };
        for violation in step.violations {
            // A redaction of what is out already comes too late: it is a plain violation.
            let redacted = violation.redacted && !taken_back;
            if redacted {
                let Violation { id, message, at, .. } = violation;
                piece.redacted.push(Redaction { rule: id.to_string(), message, at });
            } else if violation.severity == Severity::Error {
                piece.blocking.push(self.fault(violation));
            }
        }
        piece.dead |= taken_back;
        piece
    }

    /// Strips what is out already from the monitor's release; says whether the monitor wanted
    /// something else there.
    fn fresh(&mut self, released: String) -> (String, bool) {
        if self.ahead.is_empty() {
            return (released, false);
        }
        if let Some(rest) = released.strip_prefix(self.ahead.as_str()) {
            let rest = rest.to_owned();
            self.ahead.clear();
            return (rest, false);
        }
        if self.ahead.starts_with(&released) {
            self.ahead.drain(..released.len());
            return (String::new(), false);
        }
        (String::new(), true)
    }

    fn fault(&self, violation: Violation) -> Fault {
        let action = self.contract.rules.get(violation.rule).map(|r| r.on_violation.clone()).unwrap_or_default();
        let said = !violation.span.is_empty();
        let broken = Broken { id: violation.id.to_string(), message: violation.message, action, cause: Cause::Text };
        Fault { rule: violation.rule, broken, at: violation.at, said, cut: violation.cut }
    }
}

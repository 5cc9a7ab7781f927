//! Mode *Token*: every safe character goes out at once.

use super::{Broken, Probe, ReplyStream, Stop, broken, in_front, join};
use crate::enforce::probe::{Piece, before};

impl ReplyStream {
    pub(super) fn push_token(&mut self, delta: &str) -> String {
        let piece = self.attempt.probe.push(delta);
        self.settle_token(piece)
    }

    pub(super) fn end_token(&mut self) -> String {
        let piece = self.attempt.probe.end();
        let text = self.settle_token(piece);
        self.base = Probe::behind(&self.contract, &self.out);
        text
    }

    pub(super) fn settle_token(&mut self, piece: Piece) -> String {
        if piece.clean() {
            self.note_redactions(&piece.redacted);
            self.let_out(&piece.text);
            return piece.text;
        }
        let mut faults = piece.blocking;
        if faults.is_empty() {
            faults = self.attempt.probe.doomed();
        }
        if faults.is_empty() {
            faults = self.attempt.probe.end().blocking;
        }
        let wrong: Vec<Broken> = broken(&faults);
        self.attempt.broken.add(wrong.iter().cloned());
        let (cutting, at) = self.cut_of(&faults);
        if self.attempt.stop_if_wanted(&in_front(&faults, at)) {
            return String::new();
        }
        if let Some(at) = at {
            let kept = join::prefix(&piece.text, at.saturating_sub(self.out.len())).to_owned();
            let whole = format!("{}{kept}", self.out);
            if !whole.trim().is_empty() && Probe::behind(&self.contract, &whole).complete() {
                self.note_redactions(&before(&piece.redacted, at));
                self.record.edit_all(&cutting, "truncate");
                self.attempt.stop = Some(Stop::Cut);
                self.let_out(&kept);
                return kept;
            }
        }
        if !self.attempt.stop_if_wanted(&wrong) {
            self.attempt.stop = Some(Stop::Dead);
        }
        String::new()
    }
}

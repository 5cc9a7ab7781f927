//! The sentences of an answer that wait.

use std::ops::Range;

use super::Broken;
use super::gate::Gate;
use crate::enforce::probe::{Piece, Probe, Redaction};

/// Sentences that the rules and policies allow and that wait: for a good end, or until the monitor
/// has let go of their last character.
///
/// Offsets are bytes behind `origin`, the end of what was out when the first of them came.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) units: Vec<Unit>,
    /// What the client would have seen if the reply ended behind the last unit.
    pub(super) text: String,
    /// What the tip's monitor has let go.
    pub(super) loose: String,
    /// What it let go since, with the beginning of the next sentence.
    beyond: String,
    redacted: Vec<Redaction>,
    redacted_beyond: Vec<Redaction>,
    /// Bytes that went out.
    pub(super) gone: usize,
    pub(super) origin: usize,
    /// White space behind what went out that did not go with it.
    pub(super) rest: String,
    /// What the wait is for, should they be dropped.
    pub(super) reasons: Vec<Broken>,
    /// Behind what is out and the units, fed with what the model said.
    pub(super) tip: Probe,
}

/// One or more sentences that go out or are dropped together.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    /// What the model said.
    pub(super) raw: String,
    /// Where it stands in the answer.
    pub(super) part: Range<usize>,
    /// Where it ends in [`Held::text`].
    pub(super) end: usize,
    /// Whether the reply can be brought to a good end behind it.
    pub(super) good: bool,
}

impl Held {
    pub(super) fn nothing(base: &Probe, origin: usize) -> Self {
        Self {
            units: Vec::new(),
            text: String::new(),
            loose: String::new(),
            beyond: String::new(),
            redacted: Vec::new(),
            redacted_beyond: Vec::new(),
            gone: 0,
            origin,
            rest: String::new(),
            reasons: Vec::new(),
            tip: base.clone(),
        }
    }

    /// The same behind white space.
    pub(super) fn behind(base: &Probe, origin: usize, rest: String) -> Self {
        let mut held = Self::nothing(base, origin);
        held.loose = held.tip.push(&rest).text;
        held.text.clone_from(&rest);
        held.rest = rest;
        held
    }

    /// The first `count` units go out, with the text up to `to`.
    pub(super) fn go(&mut self, count: usize, to: usize) {
        let end = self.units.drain(..count).next_back().map_or(to, |unit| unit.end);
        self.rest = self.text.get(to..end).unwrap_or("").to_owned();
        self.gone = to;
    }

    /// Takes in a sentence that was judged behind the tip.
    pub(super) fn adopt(&mut self, unit: Unit, text: String, tip: Probe, pushed: Piece) {
        self.units.push(unit);
        self.text = text;
        self.tip = tip;
        self.loose.push_str(&pushed.text);
        self.redacted.extend(pushed.redacted);
        self.restart();
    }

    /// Forgets what came behind the tip.
    pub(super) fn restart(&mut self) {
        self.beyond.clear();
        self.redacted_beyond.clear();
    }

    /// Notes what the monitor made of text behind the tip.
    pub(super) fn note_beyond(&mut self, piece: &Piece) {
        self.beyond.push_str(&piece.text);
        self.redacted_beyond.extend(piece.redacted.iter().cloned());
    }

    /// How much of the text up to `end` can go out: the monitor has let go of it, and what it let go
    /// is what was judged. White space at its end may stay behind.
    pub(super) fn loose_to(&self, end: usize) -> Option<usize> {
        let text = self.text.get(..end)?;
        [text, text.trim_end()].into_iter().map(str::len).find(|to| *to > self.gone && self.is_loose(*to))
    }

    fn is_loose(&self, to: usize) -> bool {
        let near = to.min(self.loose.len());
        self.text.get(..near) == self.loose.get(..near) && {
            let far = to - near;
            self.beyond.len() >= far && self.text.get(near..to) == self.beyond.get(..far)
        }
    }

    /// The replacements in the text that goes out up to `to`.
    pub(super) fn redacted_to(&self, to: usize) -> Vec<Redaction> {
        let (from, to) = (self.origin + self.gone, self.origin + to);
        let all = self.redacted.iter().chain(&self.redacted_beyond);
        all.filter(|r| (from..to).contains(&r.at)).cloned().collect()
    }
}

/// Sentences that a match lies across become one.
pub(super) fn together(
    units: impl IntoIterator<Item = (String, Range<usize>)>,
    gate: &Gate,
) -> Vec<(String, Range<usize>)> {
    let mut joined: Vec<(String, Range<usize>)> = Vec::new();
    for (raw, part) in units {
        match joined.last_mut() {
            Some((text, last)) if last.end == part.start && gate.joins(part.start) => {
                text.push_str(&raw);
                last.end = part.end;
            }
            _ => joined.push((raw, part)),
        }
    }
    joined
}

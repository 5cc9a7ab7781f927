//! The last stage: what may be released, and how its places relate to the text pushed.

use std::ops::Range;

use super::Step;
use super::perils::Perils;

#[derive(Debug, Clone, Copy)]
struct Limit {
    at: usize,
    /// The last byte up to there at which the text may end.
    end: usize,
}

/// Text that passed the filter, and how far it may be released.
#[derive(Debug, Clone, Default)]
pub(super) struct Outlet {
    /// Not yet released, as far as it still may be.
    text: String,
    /// Bytes written, released or not.
    written: usize,
    /// Bytes released.
    released: usize,
    /// Nothing is ever released past a limit.
    limit: Option<Limit>,
    /// Where what is released must not end.
    perils: Perils,
    /// Ends of sentences that were not yet given out.
    ends: Vec<usize>,
    /// Behind each replacement: from which byte on, and which byte of the pushed text that is.
    shifts: Vec<(usize, usize)>,
}

impl Outlet {
    /// Bytes written, released or not.
    pub(super) fn written(&self) -> usize {
        self.written
    }

    /// So many bytes may come before the next release.
    pub(super) fn expect(&mut self, bytes: usize) {
        self.text.reserve(bytes);
    }

    /// Appends a character.
    pub(super) fn write(&mut self, c: char) {
        self.written += c.len_utf8();
        if !self.is_stopped() {
            self.text.push(c);
        }
    }

    /// Appends text.
    pub(super) fn write_all(&mut self, text: &str) {
        self.written += text.len();
        if !self.is_stopped() {
            self.text.push_str(text);
        }
    }

    /// Lowers the limit to a byte; everything up to it was read.
    pub(super) fn limit(&mut self, at: usize) {
        if self.limit.is_none_or(|limit| at < limit.at) {
            self.limit = Some(Limit { at, end: self.perils.safe(at) });
        }
    }

    /// If the text ended behind the character `last`, it would have a match from `start` on.
    pub(super) fn must_not_end(&mut self, start: usize, last: Range<usize>) {
        if self.limit.is_none_or(|limit| last.end <= limit.at) {
            self.perils.add(start, last);
        }
    }

    /// Whether everything was released that may ever be.
    fn is_stopped(&self) -> bool {
        self.limit.is_some_and(|limit| limit.end <= self.released)
    }

    /// Notes that a sentence is known to end before a byte.
    pub(super) fn sentence_end(&mut self, at: usize) {
        self.ends.push(at);
    }

    /// The text has ended, and with it its last sentence if one is open.
    pub(super) fn finish(&mut self, open: bool) {
        if open {
            self.ends.push(self.written());
        }
    }

    /// A replacement ends before byte `written`; what is written there comes from byte `pushed` on.
    pub(super) fn shift(&mut self, written: usize, pushed: usize) {
        self.shifts.push((written, pushed));
    }

    /// Where a byte of the pushed text stands that was passed on.
    pub(super) fn stands(&self, pushed: usize) -> usize {
        let behind = self.shifts.partition_point(|(_, from)| *from <= pushed);
        match behind.checked_sub(1).and_then(|last| self.shifts.get(last)) {
            Some((written, from)) => written + (pushed - from),
            None => pushed,
        }
    }

    /// The byte of the pushed text that a written byte comes from.
    pub(super) fn pushed(&self, written: usize) -> usize {
        let behind = self.shifts.partition_point(|(from, _)| *from <= written);
        let pushed = match behind.checked_sub(1).and_then(|last| self.shifts.get(last)) {
            Some((from, pushed)) => pushed + (written - from),
            None => written,
        };
        // A place in a replacement comes from the match.
        self.shifts.get(behind).map_or(pushed, |(_, next)| pushed.min(*next))
    }

    /// Moves what may go, and the ends of sentences in it, into a step.
    pub(super) fn release(&mut self, held_from: Option<usize>, step: &mut Step) {
        let bound = |at: Option<usize>| at.unwrap_or(usize::MAX);
        let to = self.written.min(bound(self.limit.map(|limit| limit.end))).min(bound(held_from));
        let to = self.perils.safe(to).max(self.released);
        let from = self.released;
        if to > from {
            step.released.push_str(self.text.get(..to - from).unwrap_or_default());
            self.text.drain(..to - from);
            self.released = to;
            self.perils.forget_to(to);
        }
        let stopped = self.is_stopped();
        if stopped {
            self.text.clear();
        }
        let given = self.ends.iter().take_while(|end| **end <= to || stopped).count();
        for end in self.ends.drain(..given) {
            // Where sentences do not matter for the delivery, the symbols before one may be gone.
            let end = end.clamp(from, to) - from;
            if step.sentence_ends.last() != Some(&end) {
                step.sentence_ends.push(end);
            }
        }
    }
}

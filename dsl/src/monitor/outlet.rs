//! The last stage: what may be released, and how its places relate to the text pushed.

use super::Step;

/// Text that passed the filter, and how far it may be released.
#[derive(Debug, Clone, Default)]
pub(super) struct Outlet {
    /// Not yet released.
    text: String,
    /// Bytes released.
    released: usize,
    /// Nothing is ever released past this byte.
    limit: Option<usize>,
    /// Ends of sentences that were not yet given out.
    ends: Vec<usize>,
    /// Behind each replacement: from which byte on, and which byte of the pushed text that is.
    shifts: Vec<(usize, usize)>,
}

impl Outlet {
    /// Bytes written, released or not.
    pub(super) fn written(&self) -> usize {
        self.released + self.text.len()
    }

    /// Appends a character.
    pub(super) fn write(&mut self, c: char) {
        self.text.push(c);
    }

    /// Lowers the limit to a byte.
    pub(super) fn limit(&mut self, at: usize) {
        self.limit = Some(self.limit.map_or(at, |other| other.min(at)));
    }

    /// Notes that a sentence is known to end before a byte.
    pub(super) fn sentence_end(&mut self, at: usize) {
        self.ends.push(at);
    }

    /// The reply has ended; its last sentence, if one is open, ends with it.
    pub(super) fn open(&mut self, last: bool) {
        if last {
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
        let to = self.written().min(bound(self.limit)).min(bound(held_from)).max(self.released);
        let from = self.released;
        if to > from {
            step.released.extend(self.text.drain(..to - from));
            self.released = to;
        }
        let stopped = self.limit.is_some_and(|limit| limit <= to);
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

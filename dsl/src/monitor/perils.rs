//! Where a text must not end, although it may go on.
//!
//! A match that what came next undid (`AI` in `AI3`, `日本` in `明日本来`, where that is an exception) is one
//! again if the text ends in front of that. Whether the text up to a byte has such a match does not depend
//! on what comes behind it; so it is noted once, when that byte is read.

use std::collections::VecDeque;
use std::ops::Range;

/// The places at which the text read so far must not end.
#[derive(Debug, Clone, Default)]
pub(super) struct Perils {
    /// In order, apart from each other.
    all: VecDeque<Peril>,
}

/// From one byte to another, both included, the text would end with a match.
#[derive(Debug, Clone, Copy)]
struct Peril {
    first: usize,
    last: usize,
    /// The nearest byte before the match at which the text may end.
    start: usize,
}

impl Perils {
    /// If the text ends behind the character `read`, it has a match from `start` on.
    pub(super) fn add(&mut self, start: usize, read: Range<usize>) {
        let start = self.safe(start);
        match self.all.back_mut() {
            Some(last) if last.start == start && last.last >= read.start => last.last = read.end,
            _ => self.all.push_back(Peril { first: read.end, last: read.end, start }),
        }
    }

    /// The last byte up to `to` at which the text may end: `to` itself, or where the match begins that would
    /// be one if it ended there.
    #[inline]
    pub(super) fn safe(&self, to: usize) -> usize {
        if self.all.is_empty() { to } else { self.before(to) }
    }

    #[cold]
    fn before(&self, to: usize) -> usize {
        let behind = self.all.partition_point(|peril| peril.first <= to);
        let near = behind.checked_sub(1).and_then(|last| self.all.get(last));
        near.filter(|peril| to <= peril.last).map_or(to, |peril| peril.start)
    }

    /// The text was released up to a byte.
    pub(super) fn forget_to(&mut self, to: usize) {
        while self.all.front().is_some_and(|peril| peril.last <= to) {
            self.all.pop_front();
        }
    }
}

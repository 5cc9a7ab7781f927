//! Open pairs, bounded in depth and length.

use super::class::Pair;

/// A pair left open for more than this many characters no longer counts as open.
pub const PAIR_LIMIT: u16 = 200;

/// Pairs nested deeper than this are not tracked.
const DEPTH: usize = 8;

/// The pairs that are open, outermost first.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Pairs {
    open: [Option<Open>; DEPTH],
    depth: u8,
    terminated: bool,
}

#[derive(Debug, Clone, Copy)]
struct Open {
    pair: Pair,
    /// Characters since it was opened.
    age: u16,
}

impl Pairs {
    /// Everything that the future depends on but the ages.
    pub(super) fn key(&self) -> u64 {
        let open = self.open.iter().flatten().fold(0, |key, open| key << 4 | (open.pair as u64 + 1));
        open << 1 | u64::from(self.terminated)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.depth == 0
    }

    /// Forgets every pair.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// One more character was read. The outermost pair is the oldest, so only it can expire.
    pub(super) fn step(&mut self) {
        if self.depth == 0 {
            return;
        }
        for open in self.open.iter_mut().flatten() {
            open.age = open.age.saturating_add(1);
        }
        if matches!(self.open.first(), Some(Some(open)) if open.age > PAIR_LIMIT) {
            self.open.rotate_left(1);
            if let Some(last) = self.open.last_mut() {
                *last = None;
            }
            self.depth -= 1;
            if self.depth == 0 {
                self.terminated = false;
            }
        }
    }

    /// Opens a pair.
    pub(super) fn open(&mut self, pair: Pair) {
        self.terminated = false;
        if let Some(slot) = self.open.get_mut(usize::from(self.depth)) {
            *slot = Some(Open { pair, age: 0 });
            self.depth += 1;
        }
    }

    /// Closes the innermost pair of this kind and whatever was left open inside it; gives whether
    /// there was one.
    pub(super) fn close(&mut self, pair: Pair) -> bool {
        let Some(found) = self.open.iter().rposition(|open| open.is_some_and(|open| open.pair == pair)) else {
            return false;
        };
        for slot in self.open.iter_mut().skip(found) {
            *slot = None;
        }
        self.depth = u8::try_from(found).unwrap_or(0);
        true
    }

    /// Notes whether the last thing inside the pairs was a terminator.
    pub(super) fn terminated(&mut self, terminated: bool) {
        self.terminated = terminated;
    }

    /// Whether a terminator stands right before the closing mark just read.
    pub(super) fn take_terminated(&mut self) -> bool {
        std::mem::take(&mut self.terminated)
    }
}

//! Chance that can be repeated.

use std::time::Duration;

use crate::clock;

/// Differs between processes, which are not to draw alike.
pub(crate) fn seed() -> u64 {
    getrandom::u64().unwrap_or_else(|_| clock::unix_ms())
}

/// A small generator (xorshift64*): equal seeds, equal draws. Not for secrets.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    pub(crate) fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// How long to wait before the next of so many tries, from 1: somewhere between nothing and a bound that doubles (full
    /// jitter), so that what failed together does not come back together.
    pub(crate) fn backoff(&mut self, tries: u32, first: Duration, longest: Duration) -> Duration {
        let bound = first.saturating_mul(1 << tries.saturating_sub(1).min(16)).min(longest);
        let micros = u64::try_from(bound.as_micros()).unwrap_or(u64::MAX - 1);
        Duration::from_micros(self.below(micros + 1))
    }

    /// A number below `bound`, which counts as 1 when it is 0; of bounds beyond 32 bits, a multiple.
    pub(super) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        let drawn = self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32;
        let below = (u128::from(drawn) * u128::from(bound)) >> 32;
        u64::try_from(below).unwrap_or(u64::MAX)
    }

    /// One of several; `None` of none.
    pub(super) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        let at = self.below(from.len() as u64);
        from.get(usize::try_from(at).unwrap_or(0))
    }
}

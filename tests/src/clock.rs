//! The tests' clock: deadlines that end a stuck test, and durations that benches report.

use std::time::{Duration, Instant};

/// How long any single expected thing may take before a test gives up. Generous: no test asserts a
/// time, this only bounds a hang.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// Now.
#[must_use]
pub fn now() -> Instant {
    #[allow(clippy::disallowed_methods, reason = "this is the clock of the tests")]
    Instant::now()
}

/// A small generator of repeatable choices (xorshift64*), so that a failing round can be named.
#[derive(Debug, Clone)]
pub struct Dice(u64);

impl Dice {
    /// A generator from a seed.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `bound` (which counts as 1 when 0).
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 11) % bound.max(1)
    }

    /// A place in a list of this length.
    pub fn index(&mut self, length: usize) -> usize {
        usize::try_from(self.below(length as u64)).unwrap_or(0)
    }
}

//! How many frames a client may send: a token bucket.

use super::{Config, Millis};

/// Counts in thousandths of a frame, so that a millisecond's refill is a whole number.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Budget {
    left: u64,
    full: u64,
    per_ms: u64,
    at: Millis,
}

const FRAME: u64 = 1_000;

impl Budget {
    pub(super) fn new(config: &Config, now: Millis) -> Self {
        let full = u64::from(config.frame_burst.max(1)) * FRAME;
        Self { left: full, full, per_ms: u64::from(config.frames_per_second), at: now }
    }

    /// Takes one frame; `false` when there is none left.
    pub(super) fn take(&mut self, now: Millis) -> bool {
        let refill = now.saturating_sub(self.at).saturating_mul(self.per_ms);
        self.at = self.at.max(now);
        self.left = self.left.saturating_add(refill).min(self.full);
        let enough = self.left >= FRAME;
        if enough {
            self.left -= FRAME;
        }
        enough
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if the burst, the refill or the ceiling of the bucket is wrong.
    #[test]
    fn a_burst_is_allowed_and_refills() {
        let config = Config { frame_burst: 3, frames_per_second: 2, ..Config::default() };
        let mut budget = Budget::new(&config, 1_000);
        let taken = |budget: &mut Budget, now| (0..10).filter(|_| budget.take(now)).count();
        assert_eq!(taken(&mut budget, 1_000), 3);
        assert_eq!(taken(&mut budget, 1_499), 0);
        assert_eq!(taken(&mut budget, 1_500), 1);
        assert_eq!(taken(&mut budget, 60_000), 3);
        assert_eq!(taken(&mut budget, 0), 0, "a clock that goes back gives nothing");
    }
}

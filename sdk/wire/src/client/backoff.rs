//! How long to wait between attempts: full jitter under a doubling bound.

use super::Advice;
use crate::random;

/// Bounds of the delays. Attempts never end by themselves; their rate is what is bounded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Backoff {
    /// Upper bound of the first delay; default 250 ms. It doubles with every attempt.
    pub base_ms: u64,
    /// Upper bound of all delays; default 30,000 ms.
    pub cap_ms: u64,
    /// Least delay when the server asked to retry later; default 1,000 ms.
    pub later_ms: u64,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { base_ms: 250, cap_ms: 30_000, later_ms: 1_000 }
    }
}

/// A connection that lasted this long resets the bound. A shorter one does not: a server that
/// welcomes and then closes must not be called in a tight loop.
const STABLE_MS: u64 = 5_000;

/// Attempts since the last stable connection, and the source of jitter.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Retry {
    attempts: u32,
    random: u64,
}

impl Retry {
    pub(super) const fn new(seed: u64) -> Self {
        Self { attempts: 0, random: seed }
    }

    /// Notes how long the connection lasted that just ended.
    pub(super) const fn had_connection(&mut self, lasted_ms: u64) {
        if lasted_ms >= STABLE_MS {
            self.attempts = 0;
        }
    }

    /// The delay before the next attempt.
    pub(super) fn delay_ms(&mut self, bounds: &Backoff, advice: Advice) -> u64 {
        let bound = bounds.base_ms.saturating_mul(1 << self.attempts.min(32)).min(bounds.cap_ms);
        // Attempts count doublings: at the cap there are no more.
        if bound < bounds.cap_ms {
            self.attempts = self.attempts.saturating_add(1);
        }
        // Without a bound there is nothing to draw; a client that waits for nothing then stays the same value.
        let jitter = if bound == 0 { 0 } else { self.random() % bound.saturating_add(1) };
        if advice == Advice::RetryLater { bounds.later_ms.saturating_add(jitter) } else { jitter }
    }

    /// A random number, for other jitter too.
    pub(super) const fn random(&mut self) -> u64 {
        random::next(&mut self.random)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails if delays are not spread from zero to the bound, or the bound does not double and cap.
    #[test]
    fn delays_are_spread_under_a_doubling_bound() {
        let bounds = Backoff { base_ms: 100, cap_ms: 1_000, later_ms: 5_000 };
        for (attempt, bound) in [100, 200, 400, 800, 1_000, 1_000].into_iter().enumerate() {
            let delays: Vec<u64> = (0..400)
                .map(|seed| {
                    let mut retry = Retry::new(seed);
                    (0..=attempt).map(|_| retry.delay_ms(&bounds, Advice::Resume)).last().unwrap()
                })
                .collect();
            let (least, most) = (delays.iter().min().unwrap(), delays.iter().max().unwrap());
            assert!(*least < bound / 10 && *most > bound * 9 / 10 && *most <= bound, "{attempt}: {least}..{most}");
        }
        let mut retry = Retry::new(7);
        assert!(retry.delay_ms(&bounds, Advice::RetryLater) >= 5_000);
    }

    /// Fails if a flapping server is called in a tight loop, or a stable one after a long wait.
    #[test]
    fn only_a_stable_connection_resets_the_bound() {
        let bounds = Backoff { base_ms: 100, cap_ms: 100_000, later_ms: 0 };
        let after = |lasted: u64| {
            let longest = |seed| {
                let mut retry = Retry::new(seed);
                for _ in 0..8 {
                    retry.delay_ms(&bounds, Advice::Resume);
                }
                retry.had_connection(lasted);
                retry.delay_ms(&bounds, Advice::Resume)
            };
            (0..200).map(longest).max().unwrap()
        };
        assert!(after(4_999) > 1_000);
        assert!(after(5_000) <= 100);
    }
}

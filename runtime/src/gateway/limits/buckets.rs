//! One bucket for each who is known, in bounded memory.

use std::collections::HashMap;
use std::fmt;
use std::hash::Hash;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::StateStore;
use governor::state::keyed::ShrinkableKeyedStateStore;
use governor::{Quota, RateLimiter};
use parking_lot::Mutex;

use crate::clock;
use crate::config::Allowance;

/// How often, at most, those are looked for who need not be remembered.
const SWEEP_MS: u64 = 1_000;

/// The process's clock, as governor reads it.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct HouseClock;

impl Clock for HouseClock {
    type Instant = Duration;

    fn now(&self) -> Duration {
        Duration::from_millis(clock::monotonic_ms())
    }
}

pub(super) fn quota(allowance: Allowance) -> Quota {
    Quota::per_second(allowance.per_second).allow_burst(allowance.burst)
}

/// An allowance for each key. Whose bucket is full again is forgotten when room is needed; while all the room is
/// taken by those who are not, newcomers share one allowance among them, and nobody loses his own.
pub(super) struct Buckets<K: Clone + Eq + Hash> {
    limiter: RateLimiter<K, Table<K>, HouseClock, NoOpMiddleware<Duration>>,
    most: usize,
    swept_ms: AtomicU64,
}

impl<K: Clone + Eq + Hash> Buckets<K> {
    /// Buckets for at most so many.
    pub(super) fn new(allowance: Allowance, most: usize) -> Self {
        let table = Table { most, inner: Mutex::new(Levels { known: HashMap::new(), crowd: None }) };
        let limiter = RateLimiter::new(quota(allowance), table, HouseClock);
        Self { limiter, most, swept_ms: AtomicU64::new(0) }
    }

    /// Takes one from a bucket, or says how long to wait for one.
    pub(super) fn take(&self, key: &K) -> Result<(), Duration> {
        if self.limiter.len() >= self.most {
            self.sweep();
        }
        self.limiter.check_key(key).map_err(|until| until.wait_time_from(HouseClock.now()))
    }

    fn sweep(&self) {
        let (now, before) = (clock::monotonic_ms(), self.swept_ms.load(Ordering::Relaxed));
        let due = before == 0 || now.saturating_sub(before) >= SWEEP_MS;
        // One of those who find it full does it. Zero stands for never.
        if due && self.swept_ms.compare_exchange(before, now.max(1), Ordering::Relaxed, Ordering::Relaxed).is_ok() {
            self.limiter.retain_recent();
            self.limiter.shrink_to_fit();
        }
    }
}

impl<K: Clone + Eq + Hash> fmt::Debug for Buckets<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Buckets").field("known", &self.limiter.len()).finish_non_exhaustive()
    }
}

/// The levels of the buckets as governor keeps them: when each is full again, counted from the limiter's start.
struct Table<K> {
    most: usize,
    inner: Mutex<Levels<K>>,
}

struct Levels<K> {
    known: HashMap<K, Nanos>,
    /// Of all for whom there is no room.
    crowd: Option<Nanos>,
}

impl<K: Clone + Eq + Hash> StateStore for Table<K> {
    type Key = K;

    fn measure_and_replace<T, F, E>(&self, key: &K, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let mut levels = self.inner.lock();
        let known = levels.known.get(key).copied();
        if known.is_none() && levels.known.len() >= self.most {
            let (outcome, level) = decide(levels.crowd)?;
            levels.crowd = Some(level);
            return Ok(outcome);
        }
        let (outcome, level) = decide(known)?;
        levels.known.insert(key.clone(), level);
        Ok(outcome)
    }
}

impl<K: Clone + Eq + Hash> ShrinkableKeyedStateStore<K> for Table<K> {
    fn retain_recent(&self, drop_below: Nanos) {
        self.inner.lock().known.retain(|_, level| *level > drop_below);
    }

    fn shrink_to_fit(&self) {
        self.inner.lock().known.shrink_to_fit();
    }

    fn len(&self) -> usize {
        self.inner.lock().known.len()
    }

    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU32;

    use tokio::time::advance;

    use super::*;

    fn allowance(per_second: u32, burst: u32) -> Allowance {
        let value = |number| NonZeroU32::new(number).unwrap();
        Allowance { per_second: value(per_second), burst: value(burst) }
    }

    fn taken(buckets: &Buckets<u32>, key: u32, tries: usize) -> usize {
        (0..tries).filter(|_| buckets.take(&key).is_ok()).count()
    }

    // Fails when a burst is larger or smaller than allowed, does not come back at its rate, or the wait that is told
    // is too short.
    #[tokio::test(start_paused = true)]
    async fn a_bucket_holds_a_burst_and_refills() {
        let buckets = Buckets::new(allowance(10, 5), 8);
        assert_eq!(taken(&buckets, 1, 9), 5);
        assert_eq!(taken(&buckets, 2, 9), 5, "another's bucket is his own");
        let wait = buckets.take(&1).unwrap_err();
        advance(wait).await;
        assert_eq!(taken(&buckets, 1, 9), 1);
        advance(Duration::from_secs(60)).await;
        assert_eq!(taken(&buckets, 1, 9), 5);
    }

    // Fails when memory grows with the addresses that come, those who are over it are not forgotten, those who are
    // known lose what they have to a crowd, or a crowd may do more than one of them.
    #[tokio::test(start_paused = true)]
    async fn a_hundred_thousand_addresses_take_bounded_room() {
        let most = 65_536;
        let buckets = Buckets::new(allowance(1, 3), most);
        let admitted = (0..100_000).filter(|key| buckets.take(key).is_ok()).count();
        assert_eq!(buckets.limiter.len(), most);
        assert_eq!(admitted, most + 3, "those without room share one bucket");
        assert_eq!(taken(&buckets, 7, 9), 2, "who is known has his own");
        advance(Duration::from_secs(10)).await;
        assert_eq!(taken(&buckets, 100_001, 9), 3);
        assert_eq!(buckets.limiter.len(), 1, "all others are full again");
        assert!(buckets.limiter.into_state_store().inner.into_inner().known.capacity() < 1_000);
    }
}

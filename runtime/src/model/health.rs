//! Passing over an upstream that keeps failing, where there is another one.

use std::time::Duration;

use parking_lot::Mutex;

use crate::clock;

/// Calls that fail one after the other before an upstream is passed over.
const FAILURES: u32 = 3;
/// How long it is passed over before one call tries it again.
const REST: Duration = Duration::from_secs(10);

/// How an upstream has been lately. It matters only where a fallback is configured: with nobody else
/// to ask, trying is the best that can be done, and the budget of tries bounds what it costs.
#[derive(Debug, Default)]
pub(super) struct Health(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failures: u32,
    until_ms: u64,
}

impl Health {
    /// Whether to call it. After a rest one call may try; the others go on to pass it over.
    pub(super) fn admits(&self) -> bool {
        let mut state = self.0.lock();
        let now = clock::monotonic_ms();
        if state.failures < FAILURES {
            return true;
        }
        if now < state.until_ms {
            return false;
        }
        state.until_ms = now + rest_ms();
        true
    }

    /// A call failed in a way that may pass.
    pub(super) fn failed(&self) {
        let mut state = self.0.lock();
        state.failures = state.failures.saturating_add(1);
        state.until_ms = clock::monotonic_ms() + rest_ms();
    }

    /// It answered.
    pub(super) fn well(&self) {
        self.0.lock().failures = 0;
    }
}

fn rest_ms() -> u64 {
    u64::try_from(REST.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a broken upstream costs every call its patience, or one that is well again is not found out.
    #[tokio::test(start_paused = true)]
    async fn a_failing_upstream_rests_and_one_call_tries_it() {
        let health = Health::default();
        for _ in 0..FAILURES {
            assert!(health.admits());
            health.failed();
        }
        assert!(!health.admits());
        tokio::time::advance(REST).await;
        assert!(health.admits() && !health.admits(), "one call tries, the next does not");
        health.failed();
        assert!(!health.admits());
        tokio::time::advance(REST).await;
        assert!(health.admits());
        health.well();
        assert!(health.admits() && health.admits());
    }
}

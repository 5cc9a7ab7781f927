//! The only module that reads the time.

use std::time::Duration;

use tokio::time::Instant;

/// Milliseconds since the session was opened, monotonic. Follows tokio's paused time in tests.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock(Instant);

impl Clock {
    pub(crate) fn start() -> Self {
        #[allow(clippy::disallowed_methods, reason = "this is the clock")]
        Self(Instant::now())
    }

    pub(crate) fn now_ms(self) -> u64 {
        u64::try_from(self.0.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// The point `ms` after the start; far in the future when that is beyond the clock.
    pub(crate) fn at(self, ms: u64) -> Instant {
        const YEAR: Duration = Duration::from_secs(365 * 24 * 3_600);
        self.0 + Duration::from_millis(ms).min(YEAR)
    }
}

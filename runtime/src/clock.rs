//! The only module that reads the time.

use std::sync::OnceLock;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Milliseconds on a monotonic clock that starts with the process. Follows tokio's paused time in
/// tests.
#[must_use]
pub fn monotonic_ms() -> u64 {
    static START: OnceLock<tokio::time::Instant> = OnceLock::new();
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    let now = tokio::time::Instant::now();
    let elapsed = now.saturating_duration_since(*START.get_or_init(|| now));
    u64::try_from(elapsed.as_millis()).unwrap_or(u64::MAX)
}

/// A point on the monotonic clock for measuring durations.
#[must_use]
pub fn now() -> std::time::Instant {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    std::time::Instant::now()
}

/// Time since the Unix epoch by the wall clock; zero if the clock is set before it.
#[must_use]
pub fn unix() -> Duration {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// [`unix`] in milliseconds.
#[must_use]
pub fn unix_ms() -> u64 {
    u64::try_from(unix().as_millis()).unwrap_or(u64::MAX)
}

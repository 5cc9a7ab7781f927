//! The only module that reads the time.

use std::time::Instant;

/// The time of the breakers. Follows tokio's paused time in tests.
pub(crate) fn breaker() -> tokio::time::Instant {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    tokio::time::Instant::now()
}

/// A point in time for measuring how long a call took.
pub(crate) fn now() -> Instant {
    #[allow(clippy::disallowed_methods, reason = "this is the clock")]
    Instant::now()
}

/// The time of day, for comparison with that of files.
#[allow(clippy::disallowed_methods, reason = "this is the place")]
pub(crate) fn system() -> std::time::SystemTime {
    std::time::SystemTime::now()
}

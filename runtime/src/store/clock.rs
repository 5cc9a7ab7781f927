//! The time by which a store forgets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock;

/// Where a store reads the time (ms since the Unix epoch).
#[derive(Debug, Clone, Default)]
pub enum StoreClock {
    /// The system's wall clock.
    #[default]
    System,
    /// A clock that its owner sets, for tests of expiry.
    Manual(Arc<AtomicU64>),
}

impl StoreClock {
    /// The time, ms since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        match self {
            Self::System => clock::unix_ms(),
            Self::Manual(ms) => ms.load(Ordering::SeqCst),
        }
    }
}

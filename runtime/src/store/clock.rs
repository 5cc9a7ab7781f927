//! The time by which a store forgets.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::clock;

/// Where a store reads the time (ms). What was delivered, and what waits, is forgotten by the wall clock, as its sender meant it;
/// sessions end by steady time, which nobody can set: one wrong clock would end them all.
#[derive(Debug, Clone, Default)]
pub enum StoreClock {
    /// The system's clocks.
    #[default]
    System,
    /// A clock that its owner sets, for tests of expiry: both.
    Manual(Arc<AtomicU64>),
    /// Two clocks that their owner sets, for tests of clocks that are set: the wall's, and the steady one.
    #[cfg(test)]
    Apart(Arc<AtomicU64>, Arc<AtomicU64>),
}

impl StoreClock {
    /// The time, ms since the Unix epoch.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        match self {
            Self::System => clock::unix_ms(),
            Self::Manual(ms) => ms.load(Ordering::SeqCst),
            #[cfg(test)]
            Self::Apart(wall, _) => wall.load(Ordering::SeqCst),
        }
    }

    /// Time that goes on steadily, ms since whenever.
    #[must_use]
    pub fn steady_ms(&self) -> u64 {
        match self {
            Self::System => clock::monotonic_ms(),
            Self::Manual(ms) => ms.load(Ordering::SeqCst),
            #[cfg(test)]
            Self::Apart(_, steady) => steady.load(Ordering::SeqCst),
        }
    }
}

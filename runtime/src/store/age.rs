//! How old a store is: the time for which it was open.
//!
//! By it, and by no wall clock, sessions end: a clock that is set forward by a year, or back, makes none older, and a server that
//! was down for a month finds all as young as it left them, since nobody could use them meanwhile.

use parking_lot::Mutex;

use super::StoreClock;

/// Counts while the store is open. Steady time does not go on while the machine sleeps.
#[derive(Debug)]
pub(super) struct Age {
    clock: StoreClock,
    /// The age, and what the clock showed then, ms.
    counted: Mutex<(u64, u64)>,
}

impl Age {
    /// Counts on from an age, ms.
    pub(super) fn from(clock: StoreClock, age_ms: u64) -> Self {
        let steady_ms = clock.steady_ms();
        Self { clock, counted: Mutex::new((age_ms, steady_ms)) }
    }

    /// The age, ms. It never goes back.
    pub(super) fn now_ms(&self) -> u64 {
        let mut counted = self.counted.lock();
        let (age_ms, before_ms) = *counted;
        let steady_ms = self.clock.steady_ms();
        *counted = (age_ms.saturating_add(steady_ms.saturating_sub(before_ms)), steady_ms);
        counted.0
    }
}

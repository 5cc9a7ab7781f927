//! How long a session is kept that nobody uses.

use std::time::Duration;

use super::{Age, StoreClock};

/// Into so many parts a lifetime is divided: a use that follows another one within a part is not written down.
const PARTS: u64 = 64;
/// The longest part.
const LONGEST_PART_MS: u64 = 60 * 60 * 1_000;

/// How long a session is kept behind its last use. Sessions that are in use, by a connection, a process or a reply, are
/// kept whatever it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Lifetime(Option<u64>);

impl Lifetime {
    /// Sessions never end.
    pub const FOREVER: Self = Self(None);

    /// They end when nobody has used them for so long; the finest unit is a millisecond.
    #[must_use]
    pub fn of(duration: Duration) -> Self {
        Self(Some(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX).max(1)))
    }

    /// How long, ms; `None` for ever.
    #[must_use]
    pub fn ms(self) -> Option<u64> {
        self.0
    }

    /// How often a process says which sessions it uses, and looks for those that nobody does.
    #[must_use]
    pub fn round(self) -> Option<Duration> {
        let round_ms = (self.0? / 16).clamp(100, 6 * LONGEST_PART_MS);
        Some(Duration::from_millis(round_ms))
    }

    /// Whether it is over, for a session that was used last at `used_ms` of a store that is `age_ms` old.
    pub(super) fn is_over(self, used_ms: u64, age_ms: u64) -> bool {
        self.0.is_some_and(|ms| age_ms.saturating_sub(used_ms) >= ms)
    }

    /// Whether a use is worth being written down. It is, too, where none is known, or one that is yet to come.
    pub(super) fn is_worth_noting(self, used_ms: u64, age_ms: u64) -> bool {
        let part_ms = self.0.map_or(LONGEST_PART_MS, |ms| (ms / PARTS).min(LONGEST_PART_MS));
        used_ms > age_ms || age_ms.saturating_sub(used_ms) > part_ms
    }
}

/// When a step is made, as the step needs to know it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moment {
    /// By the wall clock, ms since the Unix epoch.
    pub(super) now_ms: u64,
    /// How old the store is, ms.
    pub(super) age_ms: u64,
    pub(super) lifetime: Lifetime,
}

impl Moment {
    /// Now.
    pub(super) fn now(clock: &StoreClock, age: &Age, lifetime: Lifetime) -> Self {
        Self { now_ms: clock.now_ms(), age_ms: age.now_ms(), lifetime }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a session ends early, one that is for ever ends, or what an earlier release wrote counts as old.
    #[test]
    fn ends_when_it_is_over_and_not_before() {
        let day = Lifetime::of(Duration::from_secs(86_400));
        assert!(!day.is_over(5, 5 + 86_399_999) && day.is_over(5, 5 + 86_400_000));
        assert!(!day.is_over(9, 5) && !day.is_over(u64::MAX, 0), "a use that is yet to come");
        assert!(!Lifetime::FOREVER.is_over(0, u64::MAX));
        assert_eq!((day.round(), Lifetime::FOREVER.round()), (Some(Duration::from_secs(5_400)), None));
    }

    // Fails when every use of a busy session is written down, one is not that matters, or what is in use may end between
    // two rounds.
    #[test]
    fn notes_what_matters() {
        for lifetime in [Lifetime::FOREVER, Lifetime::of(Duration::from_secs(60))] {
            assert!(!lifetime.is_worth_noting(7, 7) && lifetime.is_worth_noting(u64::MAX, 7));
            assert!(lifetime.is_worth_noting(0, LONGEST_PART_MS + 1));
        }
        for seconds in [1, 60, 86_400, 30 * 86_400, 3_650 * 86_400] {
            let lifetime = Lifetime::of(Duration::from_secs(seconds));
            let round_ms = u64::try_from(lifetime.round().unwrap().as_millis()).unwrap();
            assert!(round_ms <= seconds * 1_000 / 8);
            assert!(lifetime.is_worth_noting(0, round_ms), "{seconds}: a round whose uses are passed over");
        }
    }
}

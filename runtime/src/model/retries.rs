//! Trying again: how often over all calls of an upstream, and after which wait.

use std::time::Duration;

use parking_lot::Mutex;

use super::ModelError;
use super::call::{CallLimits, MAX_WAIT};
use super::dice::Dice;
use crate::clock;

/// Tries again that may be made in one go, in thousandths.
const FULL: u64 = 20_000;
/// What each call adds: one further try for ten calls.
const PER_CALL: u64 = 100;
/// Milliseconds in which one thousandth is added: a server with few calls has a try every two seconds.
const MS_PER_THOUSANDTH: u64 = 2;

/// The budget and the waits of one upstream. An outage makes every call fail; with a budget over all
/// of them it is met with a tenth more calls, not with a multiple.
#[derive(Debug)]
pub(super) struct Retries {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    thousandths: u64,
    filled_ms: u64,
    dice: Dice,
}

impl Retries {
    /// A full budget. Equal seeds give equal waits.
    pub(super) fn new(seed: u64) -> Self {
        Self { state: Mutex::new(State { thousandths: FULL, filled_ms: clock::monotonic_ms(), dice: Dice::new(seed) }) }
    }

    /// Counts a call, whatever becomes of it.
    pub(super) fn called(&self) {
        let mut state = self.state.lock();
        state.thousandths = (state.thousandths + PER_CALL).min(FULL);
    }

    /// Takes one further try, if there is one.
    pub(super) fn take(&self) -> bool {
        let mut state = self.state.lock();
        let gained = clock::monotonic_ms().saturating_sub(state.filled_ms) / MS_PER_THOUSANDTH;
        state.filled_ms += gained * MS_PER_THOUSANDTH;
        state.thousandths = (state.thousandths + gained).min(FULL);
        let Some(left) = state.thousandths.checked_sub(1_000) else { return false };
        state.thousandths = left;
        true
    }

    /// How long to wait after this many tries: somewhere between nothing and a bound that doubles, so
    /// that calls which failed together do not come back together. What the server asked for comes on
    /// top; `None` when that is longer than anybody waits.
    pub(super) fn wait(&self, limits: &CallLimits, tries: u32, error: &ModelError) -> Option<Duration> {
        let asked = error.retry_after().unwrap_or_default();
        (asked <= MAX_WAIT).then(|| asked + self.state.lock().dice.backoff(tries, limits.backoff, MAX_WAIT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when an outage is met with more than the burst and a tenth of the calls.
    #[tokio::test(start_paused = true)]
    async fn an_outage_is_not_multiplied() {
        let retries = Retries::new(1);
        let tried = (0..10_000)
            .filter(|_| {
                retries.called();
                retries.take()
            })
            .count();
        assert_eq!(tried, 20 + 1_000 - 1, "the burst, and one in ten");
        assert!(!retries.take());
    }

    // Fails when a server with few calls never tries again, or time fills more than the burst.
    #[tokio::test(start_paused = true)]
    async fn time_fills_the_budget_up_to_the_burst() {
        let retries = Retries::new(1);
        while retries.take() {}
        tokio::time::advance(Duration::from_millis(1_999)).await;
        assert!(!retries.take());
        tokio::time::advance(Duration::from_millis(1)).await;
        assert!(retries.take() && !retries.take(), "one in two seconds");
        tokio::time::advance(Duration::from_secs(86_400)).await;
        assert_eq!((0..1_000).filter(|_| retries.take()).count(), 20);
    }

    // Fails when waits are all alike, longer than their bound, or do not follow the seed.
    #[test]
    fn waits_are_spread_below_a_bound_that_doubles() {
        let limits = CallLimits::default();
        let error = ModelError::Unavailable("x".into());
        let (a, b) = (Retries::new(7), Retries::new(7));
        for (tries, bound) in [(1, 250), (2, 500), (3, 1_000), (9, 10_000), (30, 10_000)] {
            let waits: Vec<Duration> = (0..1_000).filter_map(|_| a.wait(&limits, tries, &error)).collect();
            let again: Vec<Duration> = (0..1_000).filter_map(|_| b.wait(&limits, tries, &error)).collect();
            assert_eq!(waits, again);
            let bound = Duration::from_millis(bound);
            assert!(waits.iter().all(|wait| *wait <= bound));
            let low = waits.iter().filter(|wait| **wait < bound / 4).count();
            let high = waits.iter().filter(|wait| **wait > bound * 3 / 4).count();
            assert!((150..350).contains(&low) && (150..350).contains(&high), "{low} low, {high} high");
        }
    }

    // Fails when a server that asks for time is not given it, or is waited for beyond reason.
    #[test]
    fn what_the_server_asks_for_comes_first() {
        let limits = CallLimits::default();
        let limited = |s| ModelError::RateLimited { message: "x".into(), retry_after: Some(Duration::from_secs(s)) };
        let retries = Retries::new(3);
        let wait = retries.wait(&limits, 1, &limited(3)).unwrap();
        assert!(wait >= Duration::from_secs(3) && wait <= Duration::from_millis(3_250), "{wait:?}");
        assert_eq!(retries.wait(&limits, 1, &limited(11)), None);
    }
}

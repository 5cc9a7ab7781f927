//! Rests a plugin that keeps failing.

use std::collections::VecDeque;
use std::time::Duration;

use tokio::time::Instant;

/// This many failures within [`WINDOW`] open the breaker.
const FAILURES: usize = 5;
/// How long a failure counts.
const WINDOW: Duration = Duration::from_secs(60);
/// The first rest; each failed trial doubles it.
const FIRST_REST: Duration = Duration::from_secs(1);
/// The longest rest.
const LONGEST_REST: Duration = Duration::from_secs(300);

/// The state of one plugin.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: VecDeque<Instant>,
    open: Option<Open>,
}

#[derive(Debug)]
struct Open {
    rest: Duration,
    until: Instant,
}

/// Permission for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Admission {
    /// The plugin is well.
    Normal,
    /// To see whether it is well again.
    Trial,
    /// The plugin is only tried: the breaker neither decides nor hears of it.
    Untold,
}

/// How an admitted call ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// As it should.
    Good,
    /// By the plugin's fault.
    Failed,
    /// It says nothing of the plugin; another call may be the trial.
    Unknown,
}

impl Breaker {
    /// Lets a call through, or says how long the plugin rests yet. After a rest calls go through as trials until
    /// one of them tells: a reply asks more than once, so that a single trial would fail the reply that it is for.
    pub(crate) fn admit(&mut self, now: Instant) -> Result<Admission, Duration> {
        match &self.open {
            None => Ok(Admission::Normal),
            Some(open) if now < open.until => Err(open.until - now),
            Some(_) => Ok(Admission::Trial),
        }
    }

    /// Hears how an admitted call ended. While open, only trials count.
    pub(crate) fn record(&mut self, now: Instant, admission: Admission, outcome: Outcome) {
        if admission == Admission::Untold {
            return;
        }
        match (&mut self.open, admission, outcome) {
            // What was asked before the rest that one of its like has begun says nothing new.
            (Some(open), Admission::Trial, _) if now < open.until => {}
            (Some(open), Admission::Trial, Outcome::Failed) => {
                open.rest = (open.rest * 2).min(LONGEST_REST);
                open.until = now + open.rest;
            }
            (Some(_), Admission::Trial, Outcome::Good) => {
                self.open = None;
                self.failures.clear();
            }
            (None, _, Outcome::Failed) => self.fail(now),
            (Some(_), _, _) | (None, _, Outcome::Good | Outcome::Unknown) => {}
        }
    }

    fn fail(&mut self, now: Instant) {
        while self.failures.front().is_some_and(|at| now.saturating_duration_since(*at) > WINDOW) {
            self.failures.pop_front();
        }
        self.failures.push_back(now);
        if self.failures.len() >= FAILURES {
            self.failures.clear();
            self.open = Some(Open { rest: FIRST_REST, until: now + FIRST_REST });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[allow(clippy::disallowed_methods, reason = "any fixed point will do")]
    fn start() -> Instant {
        Instant::now()
    }

    fn fail(breaker: &mut Breaker, now: Instant) {
        let admission = breaker.admit(now).expect("admitted");
        breaker.record(now, admission, Outcome::Failed);
    }

    #[test]
    fn it_does_not_hear_of_trials_of_the_plugin() {
        let (mut breaker, now) = (Breaker::default(), start());
        (0..100).for_each(|_| breaker.record(now, Admission::Untold, Outcome::Failed));
        assert_eq!(breaker.admit(now), Ok(Admission::Normal));
    }

    #[test]
    fn five_failures_in_a_minute_open_it_and_four_do_not() {
        let zero = start();
        let mut breaker = Breaker::default();
        (0..4).for_each(|second| fail(&mut breaker, zero + SECOND * second));
        assert_eq!(breaker.admit(zero + SECOND * 4), Ok(Admission::Normal));
        // The first ones are more than a minute old by now.
        (62..64).for_each(|second| fail(&mut breaker, zero + SECOND * second));
        assert_eq!(breaker.admit(zero + SECOND * 64), Ok(Admission::Normal));
        let mut breaker = Breaker::default();
        (0..5).for_each(|second| fail(&mut breaker, zero + SECOND * second));
        assert_eq!(breaker.admit(zero + SECOND * 4), Err(SECOND));
    }

    #[test]
    fn trials_double_the_rest_up_to_five_minutes_or_end_it() {
        let mut now = start();
        let mut breaker = Breaker::default();
        (0..5).for_each(|_| fail(&mut breaker, now));
        for rest in [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300] {
            assert_eq!(breaker.admit(now), Err(SECOND * rest));
            now += SECOND * rest;
            assert_eq!(breaker.admit(now), Ok(Admission::Trial));
            // The next question about the same reply.
            assert_eq!(breaker.admit(now), Ok(Admission::Trial));
            // Both fail; only the first begins a rest.
            breaker.record(now, Admission::Trial, Outcome::Failed);
            breaker.record(now, Admission::Trial, Outcome::Failed);
        }
        now += SECOND * 300;
        assert_eq!(breaker.admit(now), Ok(Admission::Trial));
        // A call from before the opening says nothing about the plugin now.
        breaker.record(now, Admission::Normal, Outcome::Good);
        assert_eq!(breaker.admit(now), Ok(Admission::Trial));
        // Neither does a trial that came to nothing, and the next call is one.
        breaker.record(now, Admission::Trial, Outcome::Unknown);
        assert_eq!(breaker.admit(now), Ok(Admission::Trial));
        breaker.record(now, Admission::Trial, Outcome::Good);
        assert_eq!(breaker.admit(now), Ok(Admission::Normal));
    }
}

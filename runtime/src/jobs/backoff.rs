//! When a failed attempt is repeated, and whether.

use std::time::Duration;

use crate::model::dice::Dice;

/// The longest wait before the second attempt; it doubles.
const FIRST: Duration = Duration::from_secs(1);
/// The longest wait of our own.
const LONGEST: Duration = Duration::from_secs(5 * 60);
/// The longest that whoever refused may ask for.
const ASKED: Duration = Duration::from_secs(15 * 60);
/// The longest pause between two attempts.
pub(crate) const LONGEST_PAUSE: Duration = ASKED.saturating_add(LONGEST);
/// How much longer the pause becomes with each job that finds no room.
const EACH: Duration = Duration::from_millis(50);
/// The longest pause of a job that finds no room.
const CROWDED: Duration = Duration::from_secs(10);

/// How long to wait after so many attempts: what whoever refused asked for, and then as the dice say.
pub(super) fn backoff(attempts: u32, asked: Option<Duration>, dice: &mut Dice) -> Duration {
    asked.unwrap_or_default().min(ASKED).saturating_add(dice.backoff(attempts, FIRST, LONGEST))
}

/// How long a job waits that found no room with its model, after so many in a row that found none: many are not to be taken
/// and put back all the time, and a few are to be there soon when there is room.
pub(super) fn crowded(in_a_row: u32) -> Duration {
    EACH.saturating_mul(in_a_row).clamp(FIRST, CROWDED)
}

/// Whether time may mend what an attempt failed with. What the request, the contract or the configuration is at fault for
/// fails the same way again.
pub(super) fn may_pass(code: &str) -> bool {
    matches!(
        code,
        "model_rate_limited"
            | "model_busy"
            | "model_unavailable"
            | "model_timeout"
            | "model_stalled"
            | "model_overdue"
            | "model_cut"
            | "model_bad_stream"
            | "internal"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::ModelError;

    // Fails when waits do not grow, have no end, are all alike, or a server that asks for time is not given it.
    #[test]
    fn waits_are_spread_below_a_bound_that_doubles() {
        let mut dice = Dice::new(1);
        for (attempts, bound_ms) in
            [(1, 1_000), (2, 2_000), (4, 8_000), (9, 256_000), (10, 300_000), (u32::MAX, 300_000)]
        {
            let waits: Vec<u128> = (0..1_000).map(|_| backoff(attempts, None, &mut dice).as_millis()).collect();
            let (least, most) = (waits.iter().min().unwrap(), waits.iter().max().unwrap());
            assert!(*least < bound_ms / 20 && (bound_ms * 19 / 20..=bound_ms).contains(most), "{least} to {most}");
        }
        for (asked, least) in [(30, Duration::from_secs(30)), (86_400, ASKED)] {
            let wait = backoff(1, Some(Duration::from_secs(asked)), &mut dice);
            assert!((least..=least + FIRST).contains(&wait), "{wait:?}");
        }
    }

    // Fails when many jobs of a model without room are taken and put back all the time, or a few sleep long.
    #[test]
    fn many_that_find_no_room_come_back_later() {
        assert_eq!([0, 1, 20].map(crowded), [FIRST; 3]);
        assert_eq!(crowded(100), Duration::from_secs(5));
        assert_eq!([200, u32::MAX].map(crowded), [CROWDED; 2]);
    }

    // Fails when a request that is wrong is repeated, or an outage kills a job at its first attempt.
    #[test]
    fn only_what_may_pass_is_tried_again() {
        let text = || "x".to_owned();
        let passing = [
            ModelError::RateLimited { message: text(), retry_after: None },
            ModelError::Busy { retry_after: FIRST },
            ModelError::Unavailable(text()),
            ModelError::FirstTextTimeout(FIRST),
            ModelError::Stalled(FIRST),
            ModelError::Overdue(FIRST),
            ModelError::Cut(text()),
            ModelError::BadStream(text()),
        ];
        assert!(passing.iter().all(|error| may_pass(error.code())));
        let lasting = [
            ModelError::Rejected { status: 400, message: text() },
            ModelError::Auth { status: 401, message: text() },
            ModelError::NoRoute { role: text(), route: text() },
            ModelError::TooLarge { what: "answer", limit: 1 },
            ModelError::Config(text()),
        ];
        assert!(lasting.iter().all(|error| !may_pass(error.code())));
        assert!(["role_not_found", "message_too_long", "reply_too_long"].iter().all(|code| !may_pass(code)));
    }
}

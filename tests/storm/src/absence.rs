//! When a client had no connection, and for how long.

use std::time::Instant;

use rolecall_client::Event;

/// One client's gaps: from the end of a connection, be it that the client left it itself, until the next one is live and
/// has everything that was missed.
#[derive(Debug, Default)]
pub(crate) struct Absence {
    since: Option<Instant>,
    was_here: bool,
    gaps_ms: Vec<u64>,
}

impl Absence {
    /// Takes in what a client is told, and when.
    pub(crate) fn note(&mut self, event: &Event, now: Instant) {
        match event {
            // Attempts in vain are told as well: they are of one gap.
            Event::Disconnected { .. } if self.was_here => drop(self.since.get_or_insert(now)),
            Event::CaughtUp { .. } => {
                self.was_here = true;
                let gap = self.since.take().map(|since| now.saturating_duration_since(since).as_millis());
                self.gaps_ms.extend(gap.map(|ms| u64::try_from(ms).unwrap_or(u64::MAX)));
            }
            _ => {}
        }
    }

    /// Whether there is a live connection.
    pub(crate) const fn is_back(&self) -> bool {
        self.was_here && self.since.is_none()
    }

    /// The gaps that are over, in ms.
    pub(crate) fn gaps_ms(&self) -> &[u64] {
        &self.gaps_ms
    }
}

/// The smallest of these sorted numbers that as many percent of them do not exceed; 0 of none.
pub(crate) fn percentile(sorted: &[u64], percent: usize) -> u64 {
    let rank = sorted.len().saturating_mul(percent).div_ceil(100).max(1);
    sorted.get(rank - 1).or(sorted.last()).copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use rolecall_tests::clock;

    use super::*;

    // Fails when an attempt in vain begins a gap anew, a first connection counts as one, or who is away counts as back.
    #[test]
    fn gaps_are_from_the_end_to_the_next_life() {
        let start = clock::now();
        let at = |ms: u64| start + Duration::from_millis(ms);
        let gone = || Event::Disconnected { code: 4003, reason: String::new(), retry_in: Duration::ZERO };
        let live = || Event::CaughtUp { from: 1, to: 0 };
        let mut absence = Absence::default();
        absence.note(&gone(), at(0));
        assert!(!absence.is_back(), "it never was here");
        absence.note(&live(), at(70));
        assert!(absence.is_back() && absence.gaps_ms().is_empty());
        for (event, ms) in [(gone(), 100), (gone(), 300), (live(), 450), (gone(), 500)] {
            absence.note(&event, at(ms));
        }
        assert!(!absence.is_back());
        absence.note(&live(), at(501));
        assert!(absence.is_back());
        assert_eq!(absence.gaps_ms(), [350, 1]);
    }

    // Fails when a percentile is read beside its rank, or of few numbers not at all.
    #[test]
    fn percentiles_are_nearest_ranks() {
        let hundred: Vec<u64> = (1..=100).collect();
        assert_eq!([50, 99, 100].map(|percent| percentile(&hundred, percent)), [50, 99, 100]);
        assert_eq!([0, 1, 50, 99].map(|percent| percentile(&[7, 9], percent)), [7, 7, 7, 9]);
        assert_eq!(percentile(&[], 99), 0);
    }
}

//! How often answers are late, and how much patience that asks for.
//!
//! Below a WebSocket, TCP sends again what was lost and doubles its wait each time, so loss shows
//! as lateness with a long tail: a smoothed round trip with its deviation says little about it.
//! The share of late answers says how many losses in a row to allow for.

use serde::{Deserialize, Serialize};

/// The share of late answers, in 65,536ths; an exponential average over some 64 answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Lateness(u16);

/// What a link is taken for at first: one answer in eight is late, as with 6 % loss each way.
const AT_FIRST: u16 = 1 << 13;

/// The weight of one answer is one 64th.
const SHIFT: u32 = 6;

/// A healthy peer may be given up once in this many questions (2^12 = 4,096), on a link whose
/// every wait is at the edge; most are far from it.
const RARE_BITS: u32 = 12;

/// More losses in a row than this are not allowed for: the doubling would exceed any timeout.
const MOST: u32 = 8;

impl Default for Lateness {
    fn default() -> Self {
        Self(AT_FIRST)
    }
}

impl Lateness {
    /// Takes note of an answer.
    pub const fn note(&mut self, late: bool) {
        if late {
            self.0 += (u16::MAX - self.0) >> SHIFT;
        } else {
            self.0 -= self.0 >> SHIFT;
        }
    }

    /// The share of late answers, in 65,536ths.
    #[must_use]
    pub const fn share(self) -> u16 {
        self.0
    }

    /// How many losses in a row are so rare that whoever had them may be taken for dead: the least
    /// `n`, at least 1, with 2 × (share/2)^n ≤ 2^−12. An answer is late when either of two ways
    /// lost something, so a way loses half of the share.
    #[must_use]
    pub fn losses(self) -> u32 {
        let share = u64::from(self.0);
        // In 2^−32ths; the two ways make up for the half of the first loss.
        let mut chance = share << 16;
        let mut losses = 1;
        while chance > 1 << (32 - RARE_BITS) && losses < MOST {
            chance = (chance * share) >> 17;
            losses += 1;
        }
        losses
    }

    /// How long to wait for an answer before its peer counts as dead. One fewer loss than
    /// [`losses`](Self::losses) keeps an answer back for `rto × 2^(losses − 1)`; half as much again
    /// is for what varies.
    #[must_use]
    pub fn patience_ms(self, rto_ms: u32) -> u32 {
        let eighths = u64::from(rto_ms) * (3 << self.losses());
        u32::try_from(eighths / 4).unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(late_in: u32, answers: u32) -> Lateness {
        let mut lateness = Lateness::default();
        for answer in 1..=answers {
            lateness.note(late_in > 0 && answer % late_in == 0);
        }
        lateness
    }

    /// Fails if the average does not settle where the link is, or patience does not follow it.
    #[test]
    fn patience_follows_the_share_of_late_answers() {
        assert_eq!(Lateness::default().losses(), 4);
        assert_eq!(after(0, 1_000).losses(), 2);
        assert_eq!(after(20, 990).losses(), 3);
        assert_eq!(after(10, 1_000).losses(), 4);
        assert_eq!(after(3, 1_000).losses(), 6);
        assert_eq!(after(1, 1_000).losses(), MOST);
        assert_eq!(after(0, 1_000).patience_ms(400), 1_200);
        assert_eq!(after(10, 1_000).patience_ms(400), 4_800);
    }

    proptest! {
        /// Fails if the share runs over, or patience is ever shorter than a late answer's due time.
        #[test]
        fn the_share_stays_a_share(answers in proptest::collection::vec(any::<bool>(), 0..2_000), rto in 0u32..60_000) {
            let mut lateness = Lateness::default();
            for late in answers {
                let before = lateness.share();
                lateness.note(late);
                let follows = if late { lateness.share() >= before } else { lateness.share() <= before };
                prop_assert!(follows);
            }
            prop_assert!((1..=MOST).contains(&lateness.losses()));
            prop_assert!(lateness.patience_ms(rto) >= rto);
        }
    }
}

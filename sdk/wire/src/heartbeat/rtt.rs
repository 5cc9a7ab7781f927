//! The round-trip estimator of RFC 6298 ("Computing TCP's Retransmission Timer"), in integers.

use crate::server::Millis;

/// RFC 6298 (2.1): before the first sample.
pub const INITIAL_RTO_MS: u32 = 1_000;

/// The G of RFC 6298 (2.2), (2.3): no answer counts as late by less than this. It is the least
/// that Linux adds to a smoothed round trip, so that a kernel below us, which sends again what was
/// lost, had one chance to.
pub const GRANULARITY_MS: u32 = 200;

/// RFC 6298 (2.5): a bound of at least 60 s.
pub const MAX_RTO_MS: u32 = 60_000;

/// Samples above this are counted as this much: far above any timeout, so that no sum overflows.
const CAP_MS: u64 = 3_600_000;

/// Times are kept in 1,024ths of a millisecond: what division drops stays far below a millisecond.
const UNIT: u64 = 1_024;

/// SRTT and RTTVAR. The pure estimator: which samples it should see is for its owner to say
/// (Karn's rule, RFC 6298 §3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub struct Estimator {
    /// Nothing before the first sample.
    known: Option<Smoothed>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Smoothed {
    srtt: u64,
    rttvar: u64,
}

impl Estimator {
    /// Takes a sample: (2.2) the first, (2.3) any other, with α = 1/8 and β = 1/4.
    pub fn sample(&mut self, rtt_ms: u64) {
        let r = rtt_ms.min(CAP_MS) * UNIT;
        self.known = Some(match self.known {
            None => Smoothed { srtt: r, rttvar: r / 2 },
            // RTTVAR first: it is the deviation from the smoothed round trip before this sample.
            Some(Smoothed { srtt, rttvar }) => {
                Smoothed { srtt: (srtt * 7 + r) / 8, rttvar: (rttvar * 3 + srtt.abs_diff(r)) / 4 }
            }
        });
    }

    /// Whether there was a sample.
    #[must_use]
    pub const fn is_known(&self) -> bool {
        self.known.is_some()
    }

    /// The smoothed round trip.
    #[must_use]
    pub fn srtt_ms(&self) -> Option<Millis> {
        self.known.map(|it| it.srtt / UNIT)
    }

    /// How long an answer may take before it is late: SRTT + max(G, 4 × RTTVAR), at most 60 s.
    /// The lower bound of one second, (2.4), is left out: it spares TCP needless retransmissions,
    /// and what is late here is only asked again.
    #[must_use]
    pub fn rto_ms(&self) -> u32 {
        let Some(Smoothed { srtt, rttvar }) = self.known else { return INITIAL_RTO_MS };
        let rto = (srtt + (4 * rttvar).max(u64::from(GRANULARITY_MS) * UNIT)).div_ceil(UNIT);
        u32::try_from(rto).unwrap_or(MAX_RTO_MS).min(MAX_RTO_MS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// RFC 6298 as written, in floating point.
    #[derive(Default)]
    struct Oracle {
        known: Option<(f64, f64)>,
    }

    impl Oracle {
        fn sample(&mut self, r: f64) {
            self.known = Some(match self.known {
                None => (r, r / 2.0),
                Some((srtt, rttvar)) => {
                    let rttvar = (1.0 - 0.25) * rttvar + 0.25 * (srtt - r).abs();
                    ((1.0 - 0.125) * srtt + 0.125 * r, rttvar)
                }
            });
        }

        fn rto(&self) -> f64 {
            self.known.map_or(1_000.0, |(srtt, rttvar)| (srtt + f64::max(200.0, 4.0 * rttvar)).min(60_000.0))
        }
    }

    proptest! {
        /// Fails if integers ever stand more than a millisecond from the formulas.
        #[test]
        fn integers_follow_the_formulas(samples in proptest::collection::vec(0u32..100_000, 0..200)) {
            let (mut ours, mut oracle) = (Estimator::default(), Oracle::default());
            prop_assert_eq!(ours.rto_ms(), INITIAL_RTO_MS);
            for r in samples {
                ours.sample(u64::from(r));
                oracle.sample(f64::from(r));
                prop_assert!((f64::from(ours.rto_ms()) - oracle.rto()).abs() <= 1.5, "{} {}", ours.rto_ms(), oracle.rto());
                let (srtt, expected) = (ours.srtt_ms().unwrap(), oracle.known.unwrap().0);
                prop_assert!((srtt as f64 - expected).abs() <= 1.1, "{srtt} {expected}");
            }
        }

        /// Fails if any sample overflows or leaves the bounds.
        #[test]
        fn no_sample_leaves_the_bounds(samples in proptest::collection::vec(any::<u64>(), 1..50)) {
            let mut ours = Estimator::default();
            for r in samples {
                ours.sample(r);
                prop_assert!((GRANULARITY_MS..=MAX_RTO_MS).contains(&ours.rto_ms()));
            }
        }
    }

    /// Fails if the worked values differ: a first sample of 100 ms gives 100 + max(200, 4 × 50).
    #[test]
    fn worked_values() {
        let mut ours = Estimator::default();
        ours.sample(100);
        assert_eq!((ours.srtt_ms(), ours.rto_ms()), (Some(100), 300));
        ours.sample(300);
        // SRTT 125, RTTVAR 3/4 × 50 + 1/4 × 200 = 87.5.
        assert_eq!((ours.srtt_ms(), ours.rto_ms()), (Some(125), 475));
    }
}

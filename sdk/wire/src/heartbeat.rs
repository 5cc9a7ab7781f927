//! How often peers ask for a sign of life, and how long they wait for one (`PROTOCOL.md` §6).
//!
//! Two modes. [`Mode::Table`] is the article's rule: a table by network type, stretched when round
//! trips vary ([`table`]). [`Mode::Adaptive`] learns: round trips by RFC 6298 ([`rtt`]), how often
//! answers are late ([`late`]), how long a link survives in silence ([`learned`]), and from these
//! when to ask and when to give up ([`adaptive`]). `HEARTBEAT.md` compares them.

pub mod adaptive;
pub mod late;
pub mod learned;
pub mod rtt;
pub mod table;

use crate::random;

pub use self::adaptive::Adaptive;
pub use self::learned::Learned;
pub use self::table::{DEFAULT_TIMEOUT_MS, MIN_INTERVAL_MS, Rtts, Table, base_ms, probe_after};

/// How the interval between beats, and the patience with a silent peer, come about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Mode {
    /// The article's rule: the interval by network type and round trips, the timeout as it is.
    #[default]
    Table,
    /// Learned from the link.
    Adaptive,
}

/// The wait before the first regular beat: a half to the whole of the interval, by a random
/// number, so that connections which were opened together do not beat together.
#[must_use]
pub const fn first_beat_ms(interval_ms: u32, mut seed: u64) -> u32 {
    let half = interval_ms / 2;
    let [low, ..] = random::next(&mut seed).to_le_bytes();
    // 256 places are as good as any: they lie tens of milliseconds apart.
    interval_ms - half + scaled(half, low)
}

/// `low` 256ths of a time.
const fn scaled(ms: u32, low: u8) -> u32 {
    ms / 256 * low as u32 + ms % 256 * low as u32 / 256
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        /// Fails if a first beat comes before half of the interval, or behind the interval.
        #[test]
        fn the_first_beat_lies_in_the_second_half_of_the_interval(interval in 0u32.., seed in any::<u64>()) {
            let first = first_beat_ms(interval, seed);
            prop_assert!(first >= interval / 2 && first <= interval, "{first} of {interval}");
        }
    }

    /// Fails if first beats bunch, so that a restart is followed by waves.
    #[test]
    fn first_beats_are_spread_evenly() {
        let mut tenths = [0u32; 10];
        for seed in 0..10_000 {
            let place = (first_beat_ms(20_000, seed) - 10_000) / 1_001;
            tenths[place as usize] += 1;
        }
        assert!(tenths.iter().all(|count| (850..1_150).contains(count)), "{tenths:?}");
    }
}

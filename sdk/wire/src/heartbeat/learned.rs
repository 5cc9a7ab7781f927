//! How long a link survives in silence, learned by network class.
//!
//! A NAT forgets a mapping that carries nothing for a while: 30 s to hours, by the box. So the
//! interval starts where every known NAT is safe, grows after successes, and falls back when a
//! connection dies in a silence of that length. (Tencent's Mars, `smart_heartbeat.cc`, does the like
//! on the client, in steps of a minute.)

use serde::{Deserialize, Serialize};

use super::late::Lateness;
use crate::frame::Network;

/// Where learning starts: half of 30 s, the shortest idle timeout that NATs are known to have.
pub const START_MS: u32 = 15_000;

/// No interval is learned below this.
pub const LEAST_MS: u32 = 5_000;

/// No interval is learned above this: 30 s below five minutes.
pub const MOST_MS: u32 = 270_000;

/// Successes at an interval that prove it, before a longer one is tried.
const PROOF: u16 = 3;

/// Deaths in silence at a proven interval, without a success between them, that disprove it. One
/// says little: laptops are closed, trains enter tunnels.
const STRIKES: u8 = 2;

/// Successes below a ceiling after which it is tried again; doubled each time, up to [`MOST_HOLD`].
const FIRST_HOLD: u16 = 32;
const MOST_HOLD: u16 = 1_024;

/// What was learned, by network class. A session keeps it and gives it to its next connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Learned {
    #[serde(rename = "4g")]
    four_g: Class,
    #[serde(rename = "3g")]
    three_g: Class,
    #[serde(rename = "2g")]
    two_g: Class,
    #[serde(rename = "slow-2g")]
    slow_two_g: Class,
    other: Class,
}

impl Learned {
    /// What was learned about a class.
    #[must_use]
    pub const fn class(&self, network: Network) -> &Class {
        match network {
            Network::FourG => &self.four_g,
            Network::ThreeG => &self.three_g,
            Network::TwoG => &self.two_g,
            Network::SlowTwoG => &self.slow_two_g,
            Network::Other => &self.other,
        }
    }

    /// The same, to learn more.
    pub const fn class_mut(&mut self, network: Network) -> &mut Class {
        match network {
            Network::FourG => &mut self.four_g,
            Network::ThreeG => &mut self.three_g,
            Network::TwoG => &mut self.two_g,
            Network::SlowTwoG => &mut self.slow_two_g,
            Network::Other => &mut self.other,
        }
    }
}

/// One network class. Counts instead of times, so that it needs no clock between connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(default, from = "Written")]
pub struct Class {
    /// The interval in use, or being tried.
    interval_ms: u32,
    /// The longest that has proved itself.
    proven_ms: u32,
    /// An interval that failed; the one in use stays below it.
    ceiling_ms: Option<u32>,
    /// Successes at the interval in use.
    wins: u16,
    /// Deaths in silence since the last success.
    strikes: u8,
    /// Successes until the ceiling is forgotten.
    hold: u16,
    /// How often answers are late.
    pub late: Lateness,
}

impl Default for Class {
    fn default() -> Self {
        Self {
            interval_ms: START_MS,
            proven_ms: START_MS,
            ceiling_ms: None,
            wins: 0,
            strikes: 0,
            hold: FIRST_HOLD,
            late: Lateness::default(),
        }
    }
}

impl Class {
    /// The longest silence that is thought safe.
    #[must_use]
    pub const fn interval_ms(&self) -> u32 {
        self.interval_ms
    }

    /// The interval that failed, while it is remembered.
    #[must_use]
    pub const fn ceiling_ms(&self) -> Option<u32> {
        self.ceiling_ms
    }

    /// The link carried something after a silence of an interval. One that is shorter than ours,
    /// because the timeout allows no more, proves nothing about ours.
    pub fn succeeded(&mut self, at_ms: u32) {
        self.strikes = 0;
        if at_ms < self.interval_ms {
            return;
        }
        self.wins = self.wins.saturating_add(1);
        if self.wins < PROOF {
            return;
        }
        self.proven_ms = self.interval_ms;
        let next = (self.interval_ms + self.interval_ms / 8).min(MOST_MS);
        if self.ceiling_ms.is_some_and(|ceiling| next >= ceiling) {
            if self.wins >= self.hold {
                // Networks change; what failed long ago may work now.
                self.ceiling_ms = None;
                self.hold = self.hold.saturating_mul(2).min(MOST_HOLD);
                self.wins = PROOF;
            }
        } else if next > self.interval_ms {
            (self.interval_ms, self.wins) = (next, 0);
        }
    }

    /// The link died in a silence of an interval.
    pub fn failed(&mut self, at_ms: u32) {
        self.strikes = self.strikes.saturating_add(1);
        let untried = at_ms > self.proven_ms;
        if !untried && self.strikes < STRIKES {
            return;
        }
        // Not below the interval in use when another failed: that one is as proven as before.
        let back = if untried { self.proven_ms } else { at_ms - at_ms / 4 };
        self.interval_ms = self.interval_ms.min(back).max(LEAST_MS);
        self.proven_ms = self.proven_ms.min(self.interval_ms);
        let ceiling = self.ceiling_ms.map_or(at_ms, |before| before.min(at_ms));
        self.ceiling_ms = (ceiling > self.interval_ms).then_some(ceiling);
        (self.wins, self.strikes) = (0, 0);
    }
}

/// A [`Class`] as it was written down, perhaps by another version or by nobody.
#[derive(Deserialize)]
#[serde(default)]
struct Written {
    interval_ms: u32,
    proven_ms: u32,
    ceiling_ms: Option<u32>,
    wins: u16,
    strikes: u8,
    hold: u16,
    late: Lateness,
}

impl Default for Written {
    fn default() -> Self {
        let Class { interval_ms, proven_ms, ceiling_ms, wins, strikes, hold, late } = Class::default();
        Self { interval_ms, proven_ms, ceiling_ms, wins, strikes, hold, late }
    }
}

impl From<Written> for Class {
    fn from(it: Written) -> Self {
        let interval_ms = it.interval_ms.clamp(LEAST_MS, MOST_MS);
        Self {
            interval_ms,
            proven_ms: it.proven_ms.clamp(LEAST_MS, interval_ms),
            ceiling_ms: it.ceiling_ms.filter(|ceiling| *ceiling > interval_ms),
            wins: it.wins,
            strikes: it.strikes,
            hold: it.hold.clamp(FIRST_HOLD, MOST_HOLD),
            late: it.late,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A link whose NAT forgets after so long, met `times` times in silence.
    fn live(class: &mut Class, nat_ms: u32, times: u32) -> u32 {
        let mut deaths = 0;
        for _ in 0..times {
            let at = class.interval_ms();
            if at < nat_ms {
                class.succeeded(at);
            } else {
                class.failed(at);
                deaths += 1;
            }
        }
        deaths
    }

    /// Fails if the interval does not come near what the link bears, or the search costs more than a
    /// few connections.
    #[test]
    fn the_interval_comes_near_what_the_nat_bears() {
        for nat in [30_000, 60_000, 120_000, 250_000] {
            let mut class = Class::default();
            let deaths = live(&mut class, nat, 100);
            assert!(class.interval_ms() > nat * 3 / 4 && class.interval_ms() < nat, "{nat}: {class:?}");
            assert!(deaths <= 3, "{nat}: {deaths}");
            // The retries of the ceiling get rarer: 32, 64, 128 … successes apart.
            assert!(live(&mut class, nat, 1_000) <= 6, "{nat}");
        }
        let mut free = Class::default();
        assert_eq!((live(&mut free, u32::MAX, 200), free.interval_ms()), (0, MOST_MS));
    }

    /// Fails if one death at a proven interval costs it, or a NAT that became stricter is not noticed.
    #[test]
    fn a_proven_interval_falls_at_the_second_strike() {
        let mut class = Class::default();
        live(&mut class, 60_000, 40);
        let proven = class.interval_ms();
        class.failed(proven);
        assert_eq!(class.interval_ms(), proven);
        class.succeeded(proven);
        class.failed(proven);
        assert_eq!(class.interval_ms(), proven, "the success between them counts");
        class.failed(proven);
        assert_eq!((class.interval_ms(), class.ceiling_ms()), (proven - proven / 4, Some(proven)));
    }

    /// Fails if a ceiling outlives its time, or is forgotten before it.
    #[test]
    fn a_ceiling_is_forgotten_after_enough_successes() {
        let mut class = Class::default();
        live(&mut class, 30_000, 30);
        let (at, ceiling) = (class.interval_ms(), class.ceiling_ms().unwrap());
        let mut successes = 0;
        while class.ceiling_ms().is_some() {
            class.succeeded(at);
            successes += 1;
            assert!(class.interval_ms() < ceiling);
        }
        assert!((10..=32).contains(&successes), "{successes}");
        class.succeeded(at);
        assert!(class.interval_ms() >= ceiling, "tried again");
    }

    /// Fails if a value from a store, whatever it is, breaks a bound.
    #[test]
    fn what_was_written_down_is_read_within_bounds() {
        let learned: Learned = serde_json::from_str(
            r#"{"4g":{"interval_ms":1,"proven_ms":9,"ceiling_ms":2,"hold":0},"other":{"interval_ms":4294967295},"new":1}"#,
        )
        .unwrap();
        let class = learned.class(Network::FourG);
        assert_eq!((class.interval_ms(), class.ceiling_ms()), (LEAST_MS, None));
        assert_eq!(learned.class(Network::Other).interval_ms(), MOST_MS);
        assert_eq!(learned.class(Network::TwoG), &Class::default());
        let mut grown = Learned::default();
        live(grown.class_mut(Network::ThreeG), 60_000, 50);
        let again: Learned = serde_json::from_str(&serde_json::to_string(&grown).unwrap()).unwrap();
        assert_eq!(again, grown);
    }

    proptest! {
        /// Fails if any history leaves the bounds, or lets the interval reach one that failed and
        /// is not forgotten.
        #[test]
        fn the_interval_stays_in_bounds_and_below_what_failed(
            history in proptest::collection::vec((any::<bool>(), 0u8..4), 0..400),
        ) {
            let mut class = Class::default();
            for (lived, eighths_less) in history {
                let at = class.interval_ms() - class.interval_ms() / 8 * u32::from(eighths_less);
                let before = class;
                if lived { class.succeeded(at) } else { class.failed(at) }
                prop_assert!((LEAST_MS..=MOST_MS).contains(&class.interval_ms()));
                prop_assert!(class.proven_ms <= class.interval_ms());
                prop_assert!(class.ceiling_ms().is_none_or(|ceiling| class.interval_ms() < ceiling));
                if let Some(ceiling) = before.ceiling_ms() {
                    let kept = class.ceiling_ms() == Some(ceiling) || class.interval_ms() < ceiling;
                    prop_assert!(kept, "{before:?} {class:?}");
                }
                if !lived {
                    prop_assert!(class.interval_ms() <= before.interval_ms());
                }
            }
        }
    }
}

//! The adaptive heartbeat interval: the article's rule, in exact integer arithmetic
//! (`PROTOCOL.md` §6).

use crate::frame::Network;
use crate::server::Millis;

/// Silence after which a connection expires, unless configured, in milliseconds.
pub const DEFAULT_TIMEOUT_MS: u32 = 30_000;

/// No adapted interval is shorter, in milliseconds.
pub const MIN_INTERVAL_MS: u32 = 5_000;

/// The table: milliseconds between beats by network type.
#[must_use]
pub const fn base_ms(network: Network) -> u32 {
    match network {
        Network::FourG => 8_000,
        Network::ThreeG => 15_000,
        Network::TwoG => 30_000,
        Network::SlowTwoG => 60_000,
        Network::Other => 10_000,
    }
}

/// The numbers of one server: what a contract's `heartbeat {}` may set.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Table {
    /// Milliseconds between beats on 4G.
    pub four_g: u32,
    /// On 3G.
    pub three_g: u32,
    /// On 2G.
    pub two_g: u32,
    /// On slow 2G.
    pub slow_two_g: u32,
    /// On everything else.
    pub other: u32,
    /// No adapted interval is shorter, in milliseconds.
    pub floor: u32,
}

impl Default for Table {
    fn default() -> Self {
        Self {
            four_g: base_ms(Network::FourG),
            three_g: base_ms(Network::ThreeG),
            two_g: base_ms(Network::TwoG),
            slow_two_g: base_ms(Network::SlowTwoG),
            other: base_ms(Network::Other),
            floor: MIN_INTERVAL_MS,
        }
    }
}

impl Table {
    /// Milliseconds between beats by network type.
    #[must_use]
    pub const fn base_ms(&self, network: Network) -> u32 {
        match network {
            Network::FourG => self.four_g,
            Network::ThreeG => self.three_g,
            Network::TwoG => self.two_g,
            Network::SlowTwoG => self.slow_two_g,
            Network::Other => self.other,
        }
    }
}

/// The last three round trips.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Rtts {
    last: Option<u64>,
    second: Option<u64>,
    third: Option<u64>,
}

/// Round trips above this are counted as this much: one hour, far above any timeout, and small
/// enough that no product overflows.
const CAP_MS: u64 = 3_600_000;

impl Rtts {
    /// Takes a new sample; the oldest of three falls out.
    pub fn push(&mut self, rtt_ms: u64) {
        self.third = self.second;
        self.second = self.last;
        self.last = Some(rtt_ms.min(CAP_MS));
    }

    /// The latest sample.
    #[must_use]
    pub const fn last(&self) -> Option<u64> {
        self.last
    }

    /// Milliseconds between beats on a base: when the standard deviation of the last three samples
    /// exceeds 50 ms, `max(5000, round(base × min(1.8, 1 + (rtt − 100)/200)))` with `rtt` the
    /// latest sample; else, and before there are three, the base.
    #[must_use]
    pub fn interval_ms(&self, base_ms: u32) -> u32 {
        self.interval_above(base_ms, MIN_INTERVAL_MS)
    }

    /// The same with another floor than 5,000 ms.
    #[must_use]
    pub fn interval_above(&self, base_ms: u32, floor_ms: u32) -> u32 {
        let (Some(a), Some(b), Some(c)) = (self.last, self.second, self.third) else { return base_ms };
        // Population deviation > 50 ⇔ 3·Σx² − (Σx)² > 50²·3²: no square root, no rounding.
        let sum = a + b + c;
        if 3 * (a * a + b * b + c * c) - sum * sum <= 22_500 {
            return base_ms;
        }
        // base × min(1.8, 1 + (rtt − 100)/200) = base × min(360, 100 + rtt) / 200, half up.
        let scaled = (u64::from(base_ms) * (100 + a).min(360) + 100) / 200;
        u32::try_from(scaled).unwrap_or(u32::MAX).max(floor_ms)
    }
}

/// When a silent peer is pinged out of turn, before it expires: two thirds into the timeout. With
/// the table alone, a healthy peer on a slow network (a beat each 60 s) would expire at 30 s.
#[must_use]
pub fn probe_after(timeout_ms: u32) -> Millis {
    u64::from(timeout_ms) * 2 / 3
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn after(base: u32, samples: &[u64]) -> u32 {
        let mut rtts = Rtts::default();
        for s in samples {
            rtts.push(*s);
        }
        rtts.interval_ms(base)
    }

    /// Fails if a row of the published table is wrong.
    #[test]
    fn the_base_follows_the_table() {
        let table = [("4g", 8_000), ("3g", 15_000), ("2g", 30_000), ("slow-2g", 60_000), ("other", 10_000)];
        for (name, ms) in table {
            let network: Network = serde_json::from_str(&alloc::format!("\"{name}\"")).unwrap();
            assert_eq!(base_ms(network), ms, "{name}");
        }
    }

    /// Fails if the threshold, the clamps, the choice of the latest sample or the rounding differ
    /// from the published formula.
    #[test]
    fn the_interval_follows_the_published_formula() {
        // Fewer than three samples, or calm: the base.
        assert_eq!(after(8_000, &[]), 8_000);
        assert_eq!(after(8_000, &[10, 900]), 8_000);
        assert_eq!(after(8_000, &[100, 100, 100]), 8_000);
        assert_eq!(after(8_000, &[900, 900, 900]), 8_000);
        // Deviation of {0, 0, 106} is 49.97, of {0, 0, 107} 50.44.
        assert_eq!(after(10_000, &[0, 0, 106]), 10_000);
        assert_eq!(after(10_000, &[0, 0, 107]), 10_350);
        // Jittery and slow: longer, at most 1.8 ×.
        assert_eq!(after(8_000, &[20, 50, 200]), 12_000);
        assert_eq!(after(8_000, &[20, 50, 260]), 14_400);
        assert_eq!(after(8_000, &[20, 50, 5_000]), 14_400);
        assert_eq!(after(60_000, &[20, 50, 5_000]), 108_000);
        // Jittery but fast now: shorter, at least 5 s.
        assert_eq!(after(8_000, &[400, 300, 50]), 6_000);
        assert_eq!(after(8_000, &[400, 300, 10]), 5_000);
        // Only the last three count.
        assert_eq!(after(8_000, &[4_000, 100, 100, 100]), 8_000);
    }

    proptest! {
        /// Fails if integer arithmetic ever departs from the formula as written in floating point.
        #[test]
        fn integers_equal_the_formula(base in 5_000u32..70_000, x in 0u64..3_000, y in 0u64..3_000, z in 0u64..3_000) {
            let s = [x as f64, y as f64, z as f64];
            let mean = s.iter().sum::<f64>() / 3.0;
            let deviation = (s.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / 3.0).sqrt();
            prop_assume!((deviation - 50.0).abs() > 1e-9);
            // Multiplied out, so that the oracle's own rounding is exact at halves.
            let scaled = (f64::from(base) * (1.8f64 * 200.0).min(200.0 + (z as f64 - 100.0)) / 200.0).round();
            let expected = if deviation > 50.0 { scaled.max(5_000.0) } else { f64::from(base) };
            prop_assert_eq!(f64::from(after(base, &[x, y, z])), expected);
        }
    }
}

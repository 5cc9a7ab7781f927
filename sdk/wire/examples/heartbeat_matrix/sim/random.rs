//! Seeded random numbers.

/// SplitMix64.
#[derive(Debug, Clone)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// At least `from`, below `to`.
    pub(crate) fn between(&mut self, from: f64, to: f64) -> f64 {
        let unit = (self.next() >> 11) as f64 / (1u64 << 53) as f64;
        from + unit * (to - from)
    }

    /// A whole number of milliseconds.
    pub(crate) fn ms(&mut self, from: f64, to: f64) -> u64 {
        self.between(from, to) as u64
    }

    /// The wait for something that comes after `mean` on average, whenever it came last.
    pub(crate) fn wait_ms(&mut self, mean: f64) -> u64 {
        (-self.between(f64::MIN_POSITIVE, 1.0).ln() * mean) as u64
    }
}

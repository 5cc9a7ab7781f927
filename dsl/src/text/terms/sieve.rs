//! Which transitions there may be.

/// Bits for each transition. With eight, one question in eight is answered wrongly with yes.
const BITS: usize = 8;

/// A set of transitions that is small enough for the cache and never misses one: most characters
/// continue no term, and are refused here without a search among those that do.
#[derive(Debug)]
pub(super) struct Sieve {
    words: Vec<u64>,
    /// How far a hash is shifted down to the number of a bit.
    shift: u32,
}

impl Sieve {
    /// An empty set with room for this many transitions.
    pub(super) fn new(transitions: usize) -> Self {
        let bits = (transitions * BITS).next_power_of_two().max(64);
        Self { words: vec![0; bits / 64], shift: u64::BITS - bits.trailing_zeros() }
    }

    pub(super) fn add(&mut self, state: u32, c: char) {
        let (word, bit) = self.place(state, c);
        if let Some(word) = self.words.get_mut(word) {
            *word |= bit;
        }
    }

    /// Whether the transition may have been added.
    #[inline]
    pub(super) fn may_hold(&self, state: u32, c: char) -> bool {
        let (word, bit) = self.place(state, c);
        self.words.get(word).is_some_and(|word| word & bit != 0)
    }

    fn place(&self, state: u32, c: char) -> (usize, u64) {
        let hash = scatter(u64::from(state) << 21 | u64::from(u32::from(c)));
        let bit = usize::try_from(hash >> self.shift).unwrap_or_default();
        (bit / 64, 1 << (bit % 64))
    }
}

/// Fibonacci hashing: the high bits depend on all of the key.
pub(super) fn scatter(key: u64) -> u64 {
    key.wrapping_mul(0x9E37_79B9_7F4A_7C15)
}

//! Where no term begins, told from three characters.

use super::sieve::scatter;

/// Bits for each term, of which it sets two.
const BITS: usize = 32;

/// The beginnings of terms, as a blocked Bloom filter: what is asked of two characters and the third lies in
/// one word, chosen by the two. It never misses a beginning, so that where it knows none there is none; that
/// is nearly everywhere in nearly every text, with many terms or few, at one memory access a character.
///
/// Source: Putze, Sanders and Singler, "Cache-, hash- and space-efficient Bloom filters" (2009).
#[derive(Debug)]
pub(super) struct Scout {
    words: Vec<u64>,
    /// How far a hash is shifted down to the number of a word.
    shift: u32,
    /// There are terms of one character.
    singles: bool,
}

/// The word of a pair of characters, and the hash that chose it.
struct Cell {
    word: usize,
    hash: u64,
}

impl Scout {
    /// Characters of a term that it knows.
    pub(super) const DEPTH: usize = 3;

    /// Knows no beginning yet, and has room for those of this many terms.
    pub(super) fn new(terms: usize) -> Self {
        let words = (terms * BITS).div_ceil(64).next_power_of_two().max(2);
        Self { words: vec![0; words], shift: u64::BITS - words.trailing_zeros(), singles: false }
    }

    /// Adds a folded term, of which no more than the first three characters are asked for.
    pub(super) fn add(&mut self, term: &[char]) {
        match *term {
            [] => {}
            [first] => {
                let cell = self.cell(first, '\0');
                self.singles = true;
                self.set(&cell, cell.whole());
            }
            [first, second, ref rest @ ..] => {
                let cell = self.cell(first, second);
                self.set(&cell, cell.prefix() | rest.first().map_or(cell.whole(), |third| cell.third(*third)));
            }
        }
    }

    /// Whether a term may begin with the first of these characters. Of one that is not known yet, anything is
    /// expected; the first is one that terms begin with.
    #[inline]
    pub(super) fn expects(&self, first: char, second: Option<char>, third: impl FnOnce() -> Option<char>) -> bool {
        if self.singles {
            let cell = self.cell(first, '\0');
            if self.has(&cell, cell.whole()) {
                return true;
            }
        }
        let Some(second) = second else { return true };
        let cell = self.cell(first, second);
        self.has(&cell, cell.prefix())
            && (self.has(&cell, cell.whole()) || third().is_none_or(|third| self.has(&cell, cell.third(third))))
    }

    fn cell(&self, first: char, second: char) -> Cell {
        let hash = scatter(u64::from(u32::from(first)) << 21 | u64::from(u32::from(second)));
        Cell { word: usize::try_from(hash >> self.shift).unwrap_or_default(), hash }
    }

    fn has(&self, cell: &Cell, bit: u64) -> bool {
        self.words.get(cell.word).is_some_and(|word| word & bit != 0)
    }

    fn set(&mut self, cell: &Cell, bit: u64) {
        if let Some(word) = self.words.get_mut(cell.word) {
            *word |= bit;
        }
    }
}

impl Cell {
    /// Of a pair that terms begin with.
    fn prefix(&self) -> u64 {
        1 << (self.hash >> 32 & 63)
    }

    /// Of a pair, or a single character, that is a whole term.
    fn whole(&self) -> u64 {
        1 << (self.hash >> 26 & 63)
    }

    /// Of a pair and the character behind it that terms begin with.
    fn third(&self, third: char) -> u64 {
        1 << (scatter(self.hash ^ u64::from(u32::from(third))) >> 58)
    }
}

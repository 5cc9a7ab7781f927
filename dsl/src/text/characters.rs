//! Counting characters as people do.

use super::profile::{self, Profile};

/// Counts characters without white space: a base with its marks is one, and so is an emoji with its
/// modifiers, joined parts or flag halves. What shows nothing is not counted.
///
/// This is the number of extended grapheme clusters (UAX #29) that are not white space, except that
/// conjoining Hangul jamo count one by one; unlike those, it is known as soon as a character arrives.
#[derive(Debug, Clone, Copy, Default)]
pub struct Characters {
    count: u64,
    joined: bool,
    /// The last character was the first half of a flag.
    flag: bool,
}

/// How a character counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// Wherever it stands.
    Solid,
    /// Unless it is joined to the one before.
    Loose,
    /// The half of a flag.
    Half,
    /// It joins what stands beside it.
    Joiner,
    /// Nowhere: it shows nothing, or belongs to the one before.
    Nothing,
}

impl Weight {
    pub(super) fn of(c: char) -> Self {
        match c {
            '\u{200D}' => Self::Joiner,
            '\u{1F1E6}'..='\u{1F1FF}' => Self::Half,
            '\u{1F3FB}'..='\u{1F3FF}' => Self::Nothing,
            c if c.is_ascii_graphic() => Self::Solid,
            c if c.is_whitespace() || super::fold::is_ignorable(c) || profile::is_mark(c) => Self::Nothing,
            c if c.is_alphanumeric() => Self::Solid,
            _ => Self::Loose,
        }
    }
}

impl Characters {
    /// Takes the next character and says whether it counts.
    pub fn push(&mut self, c: char) -> bool {
        self.read(profile::of(c))
    }

    #[inline]
    pub(crate) fn read(&mut self, profile: &Profile) -> bool {
        let weight = profile.weight;
        let joined = std::mem::replace(&mut self.joined, weight == Weight::Joiner);
        let second = weight == Weight::Half && self.flag;
        self.flag = weight == Weight::Half && !second;
        let counts = weight == Weight::Solid
            || (weight == Weight::Loose && !joined)
            || (weight == Weight::Half && !joined && !second);
        self.count += u64::from(counts);
        counts
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

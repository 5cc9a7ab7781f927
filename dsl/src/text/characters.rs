//! Counting characters as people do.

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

impl Characters {
    /// Takes the next character and says whether it counts.
    pub fn push(&mut self, c: char) -> bool {
        let joined = std::mem::replace(&mut self.joined, c == '\u{200D}');
        let half = matches!(c, '\u{1F1E6}'..='\u{1F1FF}');
        let second = half && self.flag;
        self.flag = half && !second;
        let counts = c.is_ascii_graphic()
            || !(c.is_whitespace()
                || super::fold::is_ignorable(c)
                || unicode_normalization::char::is_combining_mark(c)
                || matches!(c, '\u{1F3FB}'..='\u{1F3FF}')
                || second
                || (joined && !c.is_alphanumeric()));
        self.count += u64::from(counts);
        counts
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }
}

/// Characters of a text.
const MAX_CHARS: usize = 2_048;
/// Instructions that a pair of characters counts as; strsim takes 2 ns for it.
const PAIR: u64 = 2;

/// Two texts to compare.
#[derive(Debug)]
pub(super) struct Task<'a> {
    a: &'a str,
    b: &'a str,
    pairs: usize,
}

/// A text is too long to compare.
#[derive(Debug)]
pub(super) struct TooLong;

impl<'a> Task<'a> {
    pub(super) fn new(a: &'a str, b: &'a str) -> Result<Self, TooLong> {
        // A byte count bounds the work of counting.
        let chars = |text: &str| {
            let fits = text.len() <= MAX_CHARS * 4;
            fits.then(|| text.chars().count()).filter(|chars| *chars <= MAX_CHARS).ok_or(TooLong)
        };
        Ok(Self { a, b, pairs: chars(a)? * chars(b)? })
    }

    /// What it counts as.
    pub(super) fn instructions(&self) -> u64 {
        PAIR * self.pairs as u64
    }

    pub(super) fn run(&self) -> f64 {
        strsim::normalized_levenshtein(self.a, self.b)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_are_compared_by_characters() {
        let alike = |a: &str, b: &str| Task::new(a, b).map(|task| task.run());
        assert!((alike("你好吗", "你好").unwrap() - 2.0 / 3.0).abs() < 1e-12);
        assert!((alike("", "").unwrap() - 1.0).abs() < 1e-12);
    }

    #[test]
    fn long_texts_cost_and_longer_ones_are_refused() {
        let long = "字".repeat(MAX_CHARS);
        assert_eq!(Task::new(&long, &long).unwrap().instructions(), 8_388_608);
        assert!(Task::new(&long, &format!("{long}字")).is_err());
        assert!(Task::new("", &"a".repeat(MAX_CHARS * 4 + 1)).is_err());
    }
}

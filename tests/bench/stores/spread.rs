//! Rounds of the same measurement: their middle, and how far they are apart.

/// The middle of some rounds.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) median: f64,
    pub(crate) low: f64,
    pub(crate) high: f64,
}

impl Spread {
    /// Of one figure per round; all 0 without any.
    pub(crate) fn of(rounds: impl IntoIterator<Item = f64>) -> Self {
        let mut rounds: Vec<f64> = rounds.into_iter().collect();
        rounds.sort_by(f64::total_cmp);
        let at = |place: usize| rounds.get(place).copied().unwrap_or_default();
        let last = rounds.len().saturating_sub(1);
        Self { median: f64::midpoint(at(last / 2), at(last.div_ceil(2))), low: at(0), high: at(last) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when the middle of an even number of rounds is one of them, or an end is missed.
    #[test]
    fn the_middle_is_between_the_ends() {
        let (odd, even) = (Spread::of([3.0, 1.0, 2.0]), Spread::of([4.0, 1.0, 2.0, 3.0]));
        assert_eq!((odd.low, odd.median, odd.high), (1.0, 2.0, 3.0));
        assert_eq!((even.low, even.median, even.high), (1.0, 2.5, 4.0));
        assert_eq!(Spread::of([]).median, 0.0);
    }
}

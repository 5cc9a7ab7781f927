//! Percentiles.

/// For each of these percentages the value up to which so many of the values lie.
pub(crate) fn of<const N: usize>(mut values: Vec<f64>, percentages: [usize; N]) -> [f64; N] {
    values.sort_by(f64::total_cmp);
    percentages.map(|percent| {
        let rank = (values.len() * percent).div_ceil(100).max(1);
        values.get(rank - 1).copied().unwrap_or_default()
    })
}

#[cfg(test)]
mod tests {
    // Fails when the highest value hides behind a percentage, or a middle one is taken for it.
    #[test]
    fn a_percentage_is_the_value_of_its_rank() {
        let values = (1..=200).rev().map(f64::from).collect();
        assert_eq!(super::of(values, [50, 99, 100]), [100.0, 198.0, 200.0]);
        assert_eq!(super::of(Vec::new(), [99]), [0.0]);
    }
}

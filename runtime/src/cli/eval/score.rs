//! Figures of a labelled set.

use serde::Serialize;

/// The 97.5 % quantile of the normal distribution: intervals are of 95 %.
const Z: f64 = 1.959_964;

/// How decisions and labels meet.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Confusion {
    /// Found, and rightly.
    #[serde(rename = "true_positives")]
    pub(super) tp: u64,
    /// Found, and wrongly.
    #[serde(rename = "false_positives")]
    pub(super) fp: u64,
    /// Not found, and wrongly.
    #[serde(rename = "false_negatives")]
    pub(super) fn_: u64,
    /// Not found, and rightly.
    #[serde(rename = "true_negatives")]
    pub(super) tn: u64,
}

impl Confusion {
    /// One decision.
    pub(super) fn of(wanted: bool, found: bool) -> Self {
        let mut confusion = Self::default();
        confusion.add(wanted, found);
        confusion
    }

    /// Counts a decision.
    pub(super) fn add(&mut self, wanted: bool, found: bool) {
        match (wanted, found) {
            (true, true) => self.tp += 1,
            (false, true) => self.fp += 1,
            (true, false) => self.fn_ += 1,
            (false, false) => self.tn += 1,
        }
    }

    /// The share of what was found that is right; nothing when nothing was found.
    pub(super) fn precision(self) -> Option<f64> {
        ratio(self.tp, self.tp + self.fp)
    }

    /// The share of what is right that was found; nothing when nothing is right.
    pub(super) fn recall(self) -> Option<f64> {
        ratio(self.tp, self.tp + self.fn_)
    }

    /// The harmonic mean of both.
    pub(super) fn f1(self) -> Option<f64> {
        ratio(2 * self.tp, 2 * self.tp + self.fp + self.fn_)
    }
}

impl std::ops::AddAssign for Confusion {
    fn add_assign(&mut self, other: Self) {
        self.tp += other.tp;
        self.fp += other.fp;
        self.fn_ += other.fn_;
        self.tn += other.tn;
    }
}

/// Of how many, how many; nothing of none.
pub(super) fn ratio(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| real(part) / real(whole))
}

/// Wilson's interval of 95 % around a share: where the true one likely lies, given so few cases.
pub(super) fn wilson(part: u64, whole: u64) -> Option<(f64, f64)> {
    let share = ratio(part, whole)?;
    let n = real(whole);
    let scale = 1.0 + Z * Z / n;
    let middle = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt() / scale;
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

#[allow(clippy::cast_precision_loss, reason = "counts of cases stay far below 2^53")]
fn real(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use super::{Confusion, wilson};

    // Fails when a figure divides by the wrong sum. The interval is the one of Newcombe (1998), table I.
    #[test]
    fn figures_are_the_textbooks() {
        let confusion = Confusion { tp: 6, fp: 2, fn_: 4, tn: 8 };
        assert_eq!((confusion.precision(), confusion.recall()), (Some(0.75), Some(0.6)));
        assert!((confusion.f1().unwrap() - 2.0 / 3.0).abs() < 1e-12);
        let (low, high) = wilson(81, 263).unwrap();
        assert!((low - 0.2553).abs() < 5e-5 && (high - 0.3662).abs() < 5e-5, "{low} {high}");
        let (low, high) = wilson(0, 20).unwrap();
        assert!(low == 0.0 && (high - 0.1611).abs() < 5e-5, "{low} {high}");
        assert_eq!((Confusion::default().precision(), wilson(0, 0)), (None, None));
    }
}

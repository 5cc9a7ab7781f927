//! How often a model kept a contract, and how sure one can be of it.

use rolecall_wire::frame::Outcome;
use serde::{Deserialize, Serialize};

/// The 97.5th percentile of the normal distribution: intervals are 95 % intervals.
const Z: f64 = 1.959_963_985;

/// The turns of one role, counted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Tally {
    /// User turns, each answered `repeat` times.
    pub(super) cases: usize,
    /// How often each was answered.
    pub(super) repeat: usize,
    /// Turns in all.
    pub(super) turns: usize,
    /// Turns in which a reply of the model got through, repairs included.
    pub(super) kept: usize,
    /// User turns of which every repetition was kept.
    pub(super) always: usize,
    /// Of the kept ones, those that needed a repair.
    pub(super) repaired: usize,
    /// Turns answered by the fallback.
    pub(super) fallback: usize,
    /// Turns without a complying reply.
    pub(super) refused: usize,
    /// Turns in which the model itself failed.
    pub(super) failed: usize,
}

impl Tally {
    /// Counts the repetitions of one user turn; `kept` says of each whether its reply keeps the contract.
    pub(super) fn add(&mut self, turns: &[(Outcome, bool)]) {
        self.cases += 1;
        self.repeat = self.repeat.max(turns.len());
        self.turns += turns.len();
        let own = |turn: &&(Outcome, bool)| turn.1 && matches!(turn.0, Outcome::Complete | Outcome::Repaired);
        let kept = turns.iter().filter(own).count();
        self.kept += kept;
        self.always += usize::from(kept == turns.len());
        let count = |outcome: Outcome| turns.iter().filter(|turn| turn.0 == outcome).count();
        self.repaired += count(Outcome::Repaired);
        self.fallback += count(Outcome::Fallback);
        self.refused += count(Outcome::Refused);
        self.failed += count(Outcome::Failed) + count(Outcome::Cancelled);
    }

    /// One line: pass^1, pass^N and what happened besides.
    pub(super) fn line(&self) -> String {
        let share = |good, all| {
            let (low, high) = wilson(good, all);
            format!("{:.0}% ({good} of {all}; 95% interval {:.0}–{:.0}%)", percent(good, all), low, high)
        };
        let mut line = format!("turns: pass^1 {}", share(self.kept, self.turns));
        if self.repeat > 1 {
            line.push_str(&format!(", pass^{} {}", self.repeat, share(self.always, self.cases)));
        }
        let others = [
            (self.repaired, "repaired"),
            (self.fallback, "by fallback"),
            (self.refused, "refused"),
            (self.failed, "failed"),
        ];
        let others: Vec<String> = others.iter().filter(|it| it.0 > 0).map(|it| format!("{} {}", it.0, it.1)).collect();
        if others.is_empty() { line } else { format!("{line}; {}", others.join(", ")) }
    }
}

/// Wilson's score interval of a share, in percent.
pub(super) fn wilson(good: usize, all: usize) -> (f64, f64) {
    if all == 0 {
        return (0.0, 100.0);
    }
    let (n, p) = (float(all), float(good) / float(all));
    let z2 = Z * Z;
    let centre = p + z2 / (2.0 * n);
    let spread = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt();
    let scale = 100.0 / (1.0 + z2 / n);
    (((centre - spread) * scale).max(0.0), ((centre + spread) * scale).min(100.0))
}

fn percent(good: usize, all: usize) -> f64 {
    if all == 0 { 0.0 } else { 100.0 * float(good) / float(all) }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn float(count: usize) -> f64 {
    count as f64
}

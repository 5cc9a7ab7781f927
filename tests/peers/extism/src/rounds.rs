//! Both in turn, so that whatever else the machine does meets both alike.

use anyhow::Result;

use crate::ours::Ours;
use crate::theirs::Theirs;

/// Rounds; each takes about a second of either.
const ROUNDS: usize = 15;

/// What one round shows of one host: medians of many calls, in µs; memory in KiB.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Costs {
    /// Making an instance and dropping it.
    pub(crate) fresh: f64,
    /// An instance, its policy and a check, all dropped.
    pub(crate) fresh_check: f64,
    /// A check on an instance that has checked before.
    pub(crate) live_check: f64,
    /// A piece without a character, of a reply that grows.
    pub(crate) empty: f64,
    /// Resident memory of an instance that has judged the text.
    pub(crate) resident: f64,
}

/// What all rounds show, of both.
#[derive(Debug)]
pub(crate) struct Rounds {
    ours: Vec<Costs>,
    theirs: Vec<Costs>,
}

impl Rounds {
    /// Measures, for half a minute. Who begins a round ends the next.
    pub(crate) fn run(ours: &Ours, theirs: &Theirs) -> Result<Self> {
        let mut rounds = Self { ours: Vec::with_capacity(ROUNDS), theirs: Vec::with_capacity(ROUNDS) };
        for round in 0..ROUNDS {
            if round % 2 == 0 {
                rounds.ours.push(ours.measure()?);
            }
            rounds.theirs.push(theirs.measure()?);
            if round % 2 == 1 {
                rounds.ours.push(ours.measure()?);
            }
        }
        Ok(rounds)
    }

    /// Theirs, ours, and how many times ours theirs is: medians over the rounds.
    pub(crate) fn beside(&self, cost: fn(&Costs) -> f64) -> (f64, f64, f64) {
        let of = |costs: &[Costs]| median(costs.iter().map(cost).collect());
        let times = self.theirs.iter().zip(&self.ours).map(|(theirs, ours)| cost(theirs) / cost(ours));
        (of(&self.theirs), of(&self.ours), median(times.collect()))
    }
}

/// The value in the middle; 0 of none.
pub(crate) fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or_default()
}

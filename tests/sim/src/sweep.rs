//! Many seeds, on several threads.

use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::count::Counts;
use crate::run::{Outcome, run};

/// One in so many seeds is run twice, and must come out the same.
const TWICE: u64 = 512;
/// Seeds that a thread takes at a time.
const CHUNK: u64 = 64;

/// What became of many seeds.
#[derive(Debug, Default)]
pub struct Swept {
    /// Seeds that were run.
    pub seeds: u64,
    /// Steps of them all.
    pub steps: u64,
    /// Virtual time of them all, in milliseconds.
    pub virtual_ms: u64,
    /// Seeds that were run twice.
    pub twice: u64,
    /// Seeds that came out otherwise the second time.
    pub unequal: Vec<u64>,
    /// What was met.
    pub counts: Counts,
    /// The first run, by seed, in which a property did not hold.
    pub violated: Option<Outcome>,
}

impl Swept {
    fn add(&mut self, outcome: Outcome) {
        self.seeds += 1;
        self.steps += outcome.steps;
        self.virtual_ms += outcome.ended_ms;
        self.counts.merge(&outcome.counts);
        let earlier = self.violated.as_ref().is_none_or(|known| outcome.seed < known.seed);
        if outcome.violation.is_some() && earlier {
            self.violated = Some(outcome);
        }
    }

    fn merge(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.steps += other.steps;
        self.virtual_ms += other.virtual_ms;
        self.twice += other.twice;
        self.unequal.extend(other.unequal);
        self.counts.merge(&other.counts);
        if let Some(theirs) = other.violated
            && self.violated.as_ref().is_none_or(|ours| theirs.seed < ours.seed)
        {
            self.violated = Some(theirs);
        }
    }
}

/// Runs `seeds` seeds from `from` on `jobs` threads, until one violates a property.
#[must_use]
pub fn sweep(from: u64, seeds: u64, jobs: usize) -> Swept {
    let next = AtomicU64::new(0);
    let total = Mutex::new(Swept::default());
    std::thread::scope(|scope| {
        for _ in 0..jobs.max(1) {
            scope.spawn(|| {
                let mut own = Swept::default();
                while own.violated.is_none() && own.unequal.is_empty() {
                    let start = next.fetch_add(CHUNK, Ordering::Relaxed);
                    if start >= seeds {
                        break;
                    }
                    for seed in start..seeds.min(start + CHUNK) {
                        one(&mut own, from.wrapping_add(seed));
                        if own.violated.is_some() {
                            break;
                        }
                    }
                }
                if own.violated.is_some() {
                    // The others stop as well.
                    next.store(seeds, Ordering::Relaxed);
                }
                if let Ok(mut total) = total.lock() {
                    total.merge(own);
                }
            });
        }
    });
    total.into_inner().unwrap_or_default()
}

fn one(own: &mut Swept, seed: u64) {
    let outcome = run(seed, false);
    if seed.is_multiple_of(TWICE) {
        own.twice += 1;
        if run(seed, true).hash != outcome.hash {
            own.unequal.push(seed);
        }
    }
    own.add(outcome);
}

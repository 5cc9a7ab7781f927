//! One seed's run.

use crate::count::Counts;
use crate::property::Violation;
use crate::world::World;

/// What became of a run.
#[derive(Debug)]
pub struct Outcome {
    /// The seed.
    pub seed: u64,
    /// Stands for everything that happened.
    pub hash: u64,
    /// Steps taken.
    pub steps: u64,
    /// Virtual time at the end, in milliseconds.
    pub ended_ms: u64,
    /// What was met.
    pub counts: Counts,
    /// The property that did not hold, if one did not.
    pub violation: Option<Violation>,
    /// The trace, if it was asked for.
    pub lines: Vec<String>,
}

/// Runs a seed. Everything follows from it, with `lines` or without.
#[must_use]
pub fn run(seed: u64, lines: bool) -> Outcome {
    let mut world = World::new(seed, lines);
    let held = world.live().and_then(|()| {
        world.heal();
        world.settle()
    });
    let (steps, ended_ms, counts) = (world.trace.steps(), world.now, world.counts);
    let (hash, lines) = world.trace.finish();
    Outcome { seed, hash, steps, ended_ms, counts, violation: held.err(), lines }
}

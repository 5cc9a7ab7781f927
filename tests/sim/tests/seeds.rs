//! A bounded number of seeds; `make sim` runs a million.
#![allow(clippy::unwrap_used, reason = "a test stops at the first surprise")]

use std::collections::HashSet;

use rolecall_sim::count::Count;
use rolecall_sim::run::run;
use rolecall_sim::sweep::sweep;

/// Enough to meet everything that a run can meet.
const SEEDS: u64 = 3_000;

/// Fails if a promise of the protocol is broken, if a seed does not come out the same twice, or if the
/// simulation has become so tame that it does not meet something any more.
#[test]
fn every_promise_is_kept_and_everything_is_met() {
    let swept = sweep(0, SEEDS, 2);
    if let Some(outcome) = &swept.violated {
        let violation = outcome.violation.as_ref().unwrap();
        panic!("seed {}: {violation}\nreplay it: rolecall-sim --seed {} --trace", outcome.seed, outcome.seed);
    }
    assert_eq!((swept.seeds, swept.unequal), (SEEDS, vec![]));
    assert!(swept.twice > 3);
    let missed: Vec<&str> =
        Count::ALL.iter().filter(|count| swept.counts.of(**count) == 0).map(|count| count.text()).collect();
    assert!(missed.is_empty(), "never met: {missed:?}");
    assert!(swept.steps > 100 * SEEDS, "runs are too short: {} steps", swept.steps);
}

/// Fails if a run does not follow from its seed, or all seeds are one.
#[test]
fn a_seed_replays_bit_for_bit() {
    let mut hashes = HashSet::new();
    for seed in 1_000_000..1_000_040 {
        let (first, second, silent) = (run(seed, true), run(seed, true), run(seed, false));
        assert_eq!(first.lines, second.lines, "seed {seed}");
        assert_eq!((first.hash, first.steps), (second.hash, second.steps), "seed {seed}");
        assert_eq!(first.hash, silent.hash, "seed {seed}: what is said changes what happens");
        hashes.insert(first.hash);
    }
    assert_eq!(hashes.len(), 40);
}

//! The comparison of `HEARTBEAT.md`, on a reduced matrix: its direction must hold.
#![allow(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a simulation whose figures are approximate"
)]

#[path = "../examples/heartbeat_matrix/sim/mod.rs"]
mod sim;

use rolecall_wire::heartbeat::Mode;
use sim::cell::Cell;
use sim::policy::Policy;
use sim::run::{Scenario, run};
use sim::tally::Tally;

fn total(policy: Policy) -> Tally {
    let mut total = Tally::default();
    for cell in Cell::matrix(&[5.0, 200.0, 2_000.0], &[0.0, 0.01, 0.2], &[30.0, 120.0]) {
        for seed in 0..2 {
            total.add(&run(&policy, cell, Scenario { seed, hours: 4, chats: true }));
        }
    }
    total
}

/// Fails if the learned heartbeat finds dead peers later, loses more connections, or costs more
/// bytes than a policy that it is said to be ahead of.
#[test]
fn adaptive_is_ahead_of_the_others() {
    let fixed = |interval_s, timeout_s| Policy::Fixed { interval_s, timeout_s };
    let adaptive = |timeout_ms| Policy::Ours { mode: Mode::Adaptive, timeout_ms };
    let ahead = |ours: &Tally, policy: Policy| {
        let theirs = total(policy);
        let name = policy.name();
        // Deaths come alike to all; who misses one meets fewer, for the link stays dead.
        let (found, by_them) = (ours.detected_ms.len() as f64, theirs.detected_ms.len() as f64);
        assert!(found >= 0.95 * by_them, "{name}: {found} dead peers found, by it {by_them}");
        for share in [0.5, 0.99] {
            let (ours, theirs) = (ours.detection_s(share), theirs.detection_s(share));
            assert!(ours <= theirs, "{name}: dead peers found in {ours} s, by it in {theirs} s");
        }
        assert!(ours.lost() <= theirs.lost(), "{name}: {} lost, by it {}", ours.lost(), theirs.lost());
        let (ours, theirs) = (ours.bytes_per_h(), theirs.bytes_per_h());
        assert!(ours <= theirs, "{name}: {ours} bytes per hour, by it {theirs}");
    };
    let by_default = total(adaptive(30_000));
    ahead(&by_default, Policy::Ours { mode: Mode::Table, timeout_ms: 30_000 });
    ahead(&by_default, fixed(25, 8));
    ahead(&by_default, fixed(30, 30));
    ahead(&total(adaptive(24_000)), fixed(15, 10));
}

/// Fails if a run does not follow from its seed.
#[test]
fn a_run_replays() {
    let cell = Cell { rtt_ms: 200.0, loss: 0.05, nat_ms: 60_000.0 };
    let policy = Policy::Ours { mode: Mode::Adaptive, timeout_ms: 30_000 };
    let once = || run(&policy, cell, Scenario { seed: 3, hours: 5, chats: true });
    let (first, second) = (once(), once());
    assert_eq!((&first.detected_ms, first.beat_bytes), (&second.detected_ms, second.beat_bytes));
    assert!(!first.detected_ms.is_empty());
}

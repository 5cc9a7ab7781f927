//! Prints the tables of `HEARTBEAT.md`:
//!
//! ```text
//! cargo run --release -p rolecall-wire --example heartbeat_matrix [-- FIRST_SEED]
//! ```
#![allow(
    missing_docs,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a program that prints a table of approximate figures"
)]

mod sim;

use rolecall_wire::heartbeat::Mode;
use sim::cell::Cell;
use sim::policy::Policy;
use sim::run::{Scenario, run};
use sim::tally::Tally;

const RTTS: [f64; 5] = [5.0, 50.0, 200.0, 800.0, 2_000.0];
const LOSSES: [f64; 4] = [0.0, 0.01, 0.05, 0.2];
const NATS: [f64; 4] = [30.0, 60.0, 120.0, 300.0];
const SEEDS: u64 = 4;
const HOURS: u64 = 20;

/// Cells with what a policy did in each.
type Sweep = Vec<(Cell, Tally)>;

fn main() -> Result<(), std::num::ParseIntError> {
    let first = std::env::args().nth(1).map_or(Ok(0), |seed| seed.parse())?;
    let fixed = |interval_s, timeout_s| Policy::Fixed { interval_s, timeout_s };
    let ours = |mode, timeout_ms| Policy::Ours { mode, timeout_ms };
    let policies = [
        ours(Mode::Adaptive, 30_000),
        ours(Mode::Adaptive, 24_000),
        ours(Mode::Table, 30_000),
        fixed(25, 8),
        fixed(15, 10),
        fixed(30, 30),
    ];
    let cells = Cell::matrix(&RTTS, &LOSSES, &NATS);
    let sweeps: Vec<(Policy, Sweep)> =
        policies.iter().map(|policy| (*policy, sweep(policy, &cells, first, true))).collect();
    table("Sessions that chat more than a third of the time", &sweeps);
    by_part("round trip", &sweeps, &RTTS, |cell| cell.rtt_ms, " ms");
    by_part("loss", &sweeps, &LOSSES, |cell| cell.loss, "");
    let idle: Vec<(Policy, Sweep)> =
        policies.iter().map(|policy| (*policy, sweep(policy, &cells, first, false))).collect();
    table("Sessions that never say anything", &idle);
    let patient = [ours(Mode::Adaptive, 300_000), fixed(240, 60), fixed(120, 60), fixed(55, 60)];
    let patient: Vec<(Policy, Sweep)> =
        patient.iter().map(|policy| (*policy, sweep(policy, &cells, first, false))).collect();
    table("Battery before speed: a timeout of five minutes, and nothing said", &patient);
    Ok(())
}

fn sweep(policy: &Policy, cells: &[Cell], first: u64, chats: bool) -> Sweep {
    let cell = |cell: &Cell| {
        let mut total = Tally::default();
        for seed in first..first + SEEDS {
            total.add(&run(policy, *cell, Scenario { seed, hours: HOURS, chats }));
        }
        (*cell, total)
    };
    cells.iter().map(cell).collect()
}

fn sum<'t>(tallies: impl Iterator<Item = &'t Tally>) -> Tally {
    let mut total = Tally::default();
    tallies.for_each(|tally| total.add(tally));
    total
}

fn table(title: &str, sweeps: &[(Policy, Sweep)]) {
    println!("### {title}\n");
    println!(
        "| policy | dead peer found, p50 | p99 | live peers closed | NAT mappings lost | both | beats | with reconnects |"
    );
    println!("|---|--:|--:|--:|--:|--:|--:|--:|");
    for (policy, sweep) in sweeps {
        let tally = sum(sweep.iter().map(|(_, tally)| tally));
        println!(
            "| {} | {:.1} s | {:.1} s | {:.0} | {:.0} | {:.0} | {:.1} kB/h | {:.1} kB/h |",
            policy.name(),
            tally.detection_s(0.5),
            tally.detection_s(0.99),
            tally.per_1000_h(tally.false_closes),
            tally.per_1000_h(tally.nat_losses),
            tally.lost(),
            tally.beats_per_h() / 1_000.0,
            tally.bytes_per_h() / 1_000.0,
        );
    }
    println!();
}

fn by_part(name: &str, sweeps: &[(Policy, Sweep)], values: &[f64], of: fn(&Cell) -> f64, unit: &str) {
    println!("### By {name}: p99 of detection; connections lost per 1,000 h; kB/h with reconnects\n");
    let names: Vec<String> = sweeps.iter().map(|(policy, _)| policy.name()).collect();
    println!("| {name} | {} |\n|---|{}", names.join(" | "), "---|".repeat(names.len()));
    for value in values {
        let part = |(_, sweep): &(Policy, Sweep)| {
            let tally = sum(sweep.iter().filter(|(cell, _)| of(cell) == *value).map(|(_, tally)| tally));
            format!("{:.1} s; {:.0}; {:.0}", tally.detection_s(0.99), tally.lost(), tally.bytes_per_h() / 1_000.0)
        };
        let parts: Vec<String> = sweeps.iter().map(part).collect();
        println!("| {value}{unit} | {} |", parts.join(" | "));
    }
    println!();
}

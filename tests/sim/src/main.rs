//! `rolecall-sim`: runs seeds of the simulator, or replays one.

use std::io::Write;
use std::process::ExitCode;
use std::time::Instant;

use anyhow::Result;
use clap::Parser;
use rolecall_sim::count::Count;
use rolecall_sim::run::{Outcome, run};
use rolecall_sim::sweep::{Swept, sweep};

/// Lines of a trace that are shown when a property did not hold.
const LAST: usize = 60;

/// Runs the session protocol in a simulated world, once per seed, and checks its promises after every step.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// How many seeds to run.
    #[arg(long, default_value_t = 10_000)]
    seeds: u64,
    /// The first seed.
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Threads; by default one per processor.
    #[arg(long)]
    jobs: Option<usize>,
    /// Replay this seed only.
    #[arg(long, conflicts_with_all = ["seeds", "from"])]
    seed: Option<u64>,
    /// With `--seed`: show every step.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Do not say what was met.
    #[arg(long)]
    quiet: bool,
    /// Say in one line what did not hold.
    #[arg(long)]
    brief: bool,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let mut out = std::io::stdout().lock();
    if let Some(seed) = arguments.seed {
        let outcome = run(seed, true);
        let lines = if arguments.trace { outcome.lines.len() } else { 0 };
        report(&mut out, &outcome, lines)?;
        return Ok(if outcome.violation.is_some() { ExitCode::FAILURE } else { ExitCode::SUCCESS });
    }
    let jobs = arguments.jobs.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
    #[allow(clippy::disallowed_methods, reason = "how fast the runs are, which no run knows")]
    let start = Instant::now();
    let swept = sweep(arguments.from, arguments.seeds, jobs);
    let seconds = start.elapsed().as_secs_f64();
    if !arguments.quiet {
        summary(&mut out, &swept, seconds, jobs)?;
    }
    if let (true, Some(Outcome { seed, violation: Some(violation), .. })) = (arguments.brief, &swept.violated) {
        let (property, detail, seeds) = (violation.property, &violation.detail, swept.seeds);
        writeln!(out, "{property:?} after {seeds} seeds, seed {seed}: {detail}")?;
        return Ok(ExitCode::FAILURE);
    }
    if let Some(violated) = &swept.violated {
        // Once more, with words.
        report(&mut out, &run(violated.seed, true), LAST)?;
        writeln!(out, "replay it: rolecall-sim --seed {} --trace", violated.seed)?;
        writeln!(out, "found after {} seeds", swept.seeds)?;
        return Ok(ExitCode::FAILURE);
    }
    if !swept.unequal.is_empty() {
        writeln!(out, "these seeds came out otherwise the second time: {:?}", swept.unequal)?;
        return Ok(ExitCode::FAILURE);
    }
    writeln!(out, "{} seeds, 0 violations; {} of them run twice with equal traces", swept.seeds, swept.twice)?;
    Ok(ExitCode::SUCCESS)
}

fn report(out: &mut impl Write, outcome: &Outcome, last: usize) -> Result<()> {
    let skipped = outcome.lines.len().saturating_sub(last);
    for line in outcome.lines.iter().skip(skipped) {
        writeln!(out, "{line}")?;
    }
    let Outcome { seed, hash, steps, ended_ms, .. } = outcome;
    writeln!(out, "seed {seed}: {steps} steps, {ended_ms} ms of virtual time, trace hash {hash:016x}")?;
    match &outcome.violation {
        Some(violation) => writeln!(out, "VIOLATION {violation}")?,
        None => writeln!(out, "every property held")?,
    }
    Ok(())
}

fn summary(out: &mut impl Write, swept: &Swept, seconds: f64, jobs: usize) -> Result<()> {
    for count in Count::ALL {
        writeln!(out, "  {:<44} {:>12}", count.text(), swept.counts.of(*count))?;
    }
    let (seeds, steps) = (swept.seeds as f64, swept.steps as f64);
    let days = swept.virtual_ms as f64 / 86_400_000.0;
    writeln!(
        out,
        "{} seeds in {seconds:.1} s on {jobs} threads: {:.0} seeds/s, {:.0} steps a seed, {days:.1} days of virtual time",
        swept.seeds,
        seeds / seconds.max(0.001),
        steps / seeds.max(1.0),
    )?;
    Ok(())
}

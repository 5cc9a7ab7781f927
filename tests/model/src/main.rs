//! `rolecall-model`: checks the model of the session protocol, configuration by configuration.

use std::io::Write;
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Parser;
use rolecall_model::check::{Report, check};
use rolecall_model::fault::Fault;
use rolecall_model::setup::Setup;
use rolecall_model::setups;
use stateright::Expectation;

/// Visits every state of the session protocol's model, and checks its promises in each.
#[derive(Debug, Parser)]
#[command(version)]
struct Arguments {
    /// Check this configuration only.
    #[arg(long, conflicts_with = "fault")]
    setup: Option<String>,
    /// Hunt a known bug instead, and show how it comes about; `all` for each of them.
    #[arg(long)]
    fault: Option<String>,
    /// Threads; by default one per processor. With one, a counterexample is among the shortest.
    #[arg(long)]
    threads: Option<usize>,
}

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    let threads = arguments.threads.or_else(|| std::thread::available_parallelism().ok().map(Into::into)).unwrap_or(1);
    let mut out = std::io::stdout().lock();
    let good = match &arguments.fault {
        Some(label) => hunt(&mut out, label, threads)?,
        None => sound(&mut out, arguments.setup.as_deref(), threads)?,
    };
    Ok(if good { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Checks the protocol as it is. Says whether everything is as it must be.
fn sound(out: &mut impl Write, name: Option<&str>, threads: usize) -> Result<bool> {
    let all = setups::all();
    let names: Vec<&str> = all.iter().map(|setup| setup.name).collect();
    let names = format!("no such configuration; there are {}", names.join(", "));
    let chosen: Vec<Setup> = all.into_iter().filter(|setup| name.is_none_or(|name| name == setup.name)).collect();
    chosen.first().context(names)?;
    let mut good = true;
    for setup in &chosen {
        let report = check(setup, threads);
        good &= report.is_good();
        write_report(out, setup, &report)?;
    }
    writeln!(out, "{} configurations, {}", chosen.len(), if good { "every property holds" } else { "NOT SOUND" })?;
    Ok(good)
}

fn write_report(out: &mut impl Write, setup: &Setup, report: &Report) -> Result<()> {
    let seconds = report.took.as_secs_f64();
    writeln!(out, "{}: {}", setup.name, setup.about)?;
    let Report { generated, unique, depth, .. } = report;
    writeln!(out, "  {generated} states generated, {unique} unique, depth {depth}, {seconds:.1} s")?;
    for verdict in &report.verdicts {
        let (kind, holds, fails) = match verdict.expectation {
            Expectation::Always => ("always", "holds", "VIOLATED"),
            Expectation::Eventually => ("eventually", "holds", "VIOLATED"),
            Expectation::Sometimes => ("sometimes", "met", "NEVER MET"),
        };
        writeln!(out, "  {kind:<9} {:<72} {}", verdict.property, if verdict.holds { holds } else { fails })?;
    }
    write_steps(out, report)
}

fn write_steps(out: &mut impl Write, report: &Report) -> Result<()> {
    if let Some((property, steps)) = &report.counterexample {
        writeln!(out, "  how {property:?} is violated:")?;
        for (number, step) in (1..).zip(steps) {
            writeln!(out, "  {number:>4} {step}")?;
        }
    }
    Ok(())
}

/// Hunts known bugs. Says whether each was found by the property that names it.
fn hunt(out: &mut impl Write, label: &str, threads: usize) -> Result<bool> {
    let labels: Vec<&str> = Fault::ALL.iter().map(|fault| fault.label()).collect();
    let chosen: Vec<Fault> =
        Fault::ALL.iter().filter(|fault| label == "all" || label == fault.label()).copied().collect();
    chosen.first().with_context(|| format!("no such bug; there are {}", labels.join(", ")))?;
    let mut good = true;
    for fault in &chosen {
        let report = check(&setups::hunt(*fault), threads);
        let found = report.counterexample.as_ref().map(|(property, _)| *property);
        let named = found.is_some_and(|property| property.starts_with(&format!("{:?}", fault.breaks())));
        good &= named;
        let verdict = found.unwrap_or("NOT FOUND");
        writeln!(out, "{:<22} {} states: {verdict}", fault.label(), report.unique)?;
        // The bug was found, and not the configuration wrong.
        let without = check(&Setup { fault: None, ..setups::hunt(*fault) }, threads);
        if !without.is_good() {
            good = false;
            writeln!(out, "  and without the bug:")?;
            write_steps(out, &without)?;
        }
        if chosen.len() == 1 || !named {
            writeln!(out, "  {}", fault.text())?;
            write_steps(out, &report)?;
        }
    }
    Ok(good)
}

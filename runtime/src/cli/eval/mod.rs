//! `rolecall eval`: how well the machines that rules rest on do what their names say.
//!
//! A suite is a set of cases that people have labelled, and the machine that is asked about each. The
//! sets that ship are part of the program; `--data` takes others in the same format.

mod data;
mod references;
mod report;
mod rhetorical;
mod score;
mod sentences;
mod suite;
mod terms;

use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{DONE, ERRORS, print};
use data::Source;
use report::Evaluation;
use suite::Suite;

/// Measures precision and recall on labelled sets. Exit code 0: measured; 1: a figure is below what is
/// asked for; 2: the data cannot be read.
#[derive(Debug, Args)]
pub(super) struct EvalArgs {
    /// The set; without one, each of them.
    #[arg(value_enum)]
    suite: Option<Suite>,
    /// Files in the format of the set, instead of those that ship.
    #[arg(long, value_name = "FILE", num_args = 1.., requires = "suite")]
    data: Vec<PathBuf>,
    /// How the result is written.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// Also by class of the cases, as the data names them.
    #[arg(long)]
    classes: bool,
    /// Also the cases that are judged wrong.
    #[arg(long)]
    failures: bool,
    /// The least precision of each group, as 0.9 or 90%.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    min_precision: Option<f64>,
    /// The least recall of each group, as 0.9 or 90%.
    #[arg(long, value_name = "SHARE", value_parser = share)]
    min_recall: Option<f64>,
}

/// How the result is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people.
    Table,
    /// One JSON object.
    Json,
    /// A case for each figure of each group, for build servers.
    Junit,
}

/// The least that each group must reach.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Thresholds {
    precision: Option<f64>,
    recall: Option<f64>,
}

pub(super) fn run(args: &EvalArgs) -> anyhow::Result<u8> {
    let suites = args.suite.map_or_else(|| Suite::value_variants().to_vec(), |suite| vec![suite]);
    let own = args.data.iter().map(|file| Source::read(file)).collect::<Result<Vec<_>, _>>()?;
    let thresholds = Thresholds { precision: args.min_precision, recall: args.min_recall };
    let mut evaluations = Vec::new();
    for suite in suites {
        let sources = if own.is_empty() { suite.bundled() } else { own.clone() };
        evaluations.push(Evaluation::new(suite, suite.judge(&sources)?, args.classes, thresholds));
    }
    print(&match args.format {
        Format::Table => report::table(&evaluations, args.failures),
        Format::Json => report::json(&evaluations, args.failures),
        Format::Junit => report::junit(&evaluations, args.failures),
    })?;
    Ok(if evaluations.iter().all(Evaluation::is_good_enough) { DONE } else { ERRORS })
}

/// A share as people write it.
fn share(text: &str) -> Result<f64, String> {
    let (number, scale) = text.strip_suffix('%').map_or((text, 1.0), |number| (number, 100.0));
    match number.trim().parse::<f64>() {
        Ok(value) if (0.0..=scale).contains(&value) => Ok(value / scale),
        _ => Err("a share lies between 0 and 1, or between 0% and 100%".to_owned()),
    }
}

#[cfg(test)]
mod tests;

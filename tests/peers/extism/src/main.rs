//! Our plugin host beside Extism: the same policy, the same text, in one process, in rounds.
//!
//! `rolecall-peer-extism COMPONENT PLUGIN` takes the two modules that are built from `guest` and prints a JSON
//! line for each figure; `make bench-peers` builds, runs and shows it all. Ours is measured as `rolecall plugin
//! bench` does it, by [`rolecall_plugin_host::measure`]; Extism as its documentation advises, see [`theirs`].

mod ours;
mod rounds;
mod theirs;

use std::io::Write;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use rolecall_plugin_host::pack;
use serde::Serialize;

use ours::Ours;
use rounds::{Costs, Rounds};
use theirs::Theirs;

/// The parameters of the policy, as a contract that ships has them.
const PARAMS: &str = r#"{"max_modern": 0}"#;

/// About 300 characters, with five words that the policy finds: the way of an answer is measured too.
const TEXT: &str = "昔者苏秦说秦王，书十上而说不行。黑貂之裘弊，黄金百斤尽，资用乏绝，去秦而归。\
    The man came home; his wife did not leave her loom, and his parents would not speak to him. \
    归至家，妻不下纴，嫂不为炊，父母不与言。乃取手机而读，陈箧数十，得太公阴符之谋，伏而诵之，简练以为揣摩，\
    三小时不倦。明日上班，见其老板曰：没问题，此真可以说当世之君矣。";

/// What [`TEXT`] breaks.
const BROKEN: usize = 5;

/// A figure of both.
#[derive(Debug, Serialize)]
struct Line {
    /// Extism's version.
    version: &'static str,
    what: &'static str,
    unit: &'static str,
    extism: f64,
    rolecall: f64,
    /// How many times ours Extism's is: the median over the rounds, in each of which both had the same machine.
    times: f64,
    /// What `times` is to be at least.
    wanted: Option<f64>,
}

fn main() -> Result<()> {
    let mut files = std::env::args_os().skip(1).map(PathBuf::from);
    let (component, plugin) = files.next().zip(files.next()).context("usage: rolecall-peer-extism COMPONENT PLUGIN")?;
    let module = std::fs::read(&component).with_context(|| format!("{} cannot be read", component.display()))?;
    let ours = Ours::new(pack(&module)?)?;
    let theirs = Theirs::compile(&plugin)?;
    let (found, also) = (ours.check()?, theirs.check()?);
    ensure!(found == also, "the two do not judge alike: {found:?} and {also:?}");
    ensure!(found.len() == BROKEN, "the text breaks the policy {} times", found.len());
    let rounds = Rounds::run(&ours, &theirs)?;

    // It is a C string.
    let version = extism::extism_version().trim_end_matches('\0');
    let line = |what, unit, cost: fn(&Costs) -> f64, wanted| {
        let (extism, rolecall, times) = rounds.beside(cost);
        Line { version, what, unit, extism, rolecall, times, wanted }
    };
    let lines = [
        line("fresh instance and drop", "µs", |costs| costs.fresh, Some(5.0)),
        line("empty call, live instance", "µs", |costs| costs.empty, Some(8.0)),
        line("instance, parameters, check", "µs", |costs| costs.fresh_check, None),
        line("check, live instance", "µs", |costs| costs.live_check, None),
        line("live instance, resident", "KiB", |costs| costs.resident, None),
    ];
    let mut out = std::io::stdout().lock();
    for line in &lines {
        writeln!(out, "{}", serde_json::to_string(line)?)?;
    }
    Ok(())
}

//! Our plugin host beside Extism, by the program of `tests/peers/extism`. It is a workspace of its own, which
//! `make bench-peers` builds into a folder of the target folder; it measures both and reports.

use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rolecall_tests::paths;
use serde::Deserialize;

use crate::table::Row;

/// A line that the program reports.
#[derive(Debug, Deserialize)]
struct Line {
    version: String,
    what: String,
    unit: String,
    extism: f64,
    rolecall: f64,
    times: f64,
    wanted: Option<f64>,
}

pub(crate) fn run() -> Result<Vec<Row>> {
    let built = paths::target_dir()?.join("../extism");
    let guests = built.join("wasm32-unknown-unknown/plugin");
    let program = built.join("release/rolecall-peer-extism");
    ensure!(program.is_file(), "{} is missing; run: make bench-peers", program.display());
    let mut command = Command::new(&program);
    command.arg(guests.join("rolecall_peer_component.wasm")).arg(guests.join("rolecall_peer_plugin.wasm"));
    let output = command.stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{} ended with {}", program.display(), output.status);
    let text = String::from_utf8(output.stdout).context("the program reports text")?;
    let mut rows = Vec::new();
    for line in text.lines() {
        let Line { version, what, unit, extism, rolecall, times, wanted } = serde_json::from_str(line)?;
        let unit = ["µs", "KiB"].into_iter().find(|known| *known == unit).context("a unit that no row has")?;
        rows.push(Row::new(format!("Extism {version}: {what}"), extism, unit).against("rolecall", rolecall));
        if let Some(wanted) = wanted {
            rows.push(Row::new("  times ours, median of the rounds", times, "×").against("at least", wanted));
        }
    }
    Ok(rows)
}

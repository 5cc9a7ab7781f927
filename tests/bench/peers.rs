//! The same check by reply guardrails of others: the reply and the terms of the bench `check`, with a ratio
//! of questions. They run in a Python environment of their own, `tests/peers/requirements.txt`. And our plugin
//! host beside another.

mod extism;

use std::io::Write;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use rolecall_tests::{paths, public};
use serde::Deserialize;
use serde_json::json;

use super::check;
use super::table::Row;

/// The guardrails, each a script of `tests/peers`.
const PEERS: &[&str] = &["plain.py", "guard.py", "nemo.py"];

/// What a script reports.
#[derive(Debug, Deserialize)]
struct Report {
    product: String,
    version: String,
    us: f64,
    rss_mib: f64,
}

pub(crate) fn run() -> Result<Vec<Row>> {
    let mut rows = guardrails()?;
    rows.extend(extism::run()?);
    Ok(rows)
}

fn guardrails() -> Result<Vec<Row>> {
    let python = public::interpreter("peers-python", "tests/peers/requirements.txt")?;
    let (reply, terms) = (check::reply(), check::terms());
    let ours = check::whole(&reply, &terms)?;
    let given = json!({"reply": reply, "terms": terms}).to_string();
    let mut rows = Vec::new();
    for peer in PEERS {
        // Guardrails AI wants a settings file; without one it reports home.
        let home = tempfile::tempdir()?;
        std::fs::write(
            home.path().join(".guardrailsrc"),
            "id=bench\nenable_metrics=false\nuse_remote_inferencing=false\n",
        )?;
        let mut command = Command::new(&python);
        command.arg(paths::root().join("tests/peers").join(peer)).env("HOME", home.path());
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("LITELLM_LOCAL_MODEL_COST_MAP", "True");
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?;
        child.stdin.take().context("no input")?.write_all(given.as_bytes())?;
        let output = child.wait_with_output()?;
        ensure!(output.status.success(), "{peer} ended with {}", output.status);
        let text = String::from_utf8_lossy(&output.stdout);
        let line = text.lines().next_back().with_context(|| format!("{peer} reports nothing"))?;
        let Report { product, version, us, rss_mib } = serde_json::from_str(line)?;
        rows.push(Row::new(format!("{product} {version}: the same check"), us, "µs").against("rolecall", ours));
        rows.push(Row::new("  its memory", rss_mib, "MiB"));
    }
    Ok(rows)
}

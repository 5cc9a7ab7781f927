//! The gate that `examples/ci` shows: a pull request that adds a contradictory contract does not pass,
//! and its author sees why on the lines concerned.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::Path;
use std::process::Output;

use anyhow::{Context, Result, ensure};
use rolecall_tests::{dirs, paths, server};
use serde_json::Value;
use tempfile::TempDir;

/// The contract that the pull request adds, and where.
const ADDED: &str = "contracts/contradiction.role";

/// What `make verify-contracts FORMAT=…` runs.
fn gate(repository: &Path, format: &str) -> Result<Output> {
    let plugins = paths::plugins(&["classical_tone", "digest"])?;
    let mut command = server::bare(&paths::binary()?, repository);
    command.args(["verify", "contracts", "--format", format, "--plugins"]).arg(plugins);
    Ok(command.env("ROLECALL_DATA", repository.join("data")).output()?)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// The contracts that ship, in a repository of their own.
fn repository() -> Result<TempDir> {
    let repository = TempDir::with_prefix("rolecall-gate-")?;
    dirs::copy(&paths::contracts(), &repository.path().join("contracts"))?;
    Ok(repository)
}

fn add_contradiction(repository: &Path) -> Result<()> {
    let refused = paths::root().join("examples/ci/refused/contradiction.role");
    std::fs::copy(refused, repository.join(ADDED)).context("the example is missing")?;
    Ok(())
}

/// The lines of the added file that SARIF points at, with their rules.
fn places(log: &Value) -> Result<Vec<(u64, String)>> {
    let results = log["runs"][0]["results"].as_array().context("no results")?;
    let mut places = Vec::new();
    for result in results.iter().filter(|result| result["level"] == "error") {
        let place = &result["locations"][0]["physicalLocation"];
        ensure!(place["artifactLocation"]["uri"] == ADDED, "another file: {result:#}");
        let line = place["region"]["startLine"].as_u64().context("no line")?;
        places.push((line, result["ruleId"].as_str().unwrap_or_default().to_owned()));
    }
    places.sort();
    Ok(places)
}

/// What the page shows, which is what its readers will see.
fn page() -> Result<Vec<String>> {
    let page = std::fs::read_to_string(paths::root().join("examples/ci/README.md"))?;
    Ok(page.lines().filter(|line| line.starts_with("::error")).map(str::to_owned).collect())
}

// Fails when the gate lets a contradiction pass, stays closed without one, points at other lines than
// those that cannot hold together, or shows something else than the page says.
#[test]
fn a_contradictory_contract_does_not_pass() -> Result<()> {
    let repository = repository()?;
    for format in ["github", "sarif"] {
        let open = gate(repository.path(), format)?;
        ensure!(open.status.code() == Some(0), "{format}: {}", said(&open));
    }
    add_contradiction(repository.path())?;

    let annotated = gate(repository.path(), "github")?;
    ensure!(annotated.status.code() == Some(1), "{}", said(&annotated));
    let text = String::from_utf8(annotated.stdout).context("annotations are text")?;
    let errors: Vec<&str> = text.lines().filter(|line| line.starts_with("::error")).collect();
    ensure!(errors == page()?, "the page shows something else than\n{}", errors.join("\n"));

    let closed = gate(repository.path(), "sarif")?;
    ensure!(closed.status.code() == Some(1), "{}", said(&closed));
    let log: Value = serde_json::from_slice(&closed.stdout).with_context(|| said(&closed))?;
    let expected = [(10, "RC0301".to_owned()), (12, "RC0302".to_owned())];
    ensure!(places(&log)? == expected, "{:#}", log["runs"][0]["results"]);

    // What passed was remembered meanwhile; the gate opens again when the contract is gone.
    std::fs::remove_file(repository.path().join(ADDED))?;
    let open = gate(repository.path(), "sarif")?;
    ensure!(open.status.code() == Some(0), "{}", said(&open));
    Ok(())
}

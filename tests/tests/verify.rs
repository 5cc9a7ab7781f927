//! `rolecall verify`: 0 on what ships, 1 on each rejected contract with the findings it is there for.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::{Path, PathBuf};
use std::process::Output;

use anyhow::{Context, Result, ensure};
use rolecall_tests::{paths, server};
use serde_json::Value;

fn verify(arguments: &[&str]) -> Result<Output> {
    let home = tempfile::TempDir::new()?;
    let mut command = server::bare(&paths::binary()?, home.path());
    let plugins = paths::plugins(&["classical_tone", "digest"])?;
    // From the repository, so that files are named as an author would name them.
    command.current_dir(paths::root()).arg("verify").args(arguments).arg("--plugins").arg(plugins);
    Ok(command.env("ROLECALL_DATA", home.path().join("data")).output()?)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn rejected() -> Result<Vec<PathBuf>> {
    let folder = paths::contracts().join("rejected");
    let mut files = Vec::new();
    for entry in std::fs::read_dir(&folder).with_context(|| format!("cannot read {}", folder.display()))? {
        files.push(entry?.path());
    }
    files.retain(|file| file.extension().is_some_and(|extension| extension == "role"));
    files.sort();
    ensure!(files.len() >= 5, "only {} rejected contracts", files.len());
    Ok(files)
}

// Fails when something that ships does not verify.
#[test]
fn what_ships_verifies() -> Result<()> {
    let output = verify(&["contracts"])?;
    ensure!(output.status.code() == Some(0), "{:?}\n{}", output.status.code(), said(&output));
    let shipped = said(&verify(&["contracts", "--format", "json"])?);
    let report: Value = serde_json::from_str(&shipped).with_context(|| shipped.clone())?;
    let accepted = report["roles"].as_array().into_iter().flatten().filter(|role| role["accepted"] == true).count();
    ensure!(accepted >= 3, "{accepted} roles: {shipped}");
    Ok(())
}

// Fails when a finding is missing, is new, or moves.
#[test]
fn each_rejected_contract_has_exactly_its_findings() -> Result<()> {
    let mut wrong = Vec::new();
    for file in rejected()? {
        if let Err(error) = compare(&file) {
            wrong.push(format!("{}: {error:#}", file.display()));
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n\n"));
    Ok(())
}

/// The expected file has a line `CODE LINE:COLUMN SEVERITY` per finding.
fn compare(file: &Path) -> Result<()> {
    let name = file.strip_prefix(paths::root())?.to_string_lossy().into_owned();
    let output = verify(&[&name, "--format", "json"])?;
    ensure!(output.status.code() == Some(1), "exit code {:?}\n{}", output.status.code(), said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).with_context(|| said(&output))?;
    let findings = report["findings"].as_array().context("no findings")?;
    let mut found: Vec<String> = findings.iter().map(line).collect();
    found.sort();
    for finding in findings {
        ensure!(finding["file"] == name.as_str(), "another file: {finding}");
        let (start, end) = (&finding["span"]["start"]["offset"], &finding["span"]["end"]["offset"]);
        ensure!(start.as_u64() <= end.as_u64(), "a span that ends before it begins: {finding}");
    }
    let expected = file.with_extension("expected");
    let expected = std::fs::read_to_string(&expected).with_context(|| format!("{} is missing", expected.display()))?;
    let mut expected: Vec<String> = expected.lines().filter(|line| !line.is_empty()).map(str::to_owned).collect();
    expected.sort();
    ensure!(!expected.is_empty(), "expects nothing");
    ensure!(found == expected, "found {found:#?}\nexpected {expected:#?}");
    Ok(())
}

fn line(finding: &Value) -> String {
    let word = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let at = &finding["span"]["start"];
    format!("{} {}:{} {}", word(&finding["code"]), at["line"], at["column"], word(&finding["severity"]))
}

// Fails when a wrong call looks like a wrong contract.
#[test]
fn a_wrong_call_is_neither_clean_nor_an_error_of_a_contract() -> Result<()> {
    for arguments in [&["nowhere"][..], &["--format", "poem", "contracts"], &["--nonsense"]] {
        let output = verify(arguments)?;
        ensure!(output.status.code() == Some(2), "{arguments:?}: {:?}\n{}", output.status.code(), said(&output));
    }
    Ok(())
}

// Fails when the target that CI and authors call does something else than `rolecall verify contracts`.
#[test]
fn the_make_target_verifies_what_ships() -> Result<()> {
    let output =
        std::process::Command::new("make").arg("-n").arg("verify-contracts").current_dir(paths::root()).output()?;
    let commands = said(&output);
    ensure!(output.status.success(), "{commands}");
    ensure!(commands.lines().any(|line| line.ends_with("rolecall verify contracts --format human")), "{commands}");
    Ok(())
}

//! `rolecall eval` on the real program: from any folder, with the exit codes that scripts rely on.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::process::Output;

use anyhow::{Context, Result, ensure};
use rolecall_tests::{paths, server};
use serde_json::Value;

fn eval(home: &tempfile::TempDir, arguments: &[&str]) -> Result<Output> {
    let mut command = server::bare(&paths::binary()?, home.path());
    Ok(command.current_dir(home.path()).arg("eval").args(arguments).output()?)
}

fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

// Fails when the sets are not part of the program, or a set or language is missing from the report.
#[test]
fn every_set_is_measured_from_anywhere() -> Result<()> {
    let home = tempfile::TempDir::new()?;
    let output = eval(&home, &["--format", "json"])?;
    ensure!(output.status.code() == Some(0), "{}", said(&output));
    let report: Value = serde_json::from_slice(&output.stdout).with_context(|| said(&output))?;
    for suite in report["suites"].as_array().context("no suites")? {
        let groups = suite["groups"].as_array().context("no groups")?;
        for language in ["zh", "en"] {
            let cases = groups.iter().filter(|group| group["language"] == language);
            ensure!(cases.filter_map(|group| group["cases"].as_u64()).sum::<u64>() > 50, "{suite}");
        }
    }
    let table = eval(&home, &["rhetorical"])?;
    ensure!(said(&table).contains("zh test") && said(&table).contains("en dev"), "{}", said(&table));
    Ok(())
}

// Fails when a threshold, a bad line or a bad call ends with another code than the help says.
#[test]
fn exit_codes_tell_figures_from_mistakes() -> Result<()> {
    let home = tempfile::TempDir::new()?;
    let file = home.path().join("own.tsv");
    std::fs::write(&file, "split\tlabel\tclass\ttext\ntest\tyes\tqi\t岂能如此？\ntest\tyes\tno_cue\t你以为呢？\n")?;
    let own = ["rhetorical", "--data", "own.tsv"];
    let with = |more: &[&str]| eval(&home, &[&own[..], more].concat());
    let (met, missed) = (with(&["--min-recall", "50%"])?, with(&["--min-recall", "0.6", "--failures"])?);
    ensure!(met.status.code() == Some(0), "{}", said(&met));
    ensure!(missed.status.code() == Some(1) && said(&missed).contains("own.tsv:3"), "{}", said(&missed));
    std::fs::write(&file, "split\tlabel\tclass\ttext\ntest\tperhaps\tqi\t岂能如此？\n")?;
    let bad = with(&[])?;
    ensure!(bad.status.code() == Some(2) && said(&bad).contains("own.tsv:2: the label is `perhaps`"), "{}", said(&bad));
    for call in [&["--data", "own.tsv"][..], &["poems"], &["rhetorical", "--min-recall", "2"], &["--data"]] {
        let output = eval(&home, call)?;
        ensure!(output.status.code() == Some(2), "{call:?}: {}", said(&output));
    }
    Ok(())
}

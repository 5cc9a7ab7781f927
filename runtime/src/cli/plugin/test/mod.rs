//! `rolecall plugin test`: a plugin's own cases, and what every policy must keep.

mod cases;

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, bail};
use serde_json::{Map, Value};

use super::author;
use crate::plugin::{PluginHost, Promise, conformance, pack};
use cases::Cases;

/// Tests a component, or a module that can be packed.
pub(super) async fn run(out: &mut impl Write, file: &Path, cases: Option<PathBuf>) -> anyhow::Result<()> {
    let cases = cases.map(|path| Cases::read(&path)).transpose()?;
    let params = cases.as_ref().map(|cases| cases.params.clone()).unwrap_or_default();
    let component = read(file)?;
    let refused = |error| anyhow::anyhow!("{}: {error}", file.display());
    let (host, manifest) = PluginHost::alone(&component, author("").for_trials()).map_err(refused)?;
    writeln!(out, "{} {}", manifest.name, manifest.version)?;
    let mut failed = 0;
    let mut texts = Vec::new();
    if let Some(cases) = &cases {
        for case in &cases.cases {
            texts.extend(case.reply().map(ToOwned::to_owned));
            let wrong = case.try_on(&host, &manifest.name, &cases.params).await;
            failed += line(out, case.name(), wrong.as_deref())?;
        }
    }
    for Promise { name, tries, broken } in conformance(&host, &manifest.name, &params, &texts).await {
        failed += line(out, &format!("{name} ({tries} times)"), broken.as_deref())?;
    }
    if failed > 0 && cases.is_none() {
        writeln!(out, "its parameters come from a file of cases: --cases FILE, with `params`")?;
    }
    if failed > 0 {
        bail!("{failed} of the tests of {} failed", file.display());
    }
    Ok(())
}

/// A component's bytes; of a module that cargo left, those of the component it becomes.
pub(super) fn read(file: &Path) -> anyhow::Result<Vec<u8>> {
    let bytes = fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    pack(&bytes).with_context(|| format!("{} cannot be packed", file.display()))
}

/// 1 if it failed.
fn line(out: &mut impl Write, name: &str, wrong: Option<&str>) -> std::io::Result<usize> {
    match wrong {
        None => writeln!(out, "  ok    {name}").map(|()| 0),
        Some(wrong) => writeln!(out, "  FAIL  {name}\n        {}", wrong.replace('\n', "\n        ")).map(|()| 1),
    }
}

/// Parameters from the command line.
pub(super) fn params(json: Option<&str>) -> anyhow::Result<Map<String, Value>> {
    json.map_or_else(|| Ok(Map::new()), |json| serde_json::from_str(json).context("--params takes a JSON object"))
}

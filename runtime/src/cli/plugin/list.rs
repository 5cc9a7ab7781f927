use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::bail;

use super::{author, capabilities, kinds};
use crate::cli::output::plural;
use crate::plugin::{LoadReport, NoObserver, PluginHost};

/// Lists the plugins of a folder.
pub(super) fn run(out: &mut impl Write, dir: &Path) -> anyhow::Result<()> {
    if !dir.is_dir() {
        bail!("there is no folder {}", dir.display());
    }
    let (_host, report) = PluginHost::start(author(dir), Arc::new(NoObserver))?;
    if report.loaded.is_empty() && report.refused.is_empty() {
        writeln!(out, "no plugins in {}", dir.display())?;
    }
    write(out, &report)?;
    match report.refused.len() {
        0 => Ok(()),
        refused => bail!("{refused} of the files in {} are refused", dir.display()),
    }
}

fn write(out: &mut impl Write, report: &LoadReport) -> std::io::Result<()> {
    for manifest in &report.loaded {
        let (abi, kinds, isolation) = (manifest.abi, kinds(manifest), manifest.isolation);
        write!(out, "{} {}  {kinds}  ABI {abi}  ", manifest.name, manifest.version)?;
        if !manifest.capabilities.is_empty() {
            write!(out, "needs {}  ", capabilities(manifest))?;
        }
        writeln!(out, "wishes isolation by {isolation}  {}", manifest.doc)?;
    }
    for (file, reason) in &report.refused {
        writeln!(out, "refused: {}: {reason}", file.display())?;
    }
    if report.ignored > 0 {
        let are = if report.ignored == 1 { "is" } else { "are" };
        writeln!(out, "{} {are} not looked into: the folder has too many", plural(report.ignored, "more file"))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::super::tests::manifest;
    use super::*;
    use crate::plugin::Refusal;

    #[test]
    fn a_plugin_is_a_line() {
        let loaded = vec![Arc::new(manifest())];
        let refused = vec![(PathBuf::from("old.wasm"), Refusal::UnknownAbi { found: vec!["0.1.0".into()] })];
        let mut out = Vec::new();
        write(&mut out, &LoadReport { loaded, refused, ignored: 3, compiled: 0 }).unwrap();
        let said = String::from_utf8(out).unwrap();
        let (first, second) = said.split_once('\n').unwrap();
        let kinds = "constraint-policy, delivery-policy (streaming)";
        assert_eq!(first, format!("calm 2.1.0  {kinds}  ABI 0.9.0  wishes isolation by session  Forbids shouting."));
        assert!(second.starts_with("refused: old.wasm: ") && second.contains("0.1.0"), "{second}");
        assert!(second.contains("\n3 more files are not looked into"), "{second}");
    }
}

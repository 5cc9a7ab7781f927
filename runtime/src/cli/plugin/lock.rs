use std::fs;
use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use anyhow::{Context, bail};

use super::author;
use crate::cli::output::plural;
use crate::plugin::{Lock, NoObserver, Pinned, PluginHost};

/// Pins the plugins of a folder as they are, or says what is not as it is pinned.
pub(super) fn run(out: &mut impl Write, dir: &Path, check: bool) -> anyhow::Result<()> {
    if !dir.is_dir() {
        bail!("there is no folder {}", dir.display());
    }
    let (_host, report) = PluginHost::start(author(dir), Arc::new(NoObserver))?;
    for (file, reason) in &report.refused {
        writeln!(out, "refused: {}: {reason}", file.display())?;
    }
    let mut plugins = Vec::new();
    for manifest in &report.loaded {
        let file = dir.join(format!("{}.wasm", manifest.name));
        let bytes = fs::read(&file).with_context(|| format!("{} cannot be read", file.display()))?;
        if blake3::hash(&bytes).to_hex().as_str() != manifest.digest {
            bail!("{} changed while it was looked at; try again", file.display());
        }
        plugins.push(Pinned::of(manifest, &bytes));
    }
    let lock = Lock { plugins };
    if check {
        return compare(out, &Lock::read(dir)?.unwrap_or_default(), &lock);
    }
    let path = lock.write(dir)?;
    writeln!(out, "{}  {}", path.display(), plural(lock.plugins.len(), "plugin"))?;
    Ok(())
}

fn compare(out: &mut impl Write, pinned: &Lock, found: &Lock) -> anyhow::Result<()> {
    let missing = pinned.plugins.iter().filter(|it| !found.plugins.iter().any(|other| other.name == it.name));
    let missing: Vec<_> = missing.map(|it| format!("{} {} is pinned and not there", it.name, it.version)).collect();
    let other = found.plugins.iter().filter(|it| !pinned.plugins.contains(it));
    let other = other.map(|it| format!("{} {} is not what is pinned: {}", it.name, it.version, it.sha256));
    let wrong: Vec<String> = missing.into_iter().chain(other).collect();
    for line in &wrong {
        writeln!(out, "{line}")?;
    }
    if !wrong.is_empty() {
        bail!("plugins.lock does not fit; if the plugins are right, write it anew: rolecall plugin lock");
    }
    let are = if found.plugins.len() == 1 { "is" } else { "are" };
    writeln!(out, "{} {are} as pinned", plural(found.plugins.len(), "plugin"))?;
    Ok(())
}

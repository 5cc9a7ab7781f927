use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use super::size;
use crate::plugin::{inspect_component, pack};

/// Makes a component of a module.
pub(super) fn run(out: &mut impl Write, module: &Path, output: Option<PathBuf>) -> anyhow::Result<()> {
    let bytes = fs::read(module).with_context(|| format!("{} cannot be read", module.display()))?;
    let component = pack(&bytes).with_context(|| format!("{} cannot be packed", module.display()))?;
    let output = match output {
        Some(output) => output,
        None => named(module, &component)?,
    };
    // By rename: a server that watches the folder never sees half a file.
    let temporary = output.with_extension("wasm.tmp");
    fs::write(&temporary, &component)
        .and_then(|()| fs::rename(&temporary, &output))
        .with_context(|| format!("{} cannot be written", output.display()))?;
    writeln!(out, "{}  {}", output.display(), size(component.len()))?;
    Ok(())
}

/// The file that a plugin must have, by what it says of itself.
fn named(module: &Path, component: &[u8]) -> anyhow::Result<PathBuf> {
    let seen = inspect_component(&module.display().to_string(), component).map_err(anyhow::Error::msg)?;
    match seen.manifest {
        Ok(manifest) => Ok(PathBuf::from(format!("{}.wasm", manifest.name))),
        Err(reason) => bail!("{} does not say its name: {reason}; name the file with --output", module.display()),
    }
}

//! `rolecall plugin`: tools for the authors of plugins.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context, bail};
use clap::{Args, Subcommand};

use crate::plugin::{HostConfig, Inspection, Manifest, NoObserver, PluginHost, inspect, inspect_component, pack};

/// Arguments of `rolecall plugin`.
#[derive(Debug, Args)]
pub struct PluginArgs {
    #[command(subcommand)]
    command: PluginCommand,
}

#[derive(Debug, Subcommand)]
enum PluginCommand {
    /// Make a component of a module built for wasm32-unknown-unknown.
    Pack {
        /// What `cargo build` left: target/wasm32-unknown-unknown/release/NAME.wasm.
        module: PathBuf,
        /// Where the component goes; by default NAME.wasm here, NAME being the plugin's own name.
        #[arg(short, long, value_name = "FILE")]
        output: Option<PathBuf>,
    },
    /// Load the plugins of a folder and list them, and the files that are refused.
    List {
        /// The folder.
        #[arg(long, value_name = "DIR", default_value = "plugins")]
        plugins: PathBuf,
    },
    /// Show what a component is: worlds, imports, size, manifest and parameters.
    Inspect {
        /// The component.
        file: PathBuf,
    },
}

/// Runs `rolecall plugin`.
///
/// # Errors
/// The file or folder cannot be used; the message says why.
#[allow(clippy::unused_async, reason = "commands are run alike")]
pub async fn run(args: PluginArgs) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match args.command {
        PluginCommand::Pack { module, output } => pack_module(&mut out, &module, output),
        PluginCommand::List { plugins } => list(&mut out, &plugins),
        PluginCommand::Inspect { file } => show(&mut out, &file),
    }
}

fn pack_module(out: &mut impl Write, module: &Path, output: Option<PathBuf>) -> anyhow::Result<()> {
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

fn list(out: &mut impl Write, dir: &Path) -> anyhow::Result<()> {
    if !dir.is_dir() {
        bail!("there is no folder {}", dir.display());
    }
    let (_host, report) = PluginHost::start(HostConfig::new(dir).with_workers(1), Arc::new(NoObserver))?;
    for manifest in &report.loaded {
        writeln!(out, "{} {}  {}  {}", manifest.name, manifest.version, kinds(manifest), manifest.doc)?;
    }
    for (file, reason) in &report.refused {
        writeln!(out, "refused: {}: {reason}", file.display())?;
    }
    if report.loaded.is_empty() && report.refused.is_empty() {
        writeln!(out, "no plugins in {}", dir.display())?;
    }
    Ok(())
}

fn show(out: &mut impl Write, file: &Path) -> anyhow::Result<()> {
    let seen = inspect(file).map_err(|reason| anyhow::anyhow!("{}: {reason}", file.display()))?;
    let Inspection { size: bytes, digest, abi: _, worlds, imports, exports, manifest } = seen;
    let worlds: Vec<String> = worlds.iter().map(ToString::to_string).collect();
    writeln!(out, "file     {}  {}", file.display(), size(bytes))?;
    writeln!(out, "blake3   {digest}")?;
    writeln!(out, "worlds   {}", or_none(&worlds))?;
    writeln!(out, "imports  {}", or_none(&imports))?;
    writeln!(out, "exports  {}", or_none(&exports))?;
    match manifest {
        Ok(manifest) => {
            writeln!(out, "name     {} {}  {}", manifest.name, manifest.version, kinds(&manifest))?;
            writeln!(out, "doc      {}", manifest.doc)?;
            writeln!(out, "params   {}", serde_json::to_string_pretty(&manifest.params_schema)?)?;
            Ok(())
        }
        Err(reason) => bail!("{} would be refused: {reason}", file.display()),
    }
}

/// "constraint-policy (streaming)".
fn kinds(manifest: &Manifest) -> String {
    let worlds: Vec<String> = manifest.worlds.iter().map(ToString::to_string).collect();
    let streaming = if manifest.streaming { " (streaming)" } else { "" };
    format!("{}{streaming}", worlds.join(", "))
}

fn or_none(names: &[String]) -> String {
    if names.is_empty() { "none".to_owned() } else { names.join("\n         ") }
}

/// "161.8 KB".
fn size(bytes: usize) -> String {
    format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100)
}

//! `rolecall plugin`: tools for the authors of plugins, one file per command.

mod bench;
mod compile;
mod crowd;
mod inspect;
mod list;
mod lock;
mod new;
mod pack;
mod test;

pub use compile::{compiler, this_is_the_program};

use std::path::PathBuf;

use clap::{Args, Subcommand};

use crate::config::cache_home;
use crate::plugin::{HostConfig, Manifest, World};

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
    /// Compile a component from standard input: what the server runs for each plugin.
    #[command(hide = true)]
    Compile {
        /// Processor time.
        #[arg(long)]
        seconds: u64,
        /// Memory.
        #[arg(long)]
        bytes: u64,
        /// Code that counts instructions.
        #[arg(long)]
        fuel: bool,
    },
    /// Pin the plugins of a folder in its plugins.lock: with `serve --locked` no others come into force.
    Lock {
        /// The folder.
        #[arg(long, value_name = "DIR", default_value = "plugins")]
        plugins: PathBuf,
        /// Write nothing, and fail when a plugin is not as it is pinned.
        #[arg(long)]
        check: bool,
    },
    /// Begin a plugin: a project that builds and passes its tests.
    New {
        /// Its folder, whose last part is the plugin's name.
        name: PathBuf,
        /// What it is written in.
        #[arg(long, value_enum, default_value_t = new::Lang::Rust)]
        lang: new::Lang,
        /// What it does.
        #[arg(long, value_enum, default_value_t = new::Kind::Constraint)]
        kind: new::Kind,
    },
    /// Try a plugin: its own cases, and what every policy must keep.
    Test {
        /// The component, or the module that cargo left.
        file: PathBuf,
        /// Golden cases, JSON; `plugin new` writes an example.
        #[arg(long, value_name = "FILE")]
        cases: Option<PathBuf>,
    },
    /// Measure what a plugin costs: compiling, loading, calls, memory.
    Bench {
        /// The component, or the module that cargo left.
        file: PathBuf,
        /// Its parameters, a JSON object.
        #[arg(long, value_name = "JSON")]
        params: Option<String>,
        /// What it judges, a file; by default about 300 characters, Chinese and English.
        #[arg(long, value_name = "FILE")]
        text: Option<PathBuf>,
    },
    /// Show what a component is: version of the ABI, worlds, imports, size, manifest and parameters.
    Inspect {
        /// The component.
        file: PathBuf,
    },
}

/// Runs `rolecall plugin`.
///
/// # Errors
/// The file or folder cannot be used; the message says why.
pub async fn run(args: PluginArgs) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    match args.command {
        PluginCommand::Pack { module, output } => pack::run(&mut out, &module, output),
        PluginCommand::Compile { seconds, bytes, fuel } => compile::run(&mut out, (seconds, bytes), fuel),
        PluginCommand::Lock { plugins, check } => lock::run(&mut out, &plugins, check),
        PluginCommand::New { name, lang, kind } => new::run(&mut out, &name, lang, kind),
        PluginCommand::Test { file, cases } => test::run(&mut out, &file, cases).await,
        PluginCommand::Bench { file, params, text } => {
            bench::run(&mut out, &file, params.as_deref(), text.as_deref()).await
        }
        PluginCommand::List { plugins } => list::run(&mut out, &plugins),
        PluginCommand::Inspect { file } => inspect::run(&mut out, &file),
    }
}

/// A host's settings for the authors' commands: what was compiled once is not compiled again.
fn author(dir: impl Into<PathBuf>) -> HostConfig {
    let config = HostConfig::new(dir).with_workers(1);
    match cache_home() {
        Some(base) => config.with_cache(base.join("rolecall/plugins")),
        None => config,
    }
}

/// "constraint-policy (streaming)".
fn kinds(manifest: &Manifest) -> String {
    let streaming = if manifest.streaming { " (streaming)" } else { "" };
    format!("{}{streaming}", names(&manifest.worlds).join(", "))
}

/// "clock, kv".
fn capabilities(manifest: &Manifest) -> String {
    let names: Vec<&str> = manifest.capabilities.iter().map(|capability| capability.name()).collect();
    if names.is_empty() { "nothing but its log".to_owned() } else { names.join(", ") }
}

fn names(worlds: &[World]) -> Vec<String> {
    worlds.iter().map(ToString::to_string).collect()
}

/// "161.8 KB".
fn size(bytes: usize) -> String {
    format!("{}.{} KB", bytes / 1_000, bytes % 1_000 / 100)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plugin::{AbiVersion, Isolation};

    pub(super) fn manifest() -> Manifest {
        Manifest {
            name: "calm".into(),
            version: "2.1.0".into(),
            doc: "Forbids shouting.".into(),
            abi: AbiVersion::V0,
            worlds: vec![World::ConstraintPolicy, World::DeliveryPolicy],
            params_schema: serde_json::json!({}),
            streaming: true,
            isolation: Isolation::Session,
            capabilities: std::collections::BTreeSet::new(),
            digest: "d1".into(),
        }
    }
}

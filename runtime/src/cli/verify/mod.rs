//! `rolecall verify`: is this folder fit to be served?
//!
//! Five stages: syntax; names and types, plugin parameters included; contradictions; every case and
//! the fallback through the one checker and the real plugins; a rehearsal of each case's user turn
//! through the whole enforcement. A contract that fails a stage does not enter the next, all others
//! do.

mod judge;
mod stages;
mod summary;
#[cfg(test)]
mod tests;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{Args, ValueEnum};
use rolecall_dsl::diagnostic::{Finding, Severity};
use rolecall_plugin_host::{LoadReport, PluginHost};

use super::{DONE, ERRORS, print};
use crate::app::host_config;
use crate::config::{Config, SettingFlags, Sources};
use crate::contracts::{ContractsError, Folders, check_sources, read_source, role_files};
use crate::model::Rehearsal;
use crate::session::turn::Turns;
use crate::telemetry::Metrics;
use summary::RoleSummary;

/// Checks contracts.
#[derive(Debug, Args)]
pub(super) struct VerifyArgs {
    /// Folders and files; the contract folder when none is named. Below a named folder, subfolders
    /// called `rejected` are left out.
    paths: Vec<PathBuf>,
    /// How findings are written.
    #[arg(long, value_enum, default_value_t = Format::Human)]
    format: Format,
    /// Folder of the plugins.
    #[arg(long, value_name = "DIR")]
    plugins: Option<PathBuf>,
}

/// How findings are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// Source excerpts, and a summary of each role.
    Human,
    /// One line per finding.
    Short,
    /// One JSON object.
    Json,
    /// Annotations for GitHub workflows.
    Github,
}

/// What verifying gave.
#[derive(Debug, Default)]
struct Verification {
    findings: Vec<Finding>,
    roles: Vec<RoleSummary>,
    files: usize,
}

pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<u8> {
    let mut config = Sources::process(SettingFlags::default()).read()?.config;
    if let Some(plugins) = args.plugins {
        config.plugins = plugins;
    }
    let paths = if args.paths.is_empty() { vec![config.contracts.clone()] } else { args.paths };
    let (verification, plugins) = verify(&config, &paths).await?;
    print(&summary::render(args.format, &verification, &plugins))?;
    Ok(if verification.errors() > 0 { ERRORS } else { DONE })
}

/// Takes every file through the stages.
async fn verify(config: &Config, paths: &[PathBuf]) -> anyhow::Result<(Verification, LoadReport)> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(role_files(path)?);
    }
    files.sort();
    files.dedup();
    if files.is_empty() {
        let path = paths.first().cloned().unwrap_or_default();
        let detail = "there is no contract file (*.role)".to_owned();
        return Err(ContractsError::Unreadable { path, detail }.into());
    }
    let metrics = Metrics::new()?;
    let (plugins, loaded) = PluginHost::start(host_config(config), Arc::new(metrics.clone()))?;
    let turns = Turns::new(Arc::new(Rehearsal::new()), plugins.clone(), metrics);
    let sources: Vec<_> = files.iter().map(|file| read_source(file)).collect();
    let checked = check_sources(&sources, &Folders::of(paths));
    let mut verification = Verification { findings: checked.findings, roles: Vec::new(), files: files.len() };
    for refused in checked.refused.values() {
        verification.roles.push(RoleSummary::refused(&refused.role, refused.findings.len()));
    }
    for contract in checked.roles.values() {
        let trial = stages::run(contract, &plugins, &turns).await;
        verification.roles.push(RoleSummary::tried(contract, &trial, &plugins));
        verification.findings.extend(trial.findings);
    }
    verification.roles.sort_by(|a, b| a.role.cmp(&b.role));
    verification.sort();
    Ok((verification, loaded))
}

impl Verification {
    fn errors(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Error).count()
    }

    fn warnings(&self) -> usize {
        self.findings.iter().filter(|finding| finding.severity == Severity::Warning).count()
    }

    /// By file, place and code, so that the output is the same on every machine.
    fn sort(&mut self) {
        self.findings
            .sort_by(|a, b| (a.source.name(), a.span.start, a.code).cmp(&(b.source.name(), b.span.start, b.code)));
    }
}

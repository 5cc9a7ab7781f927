//! `rolecall verify`: is this folder fit to be served?
//!
//! Five stages: syntax; names and types, plugin parameters included; conflicts; every case and the
//! fallback through the one checker and the real plugins; a model's answer to each case's user turn
//! through the whole enforcement. A role that fails a stage does not enter the next, all others do.
//! Files are tried side by side, and what passed is not tried again until something changes.

mod bench;
mod cache;
mod coverage;
mod fix;
mod inference;
mod mutation;
mod rewrite;
mod stages;
mod summary;
mod tally;
#[cfg(test)]
mod tests;
mod trial;
mod witness;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, anyhow};
use clap::{Args, ValueEnum};
use futures_util::{StreamExt, TryStreamExt, stream};
use rolecall_dsl::diagnostic::{Finding, Severity};
use rolecall_dsl::source::Source;
use rolecall_dsl::span::Span;
use rolecall_plugin_host::{HostConfig, LoadReport, PluginHost};

use super::kept::Kept;
use super::{DONE, ERRORS, output, print, settings};
use crate::app::host_config;
use crate::config::{Config, misdeeds};
use crate::contracts::{ContractsError, Folders, declared_twice, role_files};
use crate::model::{Model, OpenAi, OpenAiConfig, Rehearsal};
use crate::telemetry::Metrics;
use bench::{Bench, FileReport, Options};
use cache::Cache;
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
    /// Let this OpenAI-compatible server answer the user turns, instead of the rehearsal model.
    #[arg(long, value_name = "URL")]
    model: Option<String>,
    /// The model's name there.
    #[arg(long, value_name = "NAME", requires = "model")]
    model_name: Option<String>,
    /// Let the rehearsal model misbehave (see `rolecall serve --help`): which roles hold when the model does not?
    #[arg(long, value_name = "MISDEED,…", value_delimiter = ',', conflicts_with = "model")]
    misbehave: Vec<String>,
    /// Answer each user turn this often, with another seed each time, and report how often all hold.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
    repeat: u32,
    /// Drop and loosen each rule, and warn of each change that no case notices.
    #[arg(long)]
    mutate: bool,
    /// Note each rule that no case expects to be broken.
    #[arg(long)]
    coverage: bool,
    /// Apply what findings offer as a remedy to the files, and report what is left.
    #[arg(long)]
    fix: bool,
    /// Try every file, also those that passed before and have not changed. What passed is remembered in the data
    /// directory where there is one, otherwise in the user's own folder for caches.
    #[arg(long)]
    no_cache: bool,
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
    /// A SARIF log, for code scanning.
    Sarif,
    /// A JUnit document, for test reports: a case for each role.
    Junit,
}

/// What verifying gave.
#[derive(Debug, Default)]
struct Verification {
    findings: Vec<Finding>,
    roles: Vec<RoleSummary>,
    files: Vec<Source>,
}

pub(super) async fn run(args: VerifyArgs) -> anyhow::Result<u8> {
    let mut config = settings()?;
    if let Some(plugins) = args.plugins {
        config.plugins = plugins;
    }
    let paths = if args.paths.is_empty() { vec![config.contracts.clone()] } else { args.paths };
    config.misbehave = misdeeds(&args.misbehave)?;
    let model = match args.model {
        Some(url) => Some(real_model(&config, url, args.model_name)?),
        None if config.misbehave.is_empty() => None,
        None => {
            let rehearsal = Rehearsal::new(Duration::ZERO, config.call_limits());
            Some(Arc::new(rehearsal.misbehaving(config.misbehavior())) as Arc<dyn Model>)
        }
    };
    let options = Options { repeat: args.repeat, mutate: args.mutate, coverage: args.coverage };
    if args.fix {
        let count = fix::apply(&files(&paths)?, &Folders::of(&paths).within(&config.contracts))?;
        output::complain(&format!("rolecall: {} changed", output::plural(count, "file")));
    }
    let (verification, plugins) = verify(&config, &paths, options, model, !args.no_cache).await?;
    print(&summary::render(args.format, &verification, &plugins))?;
    Ok(if verification.errors() > 0 { ERRORS } else { DONE })
}

fn real_model(config: &Config, url: String, name: Option<String>) -> anyhow::Result<Arc<dyn Model>> {
    let name = name.or_else(|| config.model_name.clone());
    let model = OpenAi::new(OpenAiConfig {
        base_url: url,
        model: name.context("--model needs --model-name NAME, the name that the model has at its server")?,
        key: config.model_key.clone(),
        proxy: config.model_proxy.clone(),
        limits: config.call_limits(),
    })?;
    Ok(Arc::new(model))
}

/// Takes every file through the stages, as many at a time as there are cores.
async fn verify(
    config: &Config,
    paths: &[PathBuf],
    options: Options,
    model: Option<Arc<dyn Model>>,
    cached: bool,
) -> anyhow::Result<(Verification, LoadReport)> {
    let files = files(paths)?;
    let metrics = Metrics::new()?;
    let kept = Kept::of(config);
    let host = HostConfig { cache: kept.plugins, ..host_config(config).for_trials() };
    let (plugins, loaded) = PluginHost::start(host, Arc::new(metrics.clone()))?;
    let folder = kept.results.filter(|_| cached && model.is_none());
    let cache = folder.map(|folder| Cache::open(folder, config, options, &plugins));
    let real = model.as_ref().map(|model| model.name().to_owned());
    let model = model.unwrap_or_else(|| Arc::new(Rehearsal::default()));
    let folders = Folders::of(paths).within(&config.contracts);
    let bench = Arc::new(Bench { plugins, metrics, model, real, options, folders, cache });
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let handle = tokio::runtime::Handle::current();
    let reports: Vec<FileReport> = stream::iter(files)
        .map(|path| {
            let (bench, handle) = (Arc::clone(&bench), handle.clone());
            // Compiling is work without a pause: a thread each, of which the runtime has many.
            let trying = tokio::task::spawn_blocking(move || handle.block_on(bench.file(&path)));
            async move { trying.await.map_err(|error| anyhow!("verifying a file broke off: {error}")) }
        })
        .buffered(cores)
        .try_collect()
        .await?;
    if let Some(cache) = &bench.cache {
        cache.prune();
    }
    Ok((Verification::of(reports), loaded))
}

/// The files of all paths, each once, in order.
fn files(paths: &[PathBuf]) -> anyhow::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for path in paths {
        files.extend(role_files(path)?);
    }
    files.sort();
    files.dedup();
    if files.is_empty() {
        let path = paths.first().map_or_else(PathBuf::new, |path| Path::to_owned(path));
        let detail = "there is no contract file (*.role)".to_owned();
        return Err(ContractsError::Unreadable { path, detail }.into());
    }
    Ok(files)
}

impl Verification {
    /// Puts the files together; what only shows across files is found here.
    fn of(reports: Vec<FileReport>) -> Self {
        let mut all = Self::default();
        let mut declared: BTreeMap<String, Vec<(Source, Span)>> = BTreeMap::new();
        for report in reports {
            for (name, span) in report.declared {
                declared.entry(name).or_default().push((report.source.clone(), span));
            }
            all.files.push(report.source);
            all.findings.extend(report.findings);
            all.roles.extend(report.roles);
        }
        for (name, places) in &declared {
            if let [first, others @ ..] = places.as_slice()
                && !others.is_empty()
            {
                all.findings.extend(others.iter().map(|other| declared_twice(name, first, other)));
                let twins = all.roles.iter_mut().filter(|role| role.role == *name && role.accepted);
                twins.for_each(|role| role.refuse(stages::Stage::Names));
            }
        }
        all.roles.sort_by(|a, b| (&a.role, &a.file).cmp(&(&b.role, &b.file)));
        all.sort();
        all
    }

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

//! What every file is tried with, and what trying one file gives.

use std::path::Path;
use std::sync::Arc;

use rolecall_dsl::diagnostic::Finding;
use rolecall_dsl::source::Source;
use rolecall_dsl::span::Span;
use rolecall_plugin_host::PluginHost;

use super::cache::Cache;
use super::summary::RoleSummary;
use super::trial;
use crate::contracts::{Folders, check_policies, check_sources, read_source};
use crate::model::Model;
use crate::telemetry::Metrics;

/// What is done beyond the plain stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Options {
    /// How often each user turn is answered.
    pub(super) repeat: u32,
    /// Whether rules are changed to see whether a case notices.
    pub(super) mutate: bool,
    /// Whether each rule that no case covers gets a note.
    pub(super) coverage: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self { repeat: 1, mutate: false, coverage: false }
    }
}

/// What every file is tried with.
#[derive(Debug)]
pub(super) struct Bench {
    pub(super) plugins: PluginHost,
    pub(super) metrics: Metrics,
    pub(super) model: Arc<dyn Model>,
    /// The name of a model that is not the rehearsal.
    pub(super) real: Option<String>,
    pub(super) options: Options,
    /// Where imports are looked for.
    pub(super) folders: Folders,
    pub(super) cache: Option<Cache>,
}

/// What trying one file gave.
#[derive(Debug)]
pub(super) struct FileReport {
    /// The file; without text when it could not be read.
    pub(super) source: Source,
    pub(super) findings: Vec<Finding>,
    pub(super) roles: Vec<RoleSummary>,
    /// The roles that compiled, with their places.
    pub(super) declared: Vec<(String, Span)>,
}

impl Bench {
    /// Whether a real model answers.
    pub(super) fn is_real(&self) -> bool {
        self.real.is_some()
    }

    /// Takes one file through every stage, or remembers that it went through them as it is.
    pub(super) async fn file(&self, path: &Path) -> FileReport {
        let source = match read_source(path) {
            Ok(source) => source,
            Err(finding) => return self.fresh(Err(finding)).await,
        };
        let key = self.cache.as_ref().and_then(|cache| cache.key(&source, &self.folders).map(|key| (cache, key)));
        if let Some((cache, key)) = &key
            && let Some(report) = cache.load(key, &source)
        {
            return report;
        }
        let report = self.fresh(Ok(source)).await;
        if let Some((cache, key)) = key {
            cache.store(&key, &report);
        }
        report
    }

    async fn fresh(&self, source: Result<Source, Box<Finding>>) -> FileReport {
        let named = match &source {
            Ok(source) => source.clone(),
            Err(finding) => finding.source.clone(),
        };
        let checked = check_sources(&[source], &self.folders);
        let mut report =
            FileReport { source: named, findings: checked.findings, roles: Vec::new(), declared: Vec::new() };
        for refused in checked.refused.values() {
            let mut own = refused.findings.clone();
            // What is wrong with the language must not hide what is wrong with the plugins.
            for draft in checked.drafts.iter().filter(|draft| draft.name == refused.role) {
                let found = check_policies(draft, &self.plugins).await;
                own.extend(found.iter().cloned());
                report.findings.extend(found);
            }
            report.roles.push(RoleSummary::refused(&refused.role, report.source.name(), &own));
        }
        for contract in checked.roles.values() {
            let trial = trial::run(contract, self).await;
            report.roles.push(RoleSummary::tried(contract, &trial, self));
            report.findings.extend(trial.findings);
            report.declared.push((contract.name.clone(), contract.span));
        }
        report
    }
}

//! What verifying says at the end.

use std::fmt::Write;
use std::io::IsTerminal;

use rolecall_dsl::Contract;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::diagnostic::{Format as Findings, JsonFinding, render as render_findings};
use rolecall_dsl::monitor::DeliveryMode;
use rolecall_plugin_host::{LoadReport, PluginHost};
use serde::Serialize;

use super::stages::Trial;
use super::{Format, Verification};
use crate::enforce::delivery_mode;

/// What became of one role.
#[derive(Debug, Serialize)]
pub(super) struct RoleSummary {
    pub(super) role: String,
    /// Whether it can be served.
    pub(super) accepted: bool,
    version: Option<String>,
    /// `token`, `sentence` or `full`, as replies go out with the plugins that are loaded.
    mode: Option<&'static str>,
    rules: usize,
    /// Replies judged: cases and the fallback.
    judged: usize,
    /// User turns rehearsed.
    rehearsed: usize,
    errors: usize,
}

impl RoleSummary {
    /// A role that did not compile.
    pub(super) fn refused(role: &str, errors: usize) -> Self {
        Self {
            role: role.to_owned(),
            accepted: false,
            version: None,
            mode: None,
            rules: 0,
            judged: 0,
            rehearsed: 0,
            errors,
        }
    }

    /// A role that went through the later stages.
    pub(super) fn tried(contract: &Contract, trial: &Trial, plugins: &PluginHost) -> Self {
        let errors = trial.findings.iter().filter(|finding| finding.severity == Severity::Error).count();
        Self {
            role: contract.name.clone(),
            accepted: errors == 0,
            version: Some(contract.version.to_string()),
            mode: Some(match strictest(contract, plugins) {
                DeliveryMode::Token => "token",
                DeliveryMode::Sentence => "sentence",
                DeliveryMode::Full => "full",
            }),
            rules: contract.rules.len(),
            judged: trial.judged,
            rehearsed: trial.rehearsed,
            errors,
        }
    }

    fn line(&self) -> String {
        match (&self.version, self.accepted) {
            (Some(version), true) => format!(
                "  ok       {}@{version}: {} rules, {} replies judged, {} turns rehearsed, delivered by {}",
                self.role,
                self.rules,
                self.judged,
                self.rehearsed,
                self.mode.unwrap_or_default(),
            ),
            _ => format!("  REFUSED  {}: {}", self.role, plural(self.errors, "error")),
        }
    }
}

/// The output in the format asked for.
pub(super) fn render(format: Format, verification: &Verification, plugins: &LoadReport) -> String {
    match format {
        Format::Human => human(verification, plugins),
        Format::Short => render_findings(&verification.findings, Findings::Short),
        Format::Github => render_findings(&verification.findings, Findings::Github),
        Format::Json => json(verification),
    }
}

fn human(verification: &Verification, plugins: &LoadReport) -> String {
    let color = std::io::stdout().is_terminal();
    let mut out = render_findings(&verification.findings, Findings::Human { color });
    if !out.is_empty() {
        out.push('\n');
    }
    for (file, reason) in &plugins.refused {
        // Writing to a string cannot fail.
        let _infallible = writeln!(out, "  warning  plugin {} was refused: {reason}", file.display());
    }
    for role in &verification.roles {
        out.push_str(&role.line());
        out.push('\n');
    }
    let _infallible = writeln!(
        out,
        "{}: {}, {}",
        plural(verification.files, "file"),
        plural(verification.errors(), "error"),
        plural(verification.warnings(), "warning"),
    );
    out
}

#[derive(Serialize)]
struct JsonReport<'a> {
    findings: Vec<JsonFinding<'a>>,
    roles: &'a [RoleSummary],
    files: usize,
    errors: usize,
    warnings: usize,
}

fn json(verification: &Verification) -> String {
    let report = JsonReport {
        findings: verification.findings.iter().map(JsonFinding::from).collect(),
        roles: &verification.roles,
        files: verification.files,
        errors: verification.errors(),
        warnings: verification.warnings(),
    };
    serde_json::to_string_pretty(&report)
        .map_or_else(|error| format!("{{\"error\":\"{error}\"}}\n"), |text| text + "\n")
}

fn plural(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}

/// The mode of the scenario that holds replies back the most.
fn strictest(contract: &Contract, plugins: &PluginHost) -> DeliveryMode {
    let bound = (0..contract.scenarios.len()).filter_map(|index| contract.in_scenario(index));
    bound.map(|bound| delivery_mode(&bound, plugins)).max().unwrap_or_else(|| delivery_mode(contract, plugins))
}

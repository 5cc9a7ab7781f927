//! What verifying says at the end.

use std::fmt::Write;
use std::io::IsTerminal;

use rolecall_dsl::Contract;
use rolecall_dsl::diagnostic::{
    Finding, Format as Findings, JsonFinding, JunitCase, JunitFile, Severity, junit as render_junit,
    render as render_findings,
};
use rolecall_dsl::monitor::DeliveryMode;
use rolecall_dsl::parse::parse;
use rolecall_plugin_host::{LoadReport, PluginHost};
use serde::{Deserialize, Serialize};

use super::bench::Bench;
use super::coverage::Coverage;
use super::mutation::Mutation;
use super::stages::Stage;
use super::tally::Tally;
use super::trial::Trial;
use super::witness::Proved;
use super::{Format, Verification};
use crate::cli::output::{plural, plurals};
use crate::enforce::delivery_mode;

/// Scenarios of a role that are shown to people.
const SHOWN: usize = 8;

/// What became of one role.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct RoleSummary {
    pub(super) role: String,
    /// The file that declares it.
    pub(super) file: String,
    /// Whether it can be served.
    pub(super) accepted: bool,
    version: Option<String>,
    /// `token`, `sentence` or `full`, as replies go out with the plugins that are loaded.
    mode: Option<String>,
    rules: usize,
    /// Replies judged: cases and the fallback.
    judged: usize,
    /// User turns answered by the model.
    rehearsed: usize,
    pub(super) errors: usize,
    /// The last stage that it entered, or the first that it failed.
    pub(super) stage: Stage,
    /// What shows that its rules can be kept, scenario by scenario.
    scenarios: Vec<Proved>,
    /// Which rules the cases cover.
    coverage: Option<Coverage>,
    /// What became of changes to its rules, with `--mutate`.
    mutation: Option<Mutation>,
    /// How often the model kept the contract, with a real one or `--repeat`.
    turns: Option<Tally>,
}

impl RoleSummary {
    /// A role that did not compile.
    pub(super) fn refused(role: &str, file: &str, findings: &[Finding]) -> Self {
        Self {
            role: role.to_owned(),
            file: file.to_owned(),
            accepted: false,
            version: None,
            mode: None,
            rules: 0,
            judged: 0,
            rehearsed: 0,
            errors: errors(findings),
            stage: Stage::failed(findings).unwrap_or(Stage::Syntax),
            scenarios: Vec::new(),
            coverage: None,
            mutation: None,
            turns: None,
        }
    }

    /// A role that went through the later stages.
    pub(super) fn tried(contract: &Contract, trial: &Trial, bench: &Bench) -> Self {
        let errors = errors(&trial.findings);
        let counted = bench.is_real() || bench.options.repeat > 1;
        let mode = match strictest(contract, &bench.plugins) {
            DeliveryMode::Token => "token",
            DeliveryMode::Sentence => "sentence",
            DeliveryMode::Full => "full",
        };
        Self {
            role: contract.name.clone(),
            file: contract.source.name().to_owned(),
            accepted: errors == 0,
            version: Some(contract.version.to_string()),
            mode: Some(mode.to_owned()),
            rules: contract.rules.len(),
            judged: trial.judged,
            rehearsed: trial.turns.turns,
            errors,
            stage: trial.stage,
            scenarios: trial.scenarios.clone(),
            coverage: trial.coverage.clone(),
            mutation: trial.mutation.clone(),
            turns: counted.then(|| trial.turns.clone()),
        }
    }

    /// It cannot be served after all.
    pub(super) fn refuse(&mut self, stage: Stage) {
        self.accepted = false;
        self.errors += 1;
        self.stage = stage;
    }

    fn lines(&self, out: &mut String) -> std::fmt::Result {
        let (role, file) = (&self.role, &self.file);
        let (Some(version), true) = (&self.version, self.accepted) else {
            let (errors, stage, of) = (plural(self.errors, "error"), self.stage, Stage::COUNT);
            let number = stage.number();
            return writeln!(out, "  REFUSED  {role} in {file}: {errors}, stopped in stage {number} of {of} ({stage})");
        };
        writeln!(
            out,
            "  ok       {role}@{version}: {}, {} judged, {} {}, delivered by {}",
            plural(self.rules, "rule"),
            plurals(self.judged, "reply", "replies"),
            plural(self.rehearsed, "turn"),
            if self.turns.is_some() { "answered" } else { "rehearsed" },
            self.mode.as_deref().unwrap_or_default(),
        )?;
        writeln!(out, "           all {} stages passed; {file}", Stage::COUNT)?;
        for proved in self.scenarios.iter().take(SHOWN) {
            writeln!(out, "           {proved}")?;
        }
        if self.scenarios.len() > SHOWN {
            let rest = self.scenarios.len() - SHOWN;
            writeln!(out, "           and {}; `--format json` has all", plural(rest, "further scenario"))?;
        }
        let more = [
            self.coverage.as_ref().map(ToString::to_string),
            self.mutation.as_ref().map(ToString::to_string),
            self.turns.as_ref().map(Tally::line),
        ];
        more.iter().flatten().try_for_each(|line| writeln!(out, "           {line}"))
    }
}

fn errors(findings: &[Finding]) -> usize {
    findings.iter().filter(|finding| finding.severity == Severity::Error).count()
}

/// The output in the format asked for.
pub(super) fn render(format: Format, verification: &Verification, plugins: &LoadReport) -> String {
    match format {
        Format::Human => human(verification, plugins),
        Format::Short => render_findings(&verification.findings, Findings::Short),
        Format::Github => render_findings(&verification.findings, Findings::Github),
        Format::Json => json(verification),
        Format::Sarif => render_findings(&verification.findings, Findings::Sarif),
        Format::Junit => junit(verification),
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
        let _infallible = role.lines(&mut out);
    }
    let _infallible = writeln!(
        out,
        "{}: {}, {}",
        plural(verification.files.len(), "file"),
        plural(verification.errors(), "error"),
        plural(verification.warnings(), "warning"),
    );
    out
}

/// A case for each role, whether it could be compiled or not.
fn junit(verification: &Verification) -> String {
    let files = verification.files.iter().map(|source| {
        let roles = parse(source, &mut Vec::new()).roles;
        let cases = roles.iter().map(|role| JunitCase { name: format!("role {}", role.name.value), span: role.span });
        JunitFile { name: source.name().to_owned(), cases: cases.collect() }
    });
    render_junit(&files.collect::<Vec<_>>(), &verification.findings)
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
        files: verification.files.len(),
        errors: verification.errors(),
        warnings: verification.warnings(),
    };
    serde_json::to_string_pretty(&report)
        .map_or_else(|error| format!("{{\"error\":\"{error}\"}}\n"), |text| text + "\n")
}

/// The mode of the scenario that holds replies back the most.
fn strictest(contract: &Contract, plugins: &PluginHost) -> DeliveryMode {
    let bound = (0..contract.scenarios.len()).filter_map(|index| contract.in_scenario(index));
    bound.map(|bound| delivery_mode(&bound, plugins)).max().unwrap_or_else(|| delivery_mode(contract, plugins))
}

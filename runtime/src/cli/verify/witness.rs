//! What shows that a contract can be kept: for each set of turns that its guards tell apart, a reply
//! that the analysis found, judged by the one checker and the real plugins.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::conflict::{Answer, analyse};
use rolecall_dsl::contract::{Language, Rule};
use rolecall_dsl::diagnostic::{Finding, Severity, codes};
use rolecall_plugin_host::PluginHost;
use serde::{Deserialize, Serialize};

use crate::contracts::judge::judge;

/// Characters of a reply that people are shown.
const SHOWN: usize = 120;

/// One scenario.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Proved {
    /// When it applies; nothing where no guard holds.
    name: Option<String>,
    /// A reply that complies.
    witness: Option<String>,
    /// Why there is none.
    undecided: Option<String>,
}

/// A reply for each scenario, and what the plugins say against it.
pub(super) async fn run(contract: &Arc<Contract>, plugins: &PluginHost) -> (Vec<Proved>, Vec<Finding>) {
    let (mut proved, mut findings) = (Vec::new(), Vec::new());
    for (index, scenario) in contract.scenarios.iter().enumerate() {
        let Some(bound) = contract.in_scenario(index) else { continue };
        let rules: Vec<&Rule> = bound.rules.iter().filter(|rule| rule.severity == Severity::Error).collect();
        let mut one = Proved { name: scenario.name.clone(), witness: None, undecided: None };
        match analyse(&rules, contract.languages.first().copied().unwrap_or(Language::En)).answer {
            Answer::Witness(reply) => {
                refusals(&bound, one.name.as_deref(), plugins, &reply, &mut findings).await;
                one.witness = Some(reply);
            }
            Answer::Undecided(reason) => one.undecided = Some(reason),
            // With the rules at fault this is an error of stage 3; without them a note was given there.
            Answer::Impossible => one.undecided = Some("no reply keeps all rules".to_owned()),
        }
        proved.push(one);
    }
    findings.dedup_by(|a, b| (a.code, a.span, &a.message) == (b.code, b.span, &b.message));
    (proved, findings)
}

/// What the whole court says against a reply. The analysis asks the checker itself, so that only
/// plugins can; anything else is a mistake of the analysis, and worth an error.
async fn refusals(
    bound: &Contract,
    scenario: Option<&str>,
    plugins: &PluginHost,
    reply: &str,
    findings: &mut Vec<Finding>,
) {
    let judgement = judge(bound, plugins, reply).await;
    let when = scenario.map(|scenario| format!(" ({scenario})")).unwrap_or_default();
    for broken in judgement.broken.iter().filter(|broken| broken.severity == Severity::Error) {
        let Some(rule) = bound.rules.iter().find(|rule| rule.id == broken.rule) else { continue };
        let shown = shown(reply);
        let message =
            format!("{shown} keeps the other rules{when}, and `{}` refuses it: {}", broken.rule, broken.message);
        let mut finding = Finding::new(codes::WITNESS_REFUSED, &rule.source, rule.span, message)
            .with_help("add a passing case, which shows that some reply complies");
        if rule.constraint.policy().is_none() {
            finding.severity = Severity::Error;
            finding.help = Some("this is a defect of the analysis, not of the contract: please report it".to_owned());
        }
        findings.push(finding);
    }
    for (plugin, error) in &judgement.failed {
        let asks = |rule: &&Rule| rule.constraint.policy().is_some_and(|policy| policy.plugin == *plugin);
        let Some(rule) = bound.rules.iter().find(asks) else { continue };
        let message = format!("plugin `{plugin}` gave no judgement: {error}");
        findings.push(Finding::new(codes::PLUGIN_FAILED, &rule.source, rule.span, message));
    }
}

impl std::fmt::Display for Proved {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let when = self.name.as_ref().map(|name| format!(" ({name})")).unwrap_or_default();
        match (&self.witness, &self.undecided) {
            (Some(reply), _) => write!(f, "a reply that complies{when}: {}", shown(reply)),
            (None, Some(why)) => write!(f, "whether a reply complies{when} is not decided: {why}"),
            (None, None) => Ok(()),
        }
    }
}

/// A reply on one line, in quotation marks, cut where it is long.
fn shown(reply: &str) -> String {
    let line = reply.replace('\n', "⏎");
    let cut: String = line.chars().take(SHOWN).collect();
    if cut.len() < line.len() { format!("“{cut}…”") } else { format!("“{cut}”") }
}

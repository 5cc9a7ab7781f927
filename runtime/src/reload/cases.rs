//! Whether the contracts still say what they said, under another version of a plugin.

use std::collections::HashSet;
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::diagnostic::{Code, Finding, Severity, codes};
use rolecall_dsl::span::Span;
use rolecall_plugin_host::PluginHost;

use crate::contracts::{check_policies, sandbox, told};

/// Whether a contract asks a plugin.
pub(super) fn names(contract: &Contract, plugin: &str) -> bool {
    let rules = contract.rules.iter().filter_map(|rule| rule.constraint.policy());
    rules.chain(&contract.delivery.policy).any(|policy| policy.plugin == plugin)
}

/// What would be lost if a plugin came into force.
pub(super) struct Lost {
    /// Of which contract, and the first of it; one sentence without a full stop.
    pub(super) reason: String,
    /// Whether the plugin only gave no judgement, as when the server is busy.
    pub(super) passing: bool,
}

/// Compares the plugins of now and of then by the contracts that ask the one that is new: parameters that it
/// no longer accepts, cases that no longer come out as written, a fallback or a sample of style that it no
/// longer lets through. What does not hold without it either does not count.
pub(super) async fn lost(
    plugin: &str,
    now: &PluginHost,
    then: &PluginHost,
    contracts: &[Arc<Contract>],
) -> Option<Lost> {
    for contract in contracts.iter().filter(|contract| names(contract, plugin)) {
        let wrong = errors(contract, then).await;
        if wrong.is_empty() {
            continue;
        }
        let known: HashSet<_> = errors(contract, now).await.iter().map(place).collect();
        let lost: Vec<Finding> = wrong.into_iter().filter(|finding| !known.contains(&place(finding))).collect();
        if !lost.is_empty() {
            let reason = format!("role {}: {}", contract.name, told(&lost));
            return Some(Lost { reason, passing: lost.iter().all(|finding| finding.code == codes::PLUGIN_FAILED) });
        }
    }
    None
}

async fn errors(contract: &Arc<Contract>, plugins: &PluginHost) -> Vec<Finding> {
    let mut findings = check_policies(contract, plugins).await;
    findings.extend(sandbox::run(contract, plugins).await.findings);
    findings.retain(|finding| finding.severity == Severity::Error);
    findings
}

/// What a finding is about. Its words may differ from one version of a plugin to the next.
fn place(finding: &Finding) -> (Code, String, Span) {
    (finding.code, finding.source.name().to_owned(), finding.span)
}

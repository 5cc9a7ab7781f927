//! A text before the whole court: the checker and every plugin that the contract names.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::contract::{Language, Rule};
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::Violation;
use rolecall_plugin_host::{CallError, Context, PluginHost, Severity as Weight};

/// A rule that a text breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Broken {
    pub(crate) rule: Arc<str>,
    pub(crate) severity: Severity,
    pub(crate) message: String,
}

impl From<Violation> for Broken {
    fn from(violation: Violation) -> Self {
        Self { rule: violation.id, severity: violation.severity, message: violation.message }
    }
}

/// What was found about a text.
#[derive(Debug, Default)]
pub(crate) struct Judgement {
    pub(crate) broken: Vec<Broken>,
    /// Plugins that gave no judgement.
    pub(crate) failed: Vec<(String, CallError)>,
}

impl Judgement {
    /// The first error-severity rule that is broken.
    pub(crate) fn first_error(&self) -> Option<&Broken> {
        self.broken.iter().find(|broken| broken.severity == Severity::Error)
    }

    /// Whether a rule is broken, at any severity.
    pub(crate) fn breaks(&self, rule: &str) -> bool {
        self.broken.iter().any(|broken| &*broken.rule == rule)
    }
}

/// The contract as it binds the first answer of a dialogue to this user turn.
pub(crate) fn binding(contract: &Arc<Contract>, user: Option<&str>) -> Arc<Contract> {
    contract.for_turn(user.unwrap_or_default(), true)
}

/// Judges a whole reply.
pub(crate) async fn judge(contract: &Contract, plugins: &PluginHost, reply: &str) -> Judgement {
    let verdict = contract.program.check(reply);
    let broken = verdict.violations.into_iter().map(Broken::from);
    let mut judgement = Judgement { broken: broken.collect(), failed: Vec::new() };
    for rule in &contract.rules {
        judge_policy(contract, rule, plugins, reply, &mut judgement).await;
    }
    judgement
}

/// Adds what the plugin of one rule says, if a plugin judges it.
pub(crate) async fn judge_policy(
    contract: &Contract,
    rule: &Rule,
    plugins: &PluginHost,
    reply: &str,
    judgement: &mut Judgement,
) {
    let Some(policy) = rule.constraint.policy() else { return };
    let context = Context { role: contract.name.clone(), language: language(contract).to_owned() };
    // These are trials: nothing that they make a plugin keep, or fail at, counts for those who talk to it.
    match plugins.on_trial().check(&policy.plugin, &policy.params, &context, reply).await {
        Ok(violations) => judgement.broken.extend(violations.into_iter().map(|violation| Broken {
            rule: Arc::clone(&rule.id),
            severity: milder(rule.severity, violation.severity),
            message: violation.message,
        })),
        Err(error) => judgement.failed.push((policy.plugin.clone(), error)),
    }
}

/// A rule says how much its policy may weigh at most.
fn milder(rule: Severity, weight: Weight) -> Severity {
    match weight {
        Weight::Error => rule,
        Weight::Warning => rule.min(Severity::Warning),
    }
}

fn language(contract: &Contract) -> &'static str {
    match contract.languages.first() {
        Some(Language::Zh) => "zh",
        Some(Language::En) | None => "en",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when a policy can raise the severity that a contract gives its rule.
    #[test]
    fn the_milder_severity_counts() {
        use Severity::{Error, Note, Warning};
        let both = |rule| (milder(rule, Weight::Error), milder(rule, Weight::Warning));
        assert_eq!([both(Error), both(Warning), both(Note)], [(Error, Warning), (Warning, Warning), (Note, Note)]);
    }
}

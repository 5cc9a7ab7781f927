//! How replies under a contract go out.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::constraint::Class;
use rolecall_dsl::contract::Rule;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::DeliveryMode;

use super::Judges;

/// What one rule makes of a reply's delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModeReason {
    /// The rule's id.
    pub rule: Arc<str>,
    /// The loosest mode under which it can be kept.
    pub mode: DeliveryMode,
    /// Why, for people.
    pub why: &'static str,
}

/// The mode that the strictest rule demands, with the plugins that are there.
#[must_use]
pub fn delivery_mode(contract: &Contract, judges: &dyn Judges) -> DeliveryMode {
    mode_reasons(contract, judges).map(|reason| reason.mode).max().unwrap_or(DeliveryMode::Token)
}

/// What each rule that can block demands, in the order written. Rules that only warn hold nothing up.
pub fn mode_reasons(contract: &Contract, judges: &dyn Judges) -> impl Iterator<Item = ModeReason> {
    let blocking = contract.rules.iter().filter(|rule| rule.severity == Severity::Error);
    blocking.map(|rule| {
        let (mode, why) = reason(rule, contract.fallback.is_some(), judges);
        ModeReason { rule: Arc::clone(&rule.id), mode, why }
    })
}

fn reason(rule: &Rule, has_fallback: bool, judges: &dyn Judges) -> (DeliveryMode, &'static str) {
    match rule.constraint.class() {
        Class::Safety => (DeliveryMode::Token, "what breaks it is held back and never becomes good again"),
        Class::Whole => (DeliveryMode::Full, "only a whole reply can be judged"),
        Class::Judged => match rule.constraint.policy().and_then(|policy| judges.streaming(&policy.plugin)) {
            Some(true) => (DeliveryMode::Sentence, "the plugin judges sentence by sentence"),
            Some(false) => (DeliveryMode::Full, "the plugin judges whole replies only"),
            // It fails at once, which needs no whole reply.
            None => (DeliveryMode::Sentence, "the plugin is not there"),
        },
        Class::EndOnly | Class::Ratio if has_fallback => {
            (DeliveryMode::Sentence, "it is decided at the end, which the fallback can make good")
        }
        Class::EndOnly | Class::Ratio => {
            (DeliveryMode::Full, "it is decided at the end, and without a fallback nothing could make that good")
        }
    }
}

//! How replies under a contract go out.

use rolecall_dsl::Contract;
use rolecall_dsl::constraint::Class;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::DeliveryMode;

use super::Judges;

/// The mode that the strictest rule demands, with the plugins that are there.
#[must_use]
pub fn delivery_mode(contract: &Contract, judges: &dyn Judges) -> DeliveryMode {
    let mut mode = contract.program.delivery_mode();
    let blocking = || contract.rules.iter().filter(|r| r.severity == Severity::Error);
    for policy in blocking().filter_map(|r| r.constraint.policy()) {
        // A policy wants whole sentences to judge, and whole replies if it does not stream. A plugin
        // that is not there fails at once, which needs no whole reply.
        let whole = judges.streaming(&policy.plugin) == Some(false);
        mode = mode.max(if whole { DeliveryMode::Full } else { DeliveryMode::Sentence });
    }
    let late = blocking().any(|r| matches!(r.constraint.class(), Class::EndOnly | Class::Ratio));
    if late && contract.fallback.is_none() { DeliveryMode::Full } else { mode }
}

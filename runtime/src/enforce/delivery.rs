//! Texts that reach people without a model, such as offline messages.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::diagnostic::Severity;
use rolecall_wire::frame::Hit;

use super::Permitted;
use super::policy::{Judges, Policies};
use super::probe::Probe;
use super::record::{Broken, Record};
use crate::telemetry::Metrics;

/// Judges a whole text by the rules that bind notices ([`Contract::for_notices`]) and the policies.
/// Matches of rules with `on_violation redact` are replaced; any other broken rule refuses the text.
///
/// # Errors
/// The rules that are broken, as hits with the action `reject`.
pub async fn admit_delivery(
    contract: &Arc<Contract>,
    judges: Arc<dyn Judges>,
    metrics: &Metrics,
    text: &str,
) -> Result<Permitted<String>, Vec<Hit>> {
    let contract = contract.for_notices();
    let mut record = Record::new(&contract.name, metrics.clone());
    let piece = Probe::behind(contract, "").finish_with(text);
    let mut wrong: Vec<Broken> = piece.blocking.iter().map(|f| f.broken.clone()).collect();
    let mut warned = Vec::new();
    if wrong.is_empty() {
        let mut policies = Policies::of(contract, judges);
        let judgement = policies.check(&piece.text).await;
        judgement.allowed.iter().for_each(|(rule, message)| record.note(rule, "warn", message));
        (wrong, warned) = (judgement.broken, judgement.warned);
    }
    // What was put in place of a match was not judged yet; the rest was.
    let holds = || piece.redacted.is_empty() || contract.program.check(&piece.text).passes();
    if wrong.is_empty() && piece.clean() && holds() {
        for r in &piece.redacted {
            record.edit(&r.rule, "redact", &r.message);
        }
        warned.iter().for_each(|(rule, message)| record.note(rule, "warn", message));
        return Ok(Permitted::new(piece.text));
    }
    if wrong.is_empty() {
        // Only what was put in place of a match can still be wrong.
        let verdict = contract.program.check(&piece.text);
        let errors = verdict.violations.iter().filter(|v| v.severity == Severity::Error || v.redacted);
        errors.for_each(|v| record.edit(&v.id, "reject", &v.message));
    }
    record.edit_all(&wrong, "reject");
    Err(record.hits().to_vec())
}

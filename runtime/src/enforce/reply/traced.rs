//! The account of a reply.

use rolecall_wire::frame::Outcome;

use super::ReplyStream;
use crate::clock;
use crate::enforce::trace::Trace;

impl ReplyStream {
    /// Why the reply is as it is; `None` when no rule acted on it. `outcome` says how it ended, if the
    /// ladder came to its end.
    #[must_use]
    pub fn trace(&self, id: &str, outcome: Option<Outcome>) -> Option<Trace> {
        if self.record.acts().is_empty() {
            return None;
        }
        let contract = &self.contract;
        Some(Trace {
            id: id.to_owned(),
            role: contract.name.clone(),
            version: contract.version.to_string(),
            digest: contract.digest.clone(),
            mode: self.mode.name().to_owned(),
            outcome,
            at_ms: clock::unix_ms(),
            acts: self.heard.explain(contract, &self.out, self.record.acts().to_vec()),
            cut: self.heard.is_cut(),
        })
    }
}

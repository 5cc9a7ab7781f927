//! An answer that calls tools.
//!
//! It is not the end of a reply, which goes on when the results are there: what its text says must keep the
//! contract, and no rule asks yet for what is still missing. Its calls go out together, whole, or not at all;
//! then the ladder follows as for any other answer. Where the token limit leaves no call, there is nothing that
//! goes on, and the text is judged as the reply that it then is.

use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::DeliveryMode;
use rolecall_wire::frame::Outcome;

use super::{End, Permitted, Probe, ReplyStream, Stop, permitted};
use crate::enforce::tools::{Calls, ToolCall, judge};

/// Calls on their way out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Called {
    /// The last piece of what is said with them.
    pub release: Option<Permitted<String>>,
    /// `Complete` or `Repaired`.
    pub outcome: Outcome,
    /// The calls; none when the model's token limit has cut the only one, and nothing was said.
    pub calls: Vec<Permitted<ToolCall>>,
}

impl ReplyStream {
    /// Ends an answer that calls tools, or should: it is over, or was stopped; `limited` says that its token
    /// limit stopped it. Cancel-unsafe.
    ///
    /// # Errors
    /// What the contract's ladder comes to when no call goes out.
    pub async fn end_with_calls(&mut self, calls: Calls, limited: bool) -> Result<Called, End> {
        let mut release = self.pass_opening().await;
        release.push_str(&self.pass_remark().await);
        if !matches!(self.attempt.stop, None | Some(Stop::Cut)) {
            return Err(self.conclude_calls(release, &[]).await);
        }
        let judged = judge(calls, limited, &self.contract, &mut self.policies).await;
        for (rule, message) in &judged.allowed {
            self.record.note(rule, "warn", message);
        }
        let sound = self.says_nothing_wrong();
        if !sound {
            // What went out before was judged piece by piece; this piece is not to follow.
            self.out.truncate(self.out.len().saturating_sub(release.len()));
            self.base = Probe::behind(&self.contract, &self.out);
            release.clear();
        }
        if !judged.broken.is_empty() || !sound {
            if !self.attempt.stop_if_wanted(&judged.broken) {
                self.attempt.stop = Some(Stop::Dead);
            }
            self.attempt.broken.add(judged.broken);
            return Err(self.conclude_calls(release, &judged.told).await);
        }
        if judged.calls.is_empty() && !(self.attempt.blank && self.out.trim().is_empty()) {
            // The token limit has cut the only call: nothing goes on, and what was said is all there is of the
            // reply. It is judged to its end, as any other that the limit cuts.
            return Err(self.conclude(release).await);
        }
        for (rule, message) in &judged.warned {
            self.record.note(rule, "warn", message);
        }
        if let Some((rule, message)) = judged.dropped {
            self.record.edit(rule, "drop", message);
        }
        let outcome = if self.record.edited() { Outcome::Repaired } else { Outcome::Complete };
        Ok(Called { release: permitted(release), outcome, calls: judged.calls })
    }

    /// Concludes an answer that calls tools. What the model hears next is what was wrong with it, in its own
    /// language (`told`), and not what a reply would still lack: a call is not to end one.
    async fn conclude_calls(&mut self, release: String, told: &[(String, String)]) -> End {
        let mut end = self.conclude(release).await;
        if let End::Retry { additions, .. } = &mut end {
            additions.calling = true;
            additions.still.clear();
            for message in &mut additions.broken {
                if let Some((_, told)) = told.iter().find(|(known, _)| *known == *message) {
                    message.clone_from(told);
                }
            }
        }
        end
    }

    /// Ends the text in front of the calls: what of it is good goes out, the rest is dropped.
    async fn pass_remark(&mut self) -> String {
        match self.mode {
            DeliveryMode::Token if self.attempt.stop.is_none() => self.end_remark(),
            DeliveryMode::Sentence | DeliveryMode::Full if self.attempt.blank => String::new(),
            _ => {
                let text = self.pass_end().await;
                if text.is_empty() && self.attempt.stop.is_none() {
                    self.record.edit_all(self.attempt.broken.all(), "drop");
                }
                text
            }
        }
    }

    fn end_remark(&mut self) -> String {
        let mut piece = self.attempt.probe.end();
        if !piece.blocking.iter().any(|fault| fault.said) {
            // What is missing may still come.
            piece.blocking.clear();
            piece.dead = false;
        }
        let text = self.settle_token(piece);
        self.base = Probe::behind(&self.contract, &self.out);
        text
    }

    /// The check of the whole text, as [`over`](Self::over) does it, for the rules about what is said.
    fn says_nothing_wrong(&mut self) -> bool {
        let verdict = self.contract.for_notices().program.check(&self.out);
        if !verdict.passes() {
            tracing::error!(role = %self.contract.name, ?verdict, "a remark does not pass the whole-text check");
            for v in verdict.violations.iter().filter(|v| v.severity == Severity::Error) {
                self.record.edit(&v.id, "reject", &v.message);
            }
        }
        verdict.passes()
    }
}

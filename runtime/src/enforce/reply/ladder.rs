//! What follows a model's answer: done, the contract's own closing words, another attempt, the
//! fallback, a refusal; in this order.

use rolecall_dsl::contract::OnViolation;
use rolecall_dsl::diagnostic::Severity;
use rolecall_wire::frame::Outcome;

use super::{Attempt, Broken, Cause, End, ReplyStream, Stop, broken, join, permitted};
use crate::enforce::prompt::Additions;
use rolecall_dsl::monitor::DeliveryMode;

/// Attempts for rules that do not count them: a default rule's.
const DEFAULT_REPAIRS: u8 = 2;

/// The id under which an answer without any usable text is reported.
const EMPTY: &str = "empty_reply";

impl ReplyStream {
    /// The caller's limit on tokens is used up: where some of the reply is out, the model is not asked for more.
    pub fn say_no_more(&mut self) {
        self.spent = true;
    }

    /// Whether the answer was cut where it complies. What the model says on goes nowhere; what it calls may.
    #[must_use]
    pub fn is_cut(&self) -> bool {
        self.attempt.stop == Some(Stop::Cut)
    }

    pub(super) async fn conclude(&mut self, mut release: String) -> End {
        // An answer that a rule stopped is not done, even if what is out happens to comply: it ends
        // in the middle of something.
        if matches!(self.attempt.stop, None | Some(Stop::Cut)) {
            if self.finished(&mut release).await {
                return self.done(release).await;
            }
            let wrong = self.attempt.broken.all().to_vec();
            self.attempt.stop_if_wanted(&wrong);
        }
        match self.attempt.stop {
            Some(Stop::Reject) => self.refuse(release).await,
            Some(Stop::Fallback) => self.fall_back(release).await,
            _ if self.may_repair() => self.repair(release),
            _ => self.fall_back(release).await,
        }
    }

    /// Whether the reply is good as it stands, or with the contract's own closing words.
    async fn finished(&mut self, release: &mut String) -> bool {
        if self.out.trim().is_empty() {
            if self.attempt.broken.all().is_empty() {
                self.attempt.broken.add([empty_reply()]);
            }
            return false;
        }
        let end = self.base.end();
        if end.clean() {
            return self.policies_agree().await;
        }
        let wrong = broken(&end.blocking);
        for closer in self.closers() {
            let words = join::behind(&self.out, &closer);
            if !self.base.ends_well_with(&words) {
                continue;
            }
            let judgement = self.policies.check(&format!("{}{words}", self.out)).await;
            if judgement.broken.is_empty() {
                self.note_allowed(&judgement);
                self.let_out_last(&words);
                release.push_str(&words);
                self.record.edit_all(&wrong, "repair");
                return true;
            }
        }
        self.attempt.broken.add(wrong);
        false
    }

    async fn policies_agree(&mut self) -> bool {
        if self.mode == DeliveryMode::Full {
            // The whole text was judged before any of it went out; what was there before an
            // interruption, and words added since, are judged here.
            return true;
        }
        if self.attempt.agreed == self.out.len() {
            self.policies.reopen();
            return true;
        }
        let judgement = self.policies.finish(&self.out).await;
        self.note_allowed(&judgement);
        self.policies.reopen();
        let agree = judgement.broken.is_empty();
        self.attempt.broken.add(judgement.broken);
        agree
    }

    fn let_out_last(&mut self, text: &str) {
        self.base.advance(text);
        self.out.push_str(text);
    }

    fn may_repair(&self) -> bool {
        let allowed = self.attempt.broken.all().iter().map(|b| match b.action {
            OnViolation::Repair(n) => n,
            OnViolation::Truncate | OnViolation::Redact(_) => DEFAULT_REPAIRS,
            OnViolation::Reject | OnViolation::Fallback => 0,
        });
        let hopeless = self.attempt.broken.all().iter().any(|b| b.cause == Cause::Missing);
        let spent = self.spent && !self.out.is_empty();
        !hopeless && !spent && !self.base.dead() && allowed.max().is_some_and(|n| self.repairs < n)
    }

    fn repair(&mut self, release: String) -> End {
        let wrong = self.attempt.broken.all().to_vec();
        self.record.edit_all(&wrong, "repair");
        self.repairs += 1;
        self.policies.reopen();
        self.attempt = Attempt::behind(&self.contract, &self.out, &self.base);
        self.heard.again(self.out.len());
        let mut messages: Vec<String> = Vec::new();
        for b in wrong {
            if !messages.contains(&b.message) {
                messages.push(b.message);
            }
        }
        let (already, still) = (self.out.clone(), self.base.missing());
        let additions = Additions { already, still, broken: messages, calling: false };
        End::Retry { release: permitted(release), additions }
    }

    async fn fall_back(&mut self, mut release: String) -> End {
        let Some(fallback) = self.contract.fallback.as_ref().map(|f| join::behind(&self.out, &f.value)) else {
            return self.refuse(release).await;
        };
        self.policies.reopen();
        if !self.base.ends_well_with(&fallback) || !self.policies_let_fall_back(&fallback).await {
            return self.refuse(release).await;
        }
        self.let_out_last(&fallback);
        release.push_str(&fallback);
        let wrong = std::mem::take(&mut self.attempt.broken);
        self.record.edit_all(wrong.all(), "fallback");
        self.over(release, Outcome::Fallback).await
    }

    /// Asks the policies about the fallback, except those whose failure calls for it.
    async fn policies_let_fall_back(&mut self, fallback: &str) -> bool {
        let judgement = self.policies.check(&format!("{}{fallback}", self.out)).await;
        self.note_allowed(&judgement);
        let wrong: Vec<Broken> = judgement.broken.into_iter().filter(|b| b.cause != Cause::Excused).collect();
        let agree = wrong.is_empty();
        self.attempt.broken.add(wrong);
        agree
    }

    async fn refuse(&mut self, release: String) -> End {
        let mut wrong = std::mem::take(&mut self.attempt.broken);
        if wrong.all().is_empty() {
            // A refusal names what stood in the way: at least what is wrong with what is out.
            wrong.add(broken(&self.base.end().blocking));
        }
        if wrong.all().is_empty() {
            wrong.add([empty_reply()]);
        }
        self.record.edit_all(wrong.all(), "reject");
        self.over(release, Outcome::Refused).await
    }

    async fn done(&mut self, release: String) -> End {
        let outcome = if self.record.edited() { Outcome::Repaired } else { Outcome::Complete };
        self.over(release, outcome).await
    }

    /// Reports warnings, never lets out a last piece with which the whole-text check fails, and never calls a text good that the whole-text check does not pass.
    pub(super) async fn over(&mut self, mut release: String, mut outcome: Outcome) -> End {
        if outcome != Outcome::Refused {
            let verdict = self.contract.program.check(&self.out);
            for v in verdict.violations.iter().filter(|v| v.severity < Severity::Error) {
                self.record.note(&v.id, "warn", &v.message);
            }
            if !verdict.passes() {
                tracing::error!(role = %self.contract.name, ?verdict, "a finished reply does not pass the whole-text check");
                for v in verdict.violations.iter().filter(|v| v.severity == Severity::Error) {
                    self.record.edit(&v.id, "reject", &v.message);
                }
                outcome = Outcome::Refused;
                // What went out before was judged piece by piece; this piece is not to follow.
                self.out.truncate(self.out.len() - release.len());
                release.clear();
            }
            self.policies.warn(&self.out, &mut self.record).await;
        }
        End::Done { release: permitted(release), outcome, hits: self.record.hits().to_vec() }
    }
}

fn empty_reply() -> Broken {
    Broken {
        id: EMPTY.to_owned(),
        message: "the model gave no usable text".to_owned(),
        action: OnViolation::default(),
        cause: Cause::Text,
    }
}

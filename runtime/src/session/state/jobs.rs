//! Turns that answer jobs: nothing of them is said before the reply is whole.

use std::time::Duration;

use rolecall_wire::frame::{Hit, Outcome};

use super::super::error::refusal_code;
use super::super::job_mark::JobMark;
use super::super::jobs::{JobEnd, JobOrder};
use super::super::saved::Waiting;
use super::{Machine, Start};
use crate::enforce;
use crate::outbox::{Entry, ReplyText};

/// What a session makes of a job.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) enum JobTaken {
    /// It was answered or cancelled before.
    Over(JobEnd),
    /// Its attempt is under way, or its end is being committed.
    Running,
    /// Another turn is being answered or waits.
    Busy,
    /// It begins.
    Begun(Start),
}

/// How a job's attempt ended, for whoever asked, behind the commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::session) struct JobReport {
    pub(in crate::session) id: String,
    pub(in crate::session) end: JobEnd,
}

impl Machine {
    /// A job is to be answered.
    pub(in crate::session) fn job(&mut self, order: JobOrder) -> JobTaken {
        let mark = JobMark { id: order.id, created_ms: order.created_ms, cancelled: false, reply: 0 };
        if self.pending.jobs.iter().any(|report| report.id == mark.id) {
            return JobTaken::Running;
        }
        if let Some(known) = self.saved.job_mark(&mark) {
            let reply = (known.reply != 0).then_some(known.reply);
            return JobTaken::Over(if known.cancelled { JobEnd::Cancelled } else { JobEnd::Answered(reply) });
        }
        if self.saved.running.as_ref().is_some_and(|running| running.job.as_ref() == Some(&mark)) {
            return JobTaken::Running;
        }
        if self.saved.running.is_some() || !self.saved.queue.is_empty() {
            return JobTaken::Busy;
        }
        self.saved.turn = self.saved.turn.saturating_add(1);
        let waiting = Waiting { turn: self.saved.turn, seq: self.head, text: order.text, job: Some(mark) };
        self.saved.queue.push(waiting);
        match self.advance() {
            Some(start) => JobTaken::Begun(start),
            None => JobTaken::Busy,
        }
    }

    /// The job that is being answered.
    pub(in crate::session) fn running_job(&self) -> Option<&str> {
        self.saved.running.as_ref()?.job.as_ref().map(|job| job.id.as_str())
    }

    /// The running turn cannot be answered. Says whether it answers a job, whose taker hears of it: then nobody who is
    /// connected asked.
    pub(in crate::session) fn blame(&mut self, code: &str, message: &str, retry_after: Option<Duration>) -> bool {
        if self.running_job().is_none() {
            return false;
        }
        self.blamed = Some(JobEnd::Failed { code: code.to_owned(), message: message.to_owned(), retry_after });
        true
    }

    /// The running turn, which answers a job, is over.
    pub(super) fn finish_job(
        &mut self,
        now_ms: u64,
        running: Waiting,
        said: ReplyText,
        outcome: Outcome,
        hits: Vec<Hit>,
    ) {
        let (pieces, blamed) = (std::mem::take(&mut self.pieces), self.blamed.take());
        let Some(mark) = running.job else { return };
        let id = mark.id.clone();
        let end = match (outcome, enforce::admit(&running.text)) {
            (Outcome::Failed, _) => blamed.unwrap_or_else(|| JobEnd::Failed {
                code: "internal".to_owned(),
                message: "the attempt ended early by an internal error".to_owned(),
                retry_after: None,
            }),
            // The contract's ladder came to its end without a reply: another attempt would too, or by chance not.
            (Outcome::Refused, _) => {
                let rules: Vec<String> = enforce::outward(hits).iter().map(|hit| format!("`{}`", hit.rule)).collect();
                let message = format!("no reply kept the contract; broken: {}", rules.join(", "));
                JobEnd::Failed { code: "contract_refused".to_owned(), message, retry_after: None }
            }
            (_, Err(refused)) => JobEnd::Failed {
                code: refusal_code(&refused).to_owned(),
                message: refused.to_string(),
                retry_after: None,
            },
            (Outcome::Cancelled, Ok(_)) => {
                self.saved.mark_job(JobMark { cancelled: true, ..mark });
                JobEnd::Cancelled
            }
            (_, Ok(words)) => {
                self.push(Entry::user(running.turn, now_ms, format!("job:{id}"), words));
                for piece in &pieces {
                    if !self.pending.entries.last_mut().is_some_and(|last| last.extend(running.turn, piece)) {
                        Entry::deltas(running.turn, now_ms, piece).for_each(|entry| self.push(entry));
                    }
                }
                if !said.as_str().is_empty() {
                    self.saved.remember(running.text, said.as_str().to_owned(), self.keep);
                }
                self.push(Entry::reply(running.turn, now_ms, said, outcome, hits));
                self.saved.mark_job(JobMark { reply: self.head, ..mark });
                JobEnd::Answered(Some(self.head))
            }
        };
        self.pending.jobs.push(JobReport { id, end });
    }
}

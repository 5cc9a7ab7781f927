//! What a session remembers of the jobs that it answered.

use super::saved::{Saved, drop_front};
use crate::ids::Seq;

/// Jobs remembered. The queue lets a session have one that is unsettled, so one would do unless the queue forgot itself.
const JOBS: usize = 16;

/// What tells a job from all others of its session.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct JobMark {
    /// The caller's id of it.
    #[prost(string, tag = "1")]
    pub(super) id: String,
    /// When it was posted: an id may be used again after a day.
    #[prost(uint64, tag = "2")]
    pub(super) created_ms: u64,
    /// Whether it ended without a reply.
    #[prost(bool, tag = "3")]
    pub(super) cancelled: bool,
    /// Where the end of its reply is in the log; 0 where it has none, or an earlier release did not say.
    #[prost(uint64, tag = "4")]
    pub(super) reply: Seq,
}

impl Saved {
    /// What is remembered of a job.
    pub(super) fn job_mark(&self, job: &JobMark) -> Option<&JobMark> {
        self.jobs.iter().find(|known| known.id == job.id && known.created_ms == job.created_ms)
    }

    /// Remembers that a job was answered or cancelled.
    pub(super) fn mark_job(&mut self, job: JobMark) {
        self.jobs.push(job);
        drop_front(&mut self.jobs, JOBS);
    }
}

//! Jobs of the inference queue, as sessions answer them.
//!
//! A job becomes a turn like a user's: the session that takes it commits that it runs, so that whoever goes on with the
//! session after a crash goes on with it. But nothing of it is said before its reply is whole. One commit then holds what
//! was asked, the reply, and the job's mark. So an attempt that fails leaves nothing behind that anybody could see, and a
//! job that is taken a second time finds its mark.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot};
use tokio_util::sync::CancellationToken;

use super::Sessions;
use super::error::SessionError;
use super::event::Command;
use super::registry::Deps;
use crate::ids::{Seq, SessionId};
use crate::store::jobs::{Job, JobClaim};
use crate::store::{Ring, StoreError};

/// Jobs that other processes have handed to this one and that wait to be run; further ones are taken again when their
/// lease is over.
const HANDED: usize = 1_024;
/// How often a job is given to a session that is just leaving memory.
const ATTEMPTS: usize = 3;

/// What came of a job in its session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobEnd {
    /// Its reply is committed, now or before: its end is here in the log, where that is known.
    Answered(Option<Seq>),
    /// It was cancelled, and has none.
    Cancelled,
    /// The attempt failed, and left nothing behind.
    Failed {
        /// A stable code.
        code: String,
        /// For people; without secrets.
        message: String,
        /// When whoever refused asked to come back.
        retry_after: Option<Duration>,
    },
    /// Another turn is being answered or waits; the job was not begun.
    Busy,
}

/// Where a job went.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum JobRun {
    /// This process ran it.
    Here(JobEnd),
    /// Another process serves the session, and was told.
    Elsewhere,
    /// The session took it, and left memory without saying what came of it: whoever goes on with the session goes on with
    /// it.
    Unknown,
}

/// A job as its session takes it.
#[derive(Debug)]
pub(super) struct JobOrder {
    pub(super) id: String,
    /// With the id, what tells it from all others of the session.
    pub(super) created_ms: u64,
    pub(super) text: String,
}

/// Where jobs wait that other processes have handed to this one.
#[derive(Debug)]
pub(super) struct Handed {
    sender: mpsc::Sender<JobClaim>,
    receiver: parking_lot::Mutex<Option<mpsc::Receiver<JobClaim>>>,
}

impl Default for Handed {
    fn default() -> Self {
        let (sender, receiver) = mpsc::channel(HANDED);
        Self { sender, receiver: parking_lot::Mutex::new(Some(receiver)) }
    }
}

impl Handed {
    /// Another process says that this one is to run a job.
    pub(super) fn take(&self, claim: JobClaim) {
        if let Err(error) = self.sender.try_send(claim) {
            tracing::debug!(%error, "a job that was handed over waits for its lease to end");
        }
    }
}

impl Sessions {
    /// The jobs that other processes hand to this one; `None` the second time.
    #[must_use]
    pub(crate) fn handed_jobs(&self) -> Option<mpsc::Receiver<JobClaim>> {
        self.0.jobs.receiver.lock().take()
    }

    /// Has a session answer a job that was taken with this token, and waits for the end. Cancelling asks for an early end,
    /// which is then reported. Dropping the future does not end the attempt.
    ///
    /// # Errors
    /// When there is no such session, the store refuses, or the session is just leaving memory; it did not take the job then.
    pub async fn run_job(&self, job: &Job, token: &str, cancel: &CancellationToken) -> Result<JobRun, SessionError> {
        if self.0.served_elsewhere(&job.session, &job.id, token).await? {
            return Ok(JobRun::Elsewhere);
        }
        for _ in 0..ATTEMPTS {
            let mailbox = self.0.actor(&job.session, None).await?;
            let order = JobOrder { id: job.id.clone(), created_ms: job.created_ms, text: job.text.clone() };
            let (answer, mut ended) = oneshot::channel();
            if mailbox.send(Command::Job(Box::new(order), answer)).await.is_err() {
                continue;
            }
            let outcome = tokio::select! {
                biased;
                outcome = &mut ended => outcome,
                () = cancel.cancelled() => {
                    // One that is gone answers nothing, which is seen next.
                    let _ = mailbox.send(Command::CancelJob(job.id.clone())).await;
                    ended.await
                }
            };
            return Ok(outcome.map_or(JobRun::Unknown, JobRun::Here));
        }
        Err(SessionError::Busy)
    }
}

impl Deps {
    /// Whether another process that lives serves a session; it is told then. A session whose owner is gone may be taken.
    async fn served_elsewhere(self: &Arc<Self>, id: &SessionId, job: &str, token: &str) -> Result<bool, SessionError> {
        let row = self.store.session(id).await?.ok_or_else(|| SessionError::NoSession(id.clone()))?;
        let Some(nodes) = self.store.nodes() else { return Ok(false) };
        let Some(owner) = row.hold.map(|hold| hold.owner).filter(|owner| owner != self.store.node()) else {
            return Ok(false);
        };
        if nodes.ring(&owner, &Ring::Job(id.clone(), job.to_owned(), token.to_owned())).await? {
            return Ok(true);
        }
        // The store was away from everybody: the owner may renew its lease a moment later.
        if self.may_judge(nodes) { Ok(false) } else { Err(StoreError::Owned { id: id.clone(), owner }.into()) }
    }
}

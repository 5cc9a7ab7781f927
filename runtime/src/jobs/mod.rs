//! The inference queue at work: what is asked of it, and who answers.
//!
//! ```text
//! POST …/jobs ─► JobQueue ─► store::jobs (durable, ordered, bounded)
//!                                 │ take, under a lease
//!                            worker ─► the session's actor ─► a turn ─► one commit: asked, reply, mark
//!                                 │ settle: done, again later, dead letter
//! ```
//!
//! [`worker`] takes what is due while there is room that people who wait do not need, [`backoff`] says when a failed
//! attempt is repeated. At most one final text: see [`crate::session`] and [`crate::store::jobs`].

mod backoff;
mod worker;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

pub(crate) use backoff::LONGEST_PAUSE;
use parking_lot::Mutex;
use tokio::sync::{Notify, Semaphore};
use tokio_util::sync::CancellationToken;

use crate::contracts::Contracts;
use crate::enforce;
use crate::ids::SessionId;
use crate::model::Models;
use crate::model::dice::{self, Dice};
use crate::session::{SessionError, Sessions};
use crate::shutdown::Shutdown;
use crate::store::jobs::{Added, Cancelled, Job, JobLimits, NewJob, Retried, Waiting};
use crate::store::{Store, StoreError};
use crate::telemetry::Metrics;

/// Attempts after which a job is given up, unless its caller says otherwise.
pub const MAX_ATTEMPTS: u32 = 5;

/// How the queue of this process is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct JobSettings {
    /// How much may wait.
    pub limits: JobLimits,
    /// Jobs that this process runs at once; 0 for a process that takes none from the queue.
    pub at_once: usize,
}

/// The parts that the queue works with.
#[derive(Debug, Clone)]
pub struct Parts {
    /// Where jobs are kept.
    pub store: Arc<dyn Store>,
    /// Who answers.
    pub sessions: Sessions,
    /// The contracts in force.
    pub contracts: Contracts,
    /// What is asked, and whether there is room.
    pub models: Models,
    /// What operators see.
    pub metrics: Metrics,
    /// The stop signal and the tasks.
    pub shutdown: Shutdown,
}

/// The inference queue of this process. Cloning shares it.
#[derive(Debug, Clone)]
pub struct JobQueue(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    parts: Parts,
    settings: JobSettings,
    /// Places for jobs that run here.
    places: Arc<Semaphore>,
    /// Jobs of each role, one after the other, that found no room with their model.
    crowded: Mutex<HashMap<String, u32>>,
    /// For waits.
    dice: Mutex<Dice>,
    /// Something may be due.
    due: Notify,
    /// What runs here, to be cancelled at once.
    running: Mutex<HashMap<(SessionId, String), CancellationToken>>,
}

/// Why the queue refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum JobError {
    /// The session, or what is asked of it.
    #[error(transparent)]
    Session(#[from] SessionError),
    /// The store refused.
    #[error("{}", .0.outward())]
    Store(#[from] StoreError),
    /// As many jobs wait as may.
    #[error("{0} is full; come back when some jobs are done")]
    Full(Waiting),
    /// There is no such job.
    #[error("there is no job `{0}` in this session; it may have ended long ago and been forgotten")]
    Unknown(String),
    /// Only a dead letter can be put back.
    #[error("the job is {}; only one that is dead can be put back", .0.state.name())]
    NotDead(Box<Job>),
}

impl JobError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::Session(error) => error.status(),
            Self::Store(error) => SessionError::from(error.clone()).status(),
            Self::Full(_) => 429,
            Self::Unknown(_) => 404,
            Self::NotDead(_) => 409,
        }
    }

    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Session(error) => error.code(),
            Self::Store(error) => SessionError::from(error.clone()).code(),
            Self::Full(_) => "queue_full",
            Self::Unknown(_) => "job_not_found",
            Self::NotDead(_) => "job_not_dead",
        }
    }

    /// When to come back, where that helps: a session's jobs go one after the other, others side by side.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Full(Waiting::Session) => Some(Duration::from_secs(15)),
            Self::Full(Waiting::All) => Some(Duration::from_secs(5)),
            _ => None,
        }
    }
}

impl JobQueue {
    /// The queue of a process. It takes nothing before [`begin`](Self::begin).
    #[must_use]
    pub fn new(parts: Parts, settings: JobSettings) -> Self {
        // One that takes none from the queue still runs what others hand it, for sessions that it serves.
        let places = Arc::new(Semaphore::new(settings.at_once.clamp(1, Semaphore::MAX_PERMITS)));
        Self(Arc::new(Inner {
            parts,
            settings,
            places,
            crowded: Mutex::default(),
            dice: Mutex::new(Dice::new(dice::seed())),
            due: Notify::new(),
            running: Mutex::default(),
        }))
    }

    /// Begins to run jobs, until the process stops.
    pub fn begin(&self) {
        worker::begin(&self.0);
    }

    /// Takes a job: durable when this returns. The same id again tells how the first one stands.
    ///
    /// # Errors
    /// When there is no such session or role, the text is refused, the queue is full, or the store refuses.
    pub async fn post(&self, new: NewJob) -> Result<Job, JobError> {
        let Inner { parts, settings, .. } = &*self.0;
        enforce::admit(&new.text).map_err(SessionError::from)?;
        let role = parts.sessions.position(&new.session).await?.role;
        if parts.contracts.get(&role).is_none() {
            return Err(SessionError::NoRole(role).into());
        }
        // It is to be there when the job's turn comes.
        parts.store.touch(&new.session).await?;
        match parts.store.jobs().add(new, settings.limits).await? {
            Added::Fresh(job) => {
                parts.metrics.jobs().happened(job.priority.name(), "queued");
                self.0.due.notify_one();
                Ok(job)
            }
            Added::Known(job) => Ok(job),
            Added::Full(waiting) => {
                parts.metrics.refused("queue_full");
                Err(JobError::Full(waiting))
            }
        }
    }

    /// A job.
    ///
    /// # Errors
    /// When it is not known, or the store refuses.
    pub async fn job(&self, session: &SessionId, id: &str) -> Result<Job, JobError> {
        let job = self.0.parts.store.jobs().job(session, id).await?;
        job.ok_or_else(|| JobError::Unknown(id.to_owned()))
    }

    /// Dead letters, oldest first, behind the one at this [place](Job::place).
    ///
    /// # Errors
    /// When the store refuses.
    pub async fn dead(&self, behind: Option<&str>, limit: usize) -> Result<Vec<Job>, JobError> {
        Ok(self.0.parts.store.jobs().dead(behind, limit).await?)
    }

    /// Puts a dead letter back into the queue.
    ///
    /// # Errors
    /// When it or its session is not known, it is not dead, the queue is full, or the store refuses.
    pub async fn retry(&self, session: &SessionId, id: &str) -> Result<Job, JobError> {
        let Inner { parts, settings, .. } = &*self.0;
        parts.store.touch(session).await?;
        match parts.store.jobs().retry(session, id, settings.limits).await? {
            Retried::Queued(job) => {
                parts.metrics.jobs().happened(job.priority.name(), "revived");
                self.0.due.notify_one();
                Ok(job)
            }
            Retried::NotDead(job) => Err(JobError::NotDead(Box::new(job))),
            Retried::Full(waiting) => Err(JobError::Full(waiting)),
            Retried::Unknown => Err(JobError::Unknown(id.to_owned())),
        }
    }

    /// Cancels a job: one that waits is gone, the reply of one that runs is cancelled, and one that is over stays.
    ///
    /// # Errors
    /// When it is not known, or the store refuses.
    pub async fn cancel(&self, session: &SessionId, id: &str) -> Result<Job, JobError> {
        let job = match self.0.parts.store.jobs().cancel(session, id).await? {
            Cancelled::Unknown => return Err(JobError::Unknown(id.to_owned())),
            Cancelled::NotWaiting(job) => job,
            Cancelled::Ended(job) => {
                self.0.parts.metrics.jobs().happened(job.priority.name(), "cancelled");
                job
            }
        };
        // Where another process runs it, that one hears of it with its next renewal.
        if let Some(cancel) = self.0.running.lock().get(&(session.clone(), id.to_owned())) {
            cancel.cancel();
        }
        self.0.due.notify_one();
        Ok(job)
    }
}

//! The inference queue on the disk: a record for each job, and the queue's rules in memory beside them.
//!
//! The writer takes the steps of the queue like those of sessions: each is decided on the queue in memory, what it changes
//! goes into the batch, and it is answered behind the fsync. The queue is made of the records when the store opens. A
//! lease that is renewed is not written: whoever opens the store next is the only one, and finds every taken job free.

use std::time::Duration;

use async_trait::async_trait;
use tokio::sync::oneshot;

use super::EmbeddedStore;
use super::changes::Changes;
use super::tables::{Table, View, job_key, read_failure};
use super::writer::{JobStep, Operation};
use crate::ids::SessionId;
use crate::store::StoreError;
use crate::store::jobs::memory::millis;
use crate::store::jobs::{Added, Cancelled, Depth, Job, JobClaim, JobLimits, Jobs, NewJob, Queue, Retried, Settlement};

/// The format of a record: its first byte. JSON follows.
const FORMAT: u8 = 1;

pub(super) fn encode(job: &Job) -> Vec<u8> {
    let mut out = vec![FORMAT];
    // Strings and numbers: this cannot fail.
    let _ = serde_json::to_writer(&mut out, job);
    out
}

pub(super) fn decode(bytes: &[u8], session: &SessionId, id: &str) -> Result<Job, StoreError> {
    let what = || format!("job `{id}` of session {session}");
    let job: Job = match bytes.split_first() {
        Some((&FORMAT, json)) => {
            serde_json::from_slice(json).map_err(|error| StoreError::corrupt(what(), error.to_string()))?
        }
        Some((&format, _)) if format > FORMAT => return Err(StoreError::Newer { what: what(), format }),
        Some(_) | None => return Err(StoreError::corrupt(what(), "it has no format")),
    };
    let itself = job.session == *session && job.id == id;
    if itself { Ok(job) } else { Err(StoreError::corrupt(what(), "it holds another job")) }
}

/// What a step of the queue changed.
pub(super) fn changes(queue: &mut Queue) -> Changes {
    let mut changes = Changes::default();
    for ((session, id), job) in queue.changes() {
        match job {
            Some(job) => changes.put(Table::Jobs, job_key(&session, &id), encode(job)),
            None => changes.delete(Table::Jobs, job_key(&session, &id)),
        }
    }
    changes
}

/// The queue of the records. One that cannot be read is left where it is: it must not keep all others from being answered.
pub(super) fn load(view: &View) -> Result<Queue, StoreError> {
    let mut found = Vec::new();
    for guard in view.scan(Table::Jobs, &[]) {
        let (key, value) = guard.into_inner().map_err(|error| read_failure(&error))?;
        let read = super::keys::job_of(&key).and_then(|(session, id)| decode(&value, &session, &id));
        match read {
            Ok(job) => found.push(job),
            Err(error) => {
                tracing::error!(key = %key.escape_ascii(), %error, "a job cannot be read, and is not answered");
            }
        }
    }
    Ok(Queue::of(found))
}

impl EmbeddedStore {
    /// Makes a step of the queue, and answers behind its fsync.
    async fn step<T: Send + 'static>(
        &self,
        step: impl FnOnce(&mut Queue, u64) -> T + Send + 'static,
    ) -> Result<T, StoreError> {
        self.write(|answer: oneshot::Sender<Result<T, StoreError>>| {
            let step: JobStep = Box::new(move |queue, now_ms| {
                let outcome = step(queue, now_ms);
                Box::new(move |persisted| drop(answer.send(persisted.map(|()| outcome))))
            });
            Operation::Jobs(step)
        })
        .await
    }

    /// Looks at the queue in memory.
    fn look<T>(&self, look: impl FnOnce(&mut Queue, u64) -> T) -> Result<T, StoreError> {
        if self.open.lock().is_none() {
            return Err(StoreError::Closed);
        }
        Ok(look(&mut self.queue.lock(), self.clock.now_ms()))
    }
}

#[async_trait]
impl Jobs for EmbeddedStore {
    async fn add(&self, new: NewJob, limits: JobLimits) -> Result<Added, StoreError> {
        self.step(move |queue, now_ms| queue.add(new, limits, now_ms)).await
    }

    async fn job(&self, session: &SessionId, id: &str) -> Result<Option<Job>, StoreError> {
        let (session, id) = (session.clone(), id.to_owned());
        self.view(move |view| view.job(&session, &id)).await
    }

    async fn take(&self, token: &str, lease: Duration) -> Result<Option<Job>, StoreError> {
        // Nothing to do is found out without waking the writer.
        if self.look(|queue, now_ms| queue.is_idle(now_ms))? {
            return Ok(None);
        }
        let token = token.to_owned();
        self.step(move |queue, now_ms| queue.take(&token, millis(lease), now_ms)).await
    }

    async fn extend(&self, claim: &JobClaim, lease: Duration) -> Result<Option<Job>, StoreError> {
        self.look(|queue, now_ms| {
            let renewed = queue.renew(claim, millis(lease), now_ms);
            if renewed.is_some() {
                queue.unchanged(claim);
            }
            renewed
        })
    }

    async fn settle(&self, claim: &JobClaim, settlement: Settlement) -> Result<Option<Job>, StoreError> {
        let claim = claim.clone();
        self.step(move |queue, now_ms| queue.settle(&claim, settlement, now_ms)).await
    }

    async fn cancel(&self, session: &SessionId, id: &str) -> Result<Cancelled, StoreError> {
        let (session, id) = (session.clone(), id.to_owned());
        self.step(move |queue, now_ms| queue.cancel(&session, &id, now_ms)).await
    }

    async fn retry(&self, session: &SessionId, id: &str, limits: JobLimits) -> Result<Retried, StoreError> {
        let (session, id) = (session.clone(), id.to_owned());
        self.step(move |queue, now_ms| queue.retry(&session, &id, limits, now_ms)).await
    }

    async fn dead(&self, behind: Option<&str>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.look(|queue, _| queue.dead(behind, limit))
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        self.look(|queue, _| queue.depth())
    }
}

impl View {
    /// A job, as it is on the disk.
    pub(super) fn job(&self, session: &SessionId, id: &str) -> Result<Option<Job>, StoreError> {
        let bytes = self.get(Table::Jobs, job_key(session, id))?;
        bytes.map(|bytes| decode(&bytes, session, id)).transpose()
    }
}

//! The queue of the memory store: nothing but the model.

use std::time::Duration;

use async_trait::async_trait;

use super::{Added, Cancelled, Depth, Job, JobClaim, JobLimits, Jobs, NewJob, Queue, Retried, Settlement};
use crate::ids::SessionId;
use crate::store::{MemoryStore, StoreError};

pub(in crate::store) fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

impl MemoryStore {
    fn queue<T>(&self, step: impl FnOnce(&mut Queue, u64) -> T) -> Result<T, StoreError> {
        let now_ms = self.now_ms();
        self.with_jobs(|queue| {
            let outcome = step(queue, now_ms);
            // Nobody writes down what changed.
            queue.changes();
            outcome
        })
    }
}

#[async_trait]
impl Jobs for MemoryStore {
    async fn add(&self, new: NewJob, limits: JobLimits) -> Result<Added, StoreError> {
        self.queue(|queue, now_ms| queue.add(new, limits, now_ms))
    }

    async fn job(&self, session: &SessionId, id: &str) -> Result<Option<Job>, StoreError> {
        self.queue(|queue, _| queue.job(session, id))
    }

    async fn take(&self, token: &str, lease: Duration) -> Result<Option<Job>, StoreError> {
        self.queue(|queue, now_ms| queue.take(token, millis(lease), now_ms))
    }

    async fn extend(&self, claim: &JobClaim, lease: Duration) -> Result<Option<Job>, StoreError> {
        self.queue(|queue, now_ms| queue.renew(claim, millis(lease), now_ms))
    }

    async fn settle(&self, claim: &JobClaim, settlement: Settlement) -> Result<Option<Job>, StoreError> {
        self.queue(|queue, now_ms| queue.settle(claim, settlement, now_ms))
    }

    async fn cancel(&self, session: &SessionId, id: &str) -> Result<Cancelled, StoreError> {
        self.queue(|queue, now_ms| queue.cancel(session, id, now_ms))
    }

    async fn retry(&self, session: &SessionId, id: &str, limits: JobLimits) -> Result<Retried, StoreError> {
        self.queue(|queue, now_ms| queue.retry(session, id, limits, now_ms))
    }

    async fn dead(&self, behind: Option<&str>, limit: usize) -> Result<Vec<Job>, StoreError> {
        self.queue(|queue, _| queue.dead(behind, limit))
    }

    async fn depth(&self) -> Result<Depth, StoreError> {
        self.queue(|queue, _| queue.depth())
    }
}

//! Who runs jobs: one task that takes what is due, and one for each job under way.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::OwnedSemaphorePermit;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::Inner;
use super::backoff::{backoff, crowded, may_pass};
use crate::clock;
use crate::ids::random_digits;
use crate::session::{JobEnd, JobRun, SessionError};
use crate::shutdown::Shutdown;
use crate::store::StoreError;
use crate::store::jobs::{Job, JobClaim, JobFault, JobState, Priority, Settlement};

/// How often is looked whether something is due; what comes to this process is seen at once.
const LOOK: Duration = Duration::from_millis(500);
/// How long to wait for room, where people need what there is.
const ROOM: Duration = Duration::from_millis(100);
/// How long a job waits whose session or model has no place for it just now.
const BUSY: Duration = Duration::from_secs(1);
/// How long a taker of a store that one process has to itself may be silent. It ends with the process.
const LEASE: Duration = Duration::from_secs(60);
/// The lease of a job in leases of a node: what takes a session over is quicker than what takes its job again.
const NODE_LEASES: u32 = 3;
/// How often what waits is counted.
const COUNT: Duration = Duration::from_secs(2);
/// How often an end is told to a store that does not answer.
const TELLS: u32 = 5;

/// Starts the tasks of a process.
pub(super) fn begin(queue: &Arc<Inner>) {
    let shutdown = &queue.parts.shutdown;
    if queue.settings.at_once > 0 {
        shutdown.spawn(until_stop(shutdown, Arc::clone(queue).take()));
    }
    shutdown.spawn(until_stop(shutdown, Arc::clone(queue).hear()));
    shutdown.spawn(until_stop(shutdown, Arc::clone(queue).count()));
}

/// A task that ends when the process stops.
fn until_stop(
    shutdown: &Shutdown,
    task: impl Future<Output = ()> + Send + 'static,
) -> impl Future<Output = ()> + Send + 'static {
    let (stop, task) = (shutdown.signal(), Box::pin(task));
    async move {
        let _ = stop.run_until_cancelled(task).await;
    }
}

impl Inner {
    /// Takes what is due, one after the other, while there is room.
    async fn take(self: Arc<Self>) {
        loop {
            // Whenever it waits, its place is for what others hand over.
            let Ok(place) = Arc::clone(&self.places).acquire_owned().await else { return };
            // One that hands its sessions over begins nothing new.
            if !self.parts.models.any_room() || !self.parts.sessions.is_open() {
                drop(place);
                sleep(ROOM).await;
                continue;
            }
            match self.next().await {
                Ok(Some((job, token))) => self.spawn(job, token, place),
                Ok(None) => {
                    drop(place);
                    tokio::select! {
                        () = self.due.notified() => {}
                        () = sleep(LOOK) => {}
                    }
                }
                Err(error) => {
                    drop(place);
                    tracing::debug!(%error, "no job can be taken now");
                    sleep(BUSY).await;
                }
            }
        }
    }

    async fn next(&self) -> Result<Option<(Job, String)>, StoreError> {
        self.parts.store.healthy()?;
        let token = match random_digits() {
            Ok(token) => token,
            Err(error) => {
                tracing::error!(%error, "no job can be taken: the system gives no randomness");
                return Ok(None);
            }
        };
        Ok(self.parts.store.jobs().take(&token, self.lease()).await?.map(|job| (job, token)))
    }

    /// Runs jobs that other processes took, for sessions that this one serves.
    async fn hear(self: Arc<Self>) {
        let Some(mut handed) = self.parts.sessions.handed_jobs() else { return };
        while let Some(claim) = handed.recv().await {
            let JobClaim { session, id, token } = &claim;
            let job = match self.parts.store.jobs().job(session, id).await {
                Ok(Some(job)) => job,
                Ok(None) => continue,
                Err(error) => {
                    tracing::debug!(%error, job = id, "a job that was handed over waits for its lease to end");
                    continue;
                }
            };
            if job.state != JobState::Running || job.token.as_deref() != Some(token) {
                continue;
            }
            match Arc::clone(&self.places).try_acquire_owned() {
                Ok(place) => self.spawn(job, claim.token, place),
                Err(_) => self.settle(&job, &claim, Settlement::PutBack(BUSY)).await,
            }
        }
    }

    /// Counts what waits.
    async fn count(self: Arc<Self>) {
        loop {
            if let Ok(depth) = self.parts.store.jobs().depth().await {
                for priority in Priority::ALL {
                    for state in [JobState::Queued, JobState::Running, JobState::Retrying, JobState::Dead] {
                        let count = depth.counts.get(&(priority, state)).copied().unwrap_or_default();
                        self.parts.metrics.jobs().depth(priority.name(), state.name(), count);
                    }
                }
                let age_ms = depth.oldest_ms.map_or(0, |oldest| clock::unix_ms().saturating_sub(oldest));
                self.parts.metrics.jobs().oldest(Duration::from_millis(age_ms).as_secs_f64());
            }
            sleep(COUNT).await;
        }
    }

    fn spawn(self: &Arc<Self>, job: Job, token: String, place: OwnedSemaphorePermit) {
        let (queue, stop) = (Arc::clone(self), self.parts.shutdown.signal());
        self.parts.shutdown.spawn(Box::pin(async move {
            let run = Box::pin(queue.run(job, token));
            let _ = stop.run_until_cancelled(run).await;
            drop(place);
            queue.due.notify_one();
        }));
    }

    /// Has a job answered, and says what became of it, unless the lease is lost meanwhile: then whoever has it says so.
    async fn run(&self, job: Job, token: String) {
        let (claim, cancel) = (job.claim(&token), CancellationToken::new());
        if job.cancelling {
            cancel.cancel();
        }
        let key = (job.session.clone(), job.id.clone());
        self.running.lock().insert(key.clone(), cancel.clone());
        let outcome = tokio::select! {
            outcome = self.attempt(&job, &token, &cancel) => outcome,
            () = self.keep(&claim, &cancel) => Outcome::Elsewhere,
        };
        self.running.lock().remove(&key);
        match outcome {
            Outcome::Told(settlement) => self.settle(&job, &claim, settlement).await,
            Outcome::Unknown => {
                // It stays running, and its next taker finds the running turn or its mark.
                if let Err(error) = self.parts.store.jobs().extend(&claim, BUSY).await {
                    tracing::debug!(%error, job = claim.id, "a job waits for its lease to end");
                }
            }
            Outcome::Elsewhere => {}
        }
    }

    /// Keeps the lease until it is lost, and hears whether the job is to be cancelled.
    async fn keep(&self, claim: &JobClaim, cancel: &CancellationToken) {
        loop {
            sleep(self.lease().checked_div(6).unwrap_or(BUSY)).await;
            match self.parts.store.jobs().extend(claim, self.lease()).await {
                Ok(Some(job)) if job.cancelling => cancel.cancel(),
                Ok(Some(_)) => {}
                Ok(None) => return,
                Err(error) => tracing::debug!(%error, job = claim.id, "a job's lease cannot be renewed now"),
            }
        }
    }

    /// One attempt.
    async fn attempt(&self, job: &Job, token: &str, cancel: &CancellationToken) -> Outcome {
        if job.interruptions > job.max_attempts {
            return Outcome::Told(Settlement::Dead(interrupted(job.interruptions)));
        }
        let role = match self.parts.sessions.position(&job.session).await {
            Ok(position) => position.role,
            Err(error) => return Outcome::Told(refused(&error)),
        };
        // What may be under way needs no room of its own, and its session is to hear that it is cancelled.
        if job.interruptions == 0
            && !job.cancelling
            && let Some(pause) = self.no_room(role)
        {
            // The place stays taken meanwhile: otherwise the next job of the same role is passed over at once.
            sleep(ROOM).await;
            return Outcome::Told(Settlement::PutBack(pause));
        }
        match self.parts.sessions.run_job(job, token, cancel).await {
            Ok(JobRun::Elsewhere) => Outcome::Elsewhere,
            Ok(JobRun::Unknown) => Outcome::Unknown,
            Ok(JobRun::Here(JobEnd::Answered(reply))) => Outcome::Told(Settlement::Done(reply)),
            Ok(JobRun::Here(JobEnd::Cancelled)) => Outcome::Told(Settlement::Cancelled),
            Ok(JobRun::Here(JobEnd::Busy)) => Outcome::Told(Settlement::PutBack(BUSY)),
            Ok(JobRun::Here(JobEnd::Failed { code, message, retry_after })) => Outcome::Told(match code.as_str() {
                // It was not asked.
                "model_busy" => Settlement::PutBack(retry_after.unwrap_or(BUSY)),
                passing if may_pass(passing) => {
                    let pause = backoff(job.attempts.saturating_add(1), retry_after, &mut self.dice.lock());
                    Settlement::Failed(JobFault { code, message }, pause)
                }
                _ => Settlement::Dead(JobFault { code, message }),
            }),
            Err(error) => Outcome::Told(refused(&error)),
        }
    }

    /// How long a job of this role waits when its model has no room now.
    fn no_room(&self, role: String) -> Option<Duration> {
        // The session says that its role is gone.
        let contract = self.parts.contracts.get(&role)?;
        if self.parts.models.has_room(&contract) {
            self.crowded.lock().remove(&role);
            return None;
        }
        let mut all = self.crowded.lock();
        let count = all.entry(role).or_default();
        *count = count.saturating_add(1);
        Some(crowded(*count))
    }

    async fn settle(&self, job: &Job, claim: &JobClaim, settlement: Settlement) {
        // A session whose job waits is in use.
        if matches!(settlement, Settlement::Failed(..) | Settlement::PutBack(_))
            && let Err(error) = self.parts.store.touch(&job.session).await
        {
            tracing::debug!(%error, session = %job.session, "a use of a session cannot be noted now");
        }
        for _ in 0..TELLS {
            match self.parts.store.jobs().settle(claim, settlement.clone()).await {
                Ok(settled) => return self.settled(job, settled.as_ref(), &settlement),
                Err(error) => tracing::debug!(%error, job = job.id, "what became of a job cannot be noted now"),
            }
            sleep(BUSY).await;
        }
        tracing::warn!(session = %job.session, job = job.id, "what became of a job was not noted; it is taken again");
    }

    fn settled(&self, before: &Job, after: Option<&Job>, settlement: &Settlement) {
        let Some(job) = after else { return };
        let priority = before.priority.name();
        if matches!(settlement, Settlement::Failed(..) | Settlement::Dead(_)) {
            self.parts.metrics.jobs().happened(priority, "failed");
        }
        match job.state {
            JobState::Retrying if matches!(settlement, Settlement::Failed(..)) => {
                self.parts.metrics.jobs().happened(priority, "retried");
            }
            JobState::Done | JobState::Cancelled => self.parts.metrics.jobs().happened(priority, job.state.name()),
            JobState::Dead => {
                let code = job.error.as_ref().map_or("internal", |error| error.code.as_str());
                self.parts.metrics.jobs().happened(priority, "dead");
                self.parts.metrics.jobs().died(code);
                tracing::warn!(session = %job.session, job = job.id, code, attempts = job.attempts, "a job is given up");
            }
            JobState::Retrying | JobState::Queued | JobState::Running | JobState::Expired => {}
        }
    }

    /// How long a taker may be silent.
    fn lease(&self) -> Duration {
        self.parts.store.nodes().map_or(LEASE, |nodes| nodes.lease().saturating_mul(NODE_LEASES))
    }
}

/// How an attempt ended.
enum Outcome {
    /// With this.
    Told(Settlement),
    /// The session did not say: it may go on with it.
    Unknown,
    /// Somebody else makes it, and says.
    Elsewhere,
}

/// Why a job is given up whose takers all went down.
fn interrupted(times: u32) -> JobFault {
    let message = format!(
        "{times} times in a row, the server or the session went down before it said what came of it; see the servers' logs"
    );
    JobFault { code: "interrupted".to_owned(), message }
}

/// What becomes of a job whose session could not be asked.
fn refused(error: &SessionError) -> Settlement {
    if matches!(error, SessionError::NoSession(_) | SessionError::NoRole(_)) || error.is_lasting() {
        Settlement::Dead(JobFault { code: error.code().to_owned(), message: error.to_string() })
    } else {
        Settlement::PutBack(BUSY)
    }
}

#[cfg(test)]
mod tests;

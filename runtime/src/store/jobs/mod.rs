//! The inference queue: pieces of work that wait until there is capacity.
//!
//! A [`Job`] belongs to a session, whose next turn answers it. What keeps it here decides only *when* it is tried, and who
//! tries it now; that it has one final text at most is decided in the session's own commit, which also marks the job's id.
//! So a lease here may lapse, or be held by two for a moment, without harm.
//!
//! **Order.** A job is due at its arrival plus the patience of its priority ([`Priority::patience_ms`]); what is due first
//! goes first. So high goes before normal before low, and a normal job that has waited a minute longer than a high one, or
//! a low one ten minutes, goes before it: nobody starves. Rejected: weights per class, under which nobody can say when a
//! job's turn is.
//!
//! **One at a time per session.** Of a session, only the job that is due first may be taken, also while it waits to be
//! tried again, and no other before it is settled. A lease that lapses makes that same job takeable. So a session has one
//! unsettled job at most, and remembers few ids.
//!
//! Everything is bounded: see [`JobLimits`], [`ENDED_LIMIT`], [`DEAD_LIMIT`].

#[cfg(test)]
mod conformance;
pub(super) mod memory;
mod queue;
#[cfg(test)]
pub(super) mod tests;
mod types;

use std::time::Duration;

use async_trait::async_trait;

#[cfg(test)]
pub(in crate::store) use conformance::{all, closed};
pub(super) use queue::Queue;
pub use types::{
    Added, Cancelled, Depth, Job, JobClaim, JobFault, JobLimits, JobState, NewJob, Priority, Retried, Settlement,
    Waiting,
};

use super::StoreError;
use crate::ids::SessionId;

/// How long a job that is done, cancelled or expired is remembered, so that posting its id again has no effect.
pub const ENDED_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;
/// How long a dead letter is kept.
pub const DEAD_KEPT_MS: u64 = 7 * 24 * 60 * 60 * 1_000;
/// Ended jobs remembered; beyond it the oldest are forgotten before their time.
pub const ENDED_LIMIT: usize = 50_000;
/// Dead letters kept; beyond it the oldest are forgotten before their time.
pub const DEAD_LIMIT: usize = 10_000;
/// Jobs past their time that one [`Jobs::take`] passes over, and ended ones that one [`Jobs::add`] forgets.
pub(super) const SWEPT: usize = 100;

/// The queue of a store, shared by every process on it.
///
/// Durability: when `add`, `settle`, `cancel` or `retry` returns `Ok`, its effect is as durable as a commit of the same
/// store. A lease (`take`, `renew`) need not be: after a crash the job is free at once or when the lease lapses. When a
/// call returns an error or is dropped, its effect may or may not have happened, but never partly; each may be repeated.
///
/// Leases are measured by the clock of the process that asks: clocks that differ by more than a lease let two processes
/// try the same job at once, and the session lets one of them through.
#[async_trait]
pub trait Jobs: Send + Sync {
    /// Adds a job, once per session and id: a second time tells how the first one stands and changes nothing.
    async fn add(&self, new: NewJob, limits: JobLimits) -> Result<Added, StoreError>;

    /// A job, if it is known. One that is past its time and was not begun may still be shown as waiting.
    async fn job(&self, session: &SessionId, id: &str) -> Result<Option<Job>, StoreError>;

    /// Takes what is to be tried now, under a lease of this token, which no other taker may have. First what lapsed, which
    /// counts its [interruptions](Job::interruptions).
    /// Jobs past their time that are met on the way expire. `None` when nothing is to be tried now.
    async fn take(&self, token: &str, lease: Duration) -> Result<Option<Job>, StoreError>;

    /// Lengthens a lease from now on. `None` when somebody else has the job by now, or nobody; else the job as it is.
    async fn extend(&self, claim: &JobClaim, lease: Duration) -> Result<Option<Job>, StoreError>;

    /// Says what became of a job that was taken. `None`, and no effect, when the claim is over.
    async fn settle(&self, claim: &JobClaim, settlement: Settlement) -> Result<Option<Job>, StoreError>;

    /// Ends a job that waits; of one that runs, notes that it is to be cancelled. One that has ended stays as it is.
    async fn cancel(&self, session: &SessionId, id: &str) -> Result<Cancelled, StoreError>;

    /// Puts a dead letter back into the queue, with all its attempts before it.
    async fn retry(&self, session: &SessionId, id: &str, limits: JobLimits) -> Result<Retried, StoreError>;

    /// Dead letters without their texts, oldest first, at most `limit`; behind the one that [`Job::place`] says.
    async fn dead(&self, behind: Option<&str>, limit: usize) -> Result<Vec<Job>, StoreError>;

    /// How many there are, and since when the oldest waits.
    async fn depth(&self) -> Result<Depth, StoreError>;
}

//! Where sessions, their logs and their inboxes live.
//!
//! A store knows sequence ids, epochs and bytes; what the bytes mean is the business of `outbox`
//! (log entries), `offline` (inbox items) and `session` (state).
//!
//! Three backends keep the one contract that [`Store`] states: [`MemoryStore`], for tests and for
//! trying things out, [`EmbeddedStore`], the default of `serve`, and [`RedisStore`], on a server of its own. One
//! conformance suite and a comparison of random histories hold all to it.

mod clock;
#[cfg(test)]
mod conformance;
mod embedded;
mod error;
#[cfg(test)]
mod histories;
mod memory;
mod redis;
mod types;

use async_trait::async_trait;

pub use self::redis::{Durability, RedisAddress, RedisFault, RedisSettings, RedisStore};
pub use clock::StoreClock;
#[cfg(all(test, target_os = "linux"))]
pub(crate) use embedded::faults::fill_disk;
pub use embedded::{Checked, Copied, EmbeddedStore, StoreSource, Stored, backup, check};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use types::{Commit, Committed, Delivered, Enqueued, InboxItem, LogEntry, NewSession, SessionRow};

use crate::ids::{Epoch, Seq, SessionId};

/// Most items an inbox holds; more are refused with [`StoreError::InboxFull`]. Expired items do not
/// count.
pub const INBOX_LIMIT: usize = 1_000;

/// Log entries kept per session; older ones are dropped and the floor rises. Entries are counted,
/// not sequence ids: after a lost tail these have holes.
pub const LOG_LIMIT: u64 = 10_000;

/// How long a delivered `biz_id` is remembered, so that posting it again has no effect.
pub const DONE_KEPT_MS: u64 = 24 * 60 * 60 * 1_000;

/// Delivered ids remembered per session; beyond it the oldest are forgotten before their time.
pub const DONE_LIMIT: usize = 10_000;

/// A store of sessions.
///
/// Durability: when `create`, `commit`, `enqueue` or `advance_epoch` returns `Ok`, its effect
/// survives `kill -9` and, on the embedded store, power loss (fsync); on Redis, what [`Durability`] says. When it
/// returns an error or is dropped, the effect may or may not have happened, but never partly. After an
/// error it is decided before the next read of the session is answered.
#[async_trait]
pub trait Store: std::fmt::Debug + Send + Sync + 'static {
    /// Creates a session at epoch 1 with an empty log.
    async fn create(&self, new: NewSession) -> Result<(), StoreError>;

    /// Reads a session.
    async fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError>;

    /// Makes one atomic, durable step.
    async fn commit(&self, id: &SessionId, epoch: Epoch, commit: Commit) -> Result<Committed, StoreError>;

    /// Reads entries from `from` on, in order, at most `limit`; entries below the floor are gone.
    async fn read(&self, id: &SessionId, from: Seq, limit: usize) -> Result<Vec<LogEntry>, StoreError>;

    /// Stores a message for delivery, once per `biz_id`.
    async fn enqueue(&self, id: &SessionId, item: InboxItem) -> Result<Enqueued, StoreError>;

    /// The waiting messages that have not expired at `now_ms`, in order of arrival, at most `limit`.
    async fn inbox(&self, id: &SessionId, now_ms: u64, limit: usize) -> Result<Vec<InboxItem>, StoreError>;

    /// Messages that expired undelivered since this was last asked. They are dropped, and counted,
    /// by the next commit or enqueue of their session.
    fn take_expired(&self) -> u64;

    /// Starts a new epoch after a client proved that the log lost a tail: the next entry gets
    /// `resume_at`, so that no sequence id is used twice. The new epoch, which is returned, is the
    /// one behind both the session's and `beyond`, the newest that a client knows.
    async fn advance_epoch(
        &self,
        id: &SessionId,
        epoch: Epoch,
        beyond: Epoch,
        resume_at: Seq,
    ) -> Result<Epoch, StoreError>;

    /// Sessions whose last commit left a reply unfinished.
    async fn interrupted(&self) -> Result<Vec<SessionId>, StoreError>;

    /// Whether writes are accepted, as far as is known without trying one.
    fn healthy(&self) -> Result<(), StoreError>;

    /// Writes what is pending and stops accepting. Idempotent.
    async fn close(&self);
}

//! Where sessions, their logs and their inboxes live.
//!
//! A store knows sequence ids, epochs and bytes; what the bytes mean is the business of `outbox`
//! (log entries), `offline` (inbox items) and `session` (state).
//!
//! Three backends keep the one contract that [`Store`] states: [`MemoryStore`], for tests and for
//! trying things out, [`EmbeddedStore`], the default of `serve`, and [`RedisStore`], on a server of its own. One
//! conformance suite and a comparison of random histories hold all to it.

mod age;
mod clock;
#[cfg(test)]
mod conformance;
mod contact;
mod embedded;
mod error;
#[cfg(test)]
mod histories;
pub mod jobs;
mod lifetime;
mod lineage;
mod memory;
#[cfg(test)]
pub(crate) mod neighbours;
mod nodes;
mod owner;
mod redis;
mod types;

use async_trait::async_trait;

pub use self::redis::{Durability, RedisAddress, RedisFault, RedisSettings, RedisStore, RedisTls};
use age::Age;
pub use clock::StoreClock;
pub use contact::{Contact, ContactKey, Whereabouts};
#[cfg(all(test, target_os = "linux"))]
pub(crate) use embedded::faults::fill_disk;
pub use embedded::{Checked, Copied, Dropped, EmbeddedStore, Repaired, StoreSource, Stored, backup, check, repair};
pub use error::StoreError;
pub use lifetime::Lifetime;
use lifetime::Moment;
pub use lineage::Lineage;
pub use memory::MemoryStore;
pub use nodes::{HEARD_AT_ONCE, Lease, Nodes, Ring};
pub use owner::{BadNode, Fence, Hold, Node, NodeError};
pub use types::{
    Commit, Committed, Delivered, Enqueued, InboxItem, Interrupted, Leap, LogEntry, NewSession, Receipt, SessionRow,
};

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
/// Ownership: a process claims a session before it writes to it, and names the fence of its claim in every write. A write
/// without one is for sessions that nobody has claimed.
///
/// Durability: when `create`, `claim`, `commit`, `enqueue` or `advance_epoch` returns `Ok`, its effect
/// survives `kill -9` and, on the embedded store, power loss (fsync); on Redis, what [`Durability`] says. When it
/// returns an error or is dropped, the effect may or may not have happened, but never partly. After an
/// error it is decided before the next read of the session is answered.
#[async_trait]
pub trait Store: std::fmt::Debug + Send + Sync + 'static {
    /// Creates a session at epoch 1 with an empty log.
    async fn create(&self, new: NewSession) -> Result<(), StoreError>;

    /// Reads a session.
    async fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError>;

    /// Makes this process the owner of a session, and gives the session as it is. It is taken from nobody, from `from`, and
    /// from this process itself, whose earlier claims end; from anybody else it is refused with [`StoreError::Owned`]. From
    /// then on a write is refused with [`StoreError::Lost`] unless it names this fence, which must be a new one.
    async fn claim(&self, id: &SessionId, from: Option<&Node>, fence: Fence) -> Result<SessionRow, StoreError>;

    /// Ends a claim, unless somebody else has claimed since. Whether that survives a crash is left open: the session is
    /// taken from a dead owner otherwise.
    async fn release(&self, id: &SessionId, fence: Fence) -> Result<(), StoreError>;

    /// Makes one atomic, durable step.
    async fn commit(&self, id: &SessionId, epoch: Epoch, commit: Commit) -> Result<Committed, StoreError>;

    /// Reads entries from `from` on, in order, at most `limit`; entries below the floor are gone.
    async fn read(&self, id: &SessionId, from: Seq, limit: usize) -> Result<Vec<LogEntry>, StoreError>;

    /// [`read`](Self::read) for somebody who believes the session to be at this epoch, and its log to reach `head`: it is
    /// refused with [`StoreError::Fenced`] or [`StoreError::Moved`] where another owner has begun an epoch since, or the log
    /// ends before. A store that one process has to itself need not look.
    async fn follow(
        &self,
        id: &SessionId,
        _epoch: Epoch,
        _head: Seq,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        self.read(id, from, limit).await
    }

    /// Stores a message for delivery, once per `biz_id`. Needs no claim.
    async fn enqueue(&self, id: &SessionId, item: InboxItem) -> Result<Enqueued, StoreError>;

    /// The waiting messages that have not expired at `now_ms`, in order of arrival, at most `limit`.
    async fn inbox(&self, id: &SessionId, now_ms: u64, limit: usize) -> Result<Vec<InboxItem>, StoreError>;

    /// What became of a message, and its session, both as of one moment. Needs no claim, and changes nothing: what has expired
    /// or is forgotten is unknown, dropped or not. Like every read it may show what its writer has not been told yet; what
    /// it shows is durable on the embedded store, and on Redis as durable as [`Durability`] says once that writer is told.
    async fn receipt(&self, id: &SessionId, biz_id: &str) -> Result<(SessionRow, Receipt), StoreError>;

    /// Messages that expired undelivered since this was last asked. They are dropped, and counted,
    /// by the next commit or enqueue of their session.
    fn take_expired(&self) -> u64;

    /// How long a session is kept that nobody uses. Every write is a use, a claim and its end too, and [`touch`](Self::touch).
    fn lifetime(&self) -> Lifetime {
        Lifetime::FOREVER
    }

    /// Notes that a session is in use though nothing is written to it. Needs no claim; may be called often.
    async fn touch(&self, id: &SessionId) -> Result<(), StoreError>;

    /// Deletes sessions that nobody has used for the store's [`lifetime`](Self::lifetime), each in one atomic step, with its log,
    /// its inbox and what was delivered; not those with an unfinished reply, nor, in a store that one process has to
    /// itself, those that it has claimed. Says how many. Elsewhere [`StoreError::NoSession`] is what is left of
    /// them. A store whose server does that by itself has nothing to do.
    async fn expire(&self) -> Result<u64, StoreError> {
        Ok(0)
    }

    /// Starts a new epoch after a client proved that the log lost a tail. The new epoch, which is returned, is the
    /// one behind both the session's and the newest that a client knows.
    async fn advance_epoch(&self, id: &SessionId, epoch: Epoch, leap: Leap) -> Result<Epoch, StoreError>;

    /// Sessions whose last commit left a reply unfinished.
    async fn interrupted(&self) -> Result<Vec<Interrupted>, StoreError>;

    /// The inference queue.
    fn jobs(&self) -> &dyn jobs::Jobs;

    /// This process.
    fn node(&self) -> &Node;

    /// The processes on this store; `None` for one that a process has to itself.
    fn nodes(&self) -> Option<&dyn Nodes> {
        None
    }

    /// Where what the store holds of a session comes from. Asked for behind a read of the session, it is not older than
    /// what was read.
    fn lineage(&self, _id: &SessionId) -> Result<Lineage, StoreError> {
        Ok(Lineage::default())
    }

    /// Whether writes are accepted, to any session, as far as is known without trying one.
    fn healthy(&self) -> Result<(), StoreError>;

    /// The same of one session: of a store on several servers, one may be away, and what the others have goes on.
    fn serves(&self, _id: &SessionId) -> Result<(), StoreError> {
        self.healthy()
    }

    /// Writes what is pending and stops accepting. Idempotent.
    async fn close(&self);
}

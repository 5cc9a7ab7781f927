//! What a store keeps and answers.

use std::sync::Arc;

use bytes::Bytes;

use super::{Fence, Hold, Node};
use crate::ids::{Epoch, Seq, SessionId};

/// A session as it is created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewSession {
    /// Its id.
    pub id: SessionId,
    /// The role that answers.
    pub role: String,
    /// The application's own name of the user, for logs; may be empty.
    pub user: String,
    /// When, ms since the Unix epoch.
    pub created_ms: u64,
}

/// A session as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionRow {
    /// As created.
    pub created: NewSession,
    /// The current epoch, from 1.
    pub epoch: Epoch,
    /// The sequence id of the last committed entry; 0 when there is none.
    pub head: Seq,
    /// The highest sequence id that was dropped; 0 while nothing was.
    pub floor: Seq,
    /// The actor's state as of the last commit that carried one; empty at first.
    pub state: Bytes,
    /// Whether the last commit left a reply unfinished.
    pub running: bool,
    /// Whose it is; `None` while nobody has claimed it.
    pub hold: Option<Hold>,
    /// The line of copies in which it was created, see [`Lineage`](super::Lineage); empty where that is not known.
    pub born_in: Arc<str>,
}

impl SessionRow {
    /// What a write must name.
    #[must_use]
    pub fn fence(&self) -> Option<Fence> {
        self.hold.as_ref().map(|hold| hold.fence)
    }
}

/// A session with an unfinished reply.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Interrupted {
    /// Which.
    pub id: SessionId,
    /// Who has claimed it.
    pub owner: Option<Node>,
}

/// One atomic step of a session.
#[derive(Debug, Clone, Default)]
pub struct Commit {
    /// The fence of the writer's claim; with another one the step is refused, because somebody else owns the session.
    pub fence: Option<Fence>,
    /// The head that the writer knows; at another one the step is refused, because somebody else has written, be it the
    /// writer itself by a step that it gave up. `None` appends wherever the log ends.
    pub after: Option<Seq>,
    /// The line of copies in which the writer knows the session to be as it believes. Where the store has gone over to one that
    /// may lack something, the step is refused: fence and head may be what they were before somebody else's claim, which
    /// was lost with all that was written under it. `None` asks nothing.
    pub known_in: Option<Arc<str>>,
    /// Entries to append, in order; they get the sequence ids that follow the head.
    pub entries: Vec<Bytes>,
    /// Inbox items that these entries deliver: they leave the inbox and are marked done.
    pub delivered: Vec<Delivered>,
    /// The actor's new state.
    pub state: Option<Bytes>,
    /// Whether a reply is unfinished after this commit; sets or clears the mark that
    /// [`Store::interrupted`](super::Store::interrupted) lists.
    pub running: Option<bool>,
}

/// Where a new epoch begins.
#[derive(Debug, Clone, Default)]
pub struct Leap {
    /// As in [`Commit`].
    pub fence: Option<Fence>,
    /// As in [`Commit`].
    pub after: Option<Seq>,
    /// As in [`Commit`].
    pub known_in: Option<Arc<str>>,
    /// The new epoch is behind this one, the newest that a client knows.
    pub beyond: Epoch,
    /// The next entry's sequence id, unless the head is there already; so that none is used twice.
    pub resume_at: Seq,
}

impl Leap {
    /// To an epoch behind this one, from this sequence id on.
    #[must_use]
    pub fn beyond(beyond: Epoch, resume_at: Seq) -> Self {
        Self { beyond, resume_at, ..Self::default() }
    }
}

/// An inbox item that a commit delivers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    /// The item.
    pub biz_id: String,
    /// The entry of the commit that delivers it, counted from 0.
    pub entry: usize,
}

/// The outcome of a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Committed {
    /// The sequence id of the first entry appended; `head + 1` when none was.
    pub first: Seq,
    /// The head afterwards.
    pub head: Seq,
}

/// A stored log entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogEntry {
    /// Its sequence id.
    pub seq: Seq,
    /// What was committed.
    pub bytes: Bytes,
}

/// A message waiting to be delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct InboxItem {
    /// The sender's idempotency key, 1–128 bytes.
    pub biz_id: String,
    /// The message.
    pub bytes: Bytes,
    /// When it may be dropped undelivered, ms since the Unix epoch.
    pub expires_ms: u64,
}

/// The outcome of an enqueue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Enqueued {
    /// Stored for delivery.
    Fresh,
    /// The same `biz_id` already waits.
    Waiting,
    /// The same `biz_id` was delivered by this entry.
    Delivered(Seq),
}

/// What a store knows of a message that may have been enqueued.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Receipt {
    /// Nothing: it was never enqueued, has expired, or was delivered so long ago that the id is forgotten
    /// ([`DONE_KEPT_MS`](super::DONE_KEPT_MS), [`DONE_LIMIT`](super::DONE_LIMIT)).
    Unknown,
    /// It waits in the inbox.
    Waiting,
    /// A commit took it out of the inbox.
    Delivered {
        /// The entry that was named for it; one before it, or 0, where the commit appended none.
        seq: Seq,
        /// That entry, while the log keeps it.
        entry: Option<Bytes>,
    },
}

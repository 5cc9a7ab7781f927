//! What a session says, in order: committed first, then readable by connections.
//!
//! An [`Entry`] can only be made of what enforcement permitted, and a [`Reader`] only ever sees what
//! the store has made durable; hence nothing unchecked and nothing uncommitted reaches a client.
//!
//! Connections pull. A reader has a cursor and takes what follows it, from a small ring of recent
//! messages or else from the store: live delivery, resume and paging are one path, holes and
//! reorderings have no place to happen, and a slow client costs nothing but its own lag.

mod entry;
mod reader;
mod ring;
#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use bytes::Bytes;
use parking_lot::Mutex;
use rolecall_wire::frame::Message;
use rolecall_wire::limits::MAX_MESSAGE;
use tokio::sync::Notify;

pub use entry::{Entry, REPLY_BYTES, ReplyText};
pub use reader::{Batch, Reader, decode, within};
use ring::Ring;

use crate::ids::{Epoch, Seq, SessionId};
use crate::store::{Commit, Committed, Delivered, Fence, Store, StoreError};

/// One atomic step of a session's story.
#[derive(Debug, Default)]
pub struct Step {
    /// What is said, in order.
    pub entries: Vec<Entry>,
    /// The inbox items that these entries deliver.
    pub delivered: Vec<Delivered>,
    /// The session's state afterwards, if it changed.
    pub state: Option<Vec<u8>>,
    /// Whether a reply is unfinished afterwards, if that changed.
    pub running: Option<bool>,
}

/// A session's outbox: written by its actor alone, read by any number of [`Reader`]s.
#[derive(Debug, Clone)]
pub struct Outbox(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    id: SessionId,
    store: Arc<dyn Store>,
    /// What its writes are known by.
    fence: Fence,
    /// The line of copies in which the session is known.
    known_in: Arc<str>,
    /// The last message that readers may see. Every session has one, so it is a number and a list of who waits, not a
    /// channel of ten times the size.
    head: AtomicU64,
    moved: Notify,
    ring: Mutex<Ring>,
}

impl Outbox {
    /// The outbox of a session that was claimed with this fence, and whose last committed message is `head`, as was found in
    /// this line of copies: see [`Commit::known_in`].
    #[must_use]
    pub fn new(store: Arc<dyn Store>, id: SessionId, fence: Fence, known_in: Arc<str>, head: Seq) -> Self {
        let (head, moved, ring) = (AtomicU64::new(head), Notify::new(), Mutex::default());
        Self(Arc::new(Shared { id, store, fence, known_in, head, moved, ring }))
    }

    /// What its writes are known by.
    #[must_use]
    pub fn fence(&self) -> Fence {
        self.0.fence
    }

    /// The line of copies in which the session is known; empty where the store loses nothing.
    #[must_use]
    pub fn known_in(&self) -> &Arc<str> {
        &self.0.known_in
    }

    /// Makes a step durable, then shows it to the readers. Steps must not overlap: the caller waits
    /// for one before it begins the next. After an error the outbox must be given up, since the
    /// step may have happened.
    ///
    /// # Errors
    /// As [`Store::commit`], at the head that readers may see; and [`StoreError::Oversized`], before anything is written, for an entry
    /// that no frame carries: committed, it could never be shown.
    pub async fn commit(&self, epoch: Epoch, step: Step) -> Result<Committed, StoreError> {
        let messages: Vec<Message> = step.entries.into_iter().map(Entry::into_message).collect();
        let entries: Vec<Bytes> = messages.iter().map(|message| message.to_bytes().into()).collect();
        if let Some(len) = entries.iter().map(Bytes::len).find(|len| *len > MAX_MESSAGE) {
            return Err(StoreError::Oversized { id: self.0.id.clone(), len, max: MAX_MESSAGE });
        }
        let commit = Commit {
            fence: Some(self.0.fence),
            after: Some(self.head()),
            known_in: Some(self.0.known_in.clone()),
            entries,
            delivered: step.delivered,
            state: step.state.map(Into::into),
            running: step.running,
        };
        let committed = self.0.store.commit(&self.0.id, epoch, commit).await?;
        self.0.ring.lock().push(committed.first, messages);
        self.0.show(committed.head);
        Ok(committed)
    }

    /// The sequence id of the last message that readers may see.
    #[must_use]
    pub fn head(&self) -> Seq {
        self.0.head.load(Ordering::Acquire)
    }

    /// Continues behind a tail that the store lost: the next message gets `head + 1`.
    pub fn skip_to(&self, head: Seq) {
        self.forget();
        self.0.show(head);
    }

    /// Gives back the memory of recent messages; readers find them in the store.
    pub fn forget(&self) {
        self.0.ring.lock().clear();
    }

    /// A reader of this epoch whose first message is `from`.
    #[must_use]
    pub fn reader(&self, epoch: Epoch, from: Seq) -> Reader {
        Reader::new(self.0.clone(), epoch, from)
    }
}

impl Shared {
    /// Lets readers see everything up to here.
    fn show(&self, head: Seq) {
        if self.head.swap(head, Ordering::AcqRel) != head {
            self.moved.notify_waiters();
        }
    }

    /// Waits until readers may see this message, and says how far they may. Cancel-safe.
    async fn reached(&self, seq: Seq) -> Seq {
        loop {
            // It hears of what is shown from here on, before the look.
            let moved = self.moved.notified();
            let head = self.head.load(Ordering::Acquire);
            if head >= seq {
                return head;
            }
            moved.await;
        }
    }
}

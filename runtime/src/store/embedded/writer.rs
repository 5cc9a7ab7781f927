//! The one thread that writes: group commit.
//!
//! It takes what has queued up meanwhile, at most one operation per session, into one atomic batch,
//! makes it durable by one fsync, and answers everybody. One operation per session and batch, since
//! each is decided on what is committed; rejected: an overlay of pending changes, which every reader
//! would have to honour.
//!
//! A write that fails leaves the disk in doubt, so it poisons the store: nothing is written after it.

use std::collections::{HashSet, VecDeque};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use fjall::PersistMode;
use tokio::sync::{mpsc, oneshot};

use super::Shared;
use super::plan::{self, Change, Changes};
use crate::ids::{Epoch, Seq, SessionId};
use crate::store::{Commit, Committed, Enqueued, InboxItem, NewSession, StoreClock, StoreError};

/// Operations in one batch.
const BATCH_OPERATIONS: usize = 256;
/// Bytes after which a batch takes no further operation.
const BATCH_BYTES: usize = 4 << 20;

/// The reason why a store is poisoned, once it is.
pub(super) type Poison = Arc<OnceLock<Arc<str>>>;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// A write and whom to tell.
pub(super) enum Operation {
    Create(NewSession, Answer<()>),
    Commit(SessionId, Epoch, Box<Commit>, Answer<Committed>),
    Enqueue(SessionId, InboxItem, Answer<Enqueued>),
    AdvanceEpoch(SessionId, Epoch, Seq, Answer<Epoch>),
}

impl Operation {
    fn session(&self) -> &SessionId {
        match self {
            Self::Create(new, _) => &new.id,
            Self::Commit(id, ..) | Self::Enqueue(id, ..) | Self::AdvanceEpoch(id, ..) => id,
        }
    }
}

/// The writing thread's own.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) clock: StoreClock,
    pub(super) poison: Poison,
}

impl Writer {
    /// Writes until the senders are gone and everything queued is answered.
    pub(super) fn run(self, mut operations: mpsc::Receiver<Operation>) {
        let mut queue = VecDeque::new();
        while let Some(operation) = next(&mut queue, &mut operations) {
            queue.push_front(operation);
            while queue.len() < BATCH_OPERATIONS
                && let Ok(operation) = operations.try_recv()
            {
                queue.push_back(operation);
            }
            self.write(&mut queue);
        }
    }

    /// Writes one batch from the front of the queue. What must wait for the next stays, in order.
    fn write(&self, queue: &mut VecDeque<Operation>) {
        let mut batch = Batch { changes: Changes::new(), bytes: 0, replies: Vec::new() };
        let mut sessions = HashSet::new();
        let mut later = VecDeque::new();
        while let Some(operation) = queue.pop_front() {
            // An operation behind one of the same session that waits must wait too, which the set sees to.
            if batch.bytes >= BATCH_BYTES || !sessions.insert(operation.session().clone()) {
                later.push_back(operation);
            } else {
                self.plan(operation, &mut batch);
            }
        }
        *queue = later;
        let outcome = self.persist(batch.changes);
        for reply in batch.replies {
            reply(outcome.clone());
        }
    }

    fn plan(&self, operation: Operation, batch: &mut Batch) {
        let view = self.shared.tables.view();
        let now_ms = self.clock.now_ms();
        match operation {
            Operation::Create(new, answer) => {
                batch.add(plan::create(&view, &new).map(|changes| ((), changes)), answer);
            }
            Operation::Commit(id, epoch, commit, answer) => {
                batch.add(plan::commit(&view, &id, epoch, *commit, now_ms), answer);
            }
            Operation::Enqueue(id, item, answer) => batch.add(plan::enqueue(&view, &id, &item, now_ms), answer),
            Operation::AdvanceEpoch(id, epoch, resume_at, answer) => {
                batch.add(plan::advance_epoch(&view, &id, epoch, resume_at), answer);
            }
        }
    }

    fn persist(&self, changes: Changes) -> Result<(), StoreError> {
        if let Some(reason) = self.poison.get() {
            return Err(StoreError::Poisoned(reason.clone()));
        }
        if changes.is_empty() {
            return Ok(());
        }
        let mut batch = self.shared.tables.database.batch().durability(Some(PersistMode::SyncAll));
        for change in changes {
            match change {
                Change::Put(table, key, value) => {
                    batch.insert(self.shared.tables.table(table), key, fjall::Slice::new(&value));
                }
                Change::Delete(table, key) => batch.remove(self.shared.tables.table(table), key),
            }
        }
        batch.commit().map_err(|error| {
            let reason: Arc<str> = error.to_string().into();
            tracing::error!(%reason, "a write to the store failed; no further write is accepted");
            StoreError::Poisoned(self.poison.get_or_init(|| reason).clone())
        })
    }
}

fn next(queue: &mut VecDeque<Operation>, operations: &mut mpsc::Receiver<Operation>) -> Option<Operation> {
    queue.pop_front().or_else(|| operations.blocking_recv())
}

/// Tells whoever waits how the batch ended.
type Reply = Box<dyn FnOnce(Result<(), StoreError>)>;

/// Changes to be made together, and what to tell whom afterwards.
struct Batch {
    changes: Changes,
    bytes: usize,
    replies: Vec<Reply>,
}

impl Batch {
    /// Takes an operation's changes; a refused operation adds none and is answered with the rest.
    fn add<T: 'static>(&mut self, planned: Result<(T, Changes), StoreError>, answer: Answer<T>) {
        let planned = planned.map(|(value, mut changes)| {
            self.bytes = changes.iter().fold(self.bytes, |sum, change| sum.saturating_add(size(change)));
            self.changes.append(&mut changes);
            value
        });
        // A receiver that is gone gave up waiting, which the store's contract allows.
        self.replies.push(Box::new(move |persisted| {
            let _ = answer.send(planned.and_then(|value| persisted.map(|()| value)));
        }));
    }
}

fn size(change: &Change) -> usize {
    match change {
        Change::Put(_, key, value) => key.len().saturating_add(Bytes::len(value)),
        Change::Delete(_, key) => key.len(),
    }
}

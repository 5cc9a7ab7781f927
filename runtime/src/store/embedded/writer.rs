//! The one thread that writes: group commit.
//!
//! It takes what has queued up meanwhile, at most one operation per session, into one atomic batch,
//! makes it durable by one fsync, and answers everybody. One operation per session and batch, since
//! each is decided on what is committed; rejected: an overlay of pending changes, which every reader
//! would have to honour.
//!
//! A write that fails leaves the disk in doubt, so it poisons the store: nothing is written after it.

use std::collections::{HashSet, VecDeque};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use fjall::PersistMode;
use parking_lot::Mutex;
use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use super::Shared;
use super::changes::Changes;
use super::claims::Claims;
use super::tables::{AGE_KEY, Table, View};
use super::{plan, record};
use crate::ids::{Epoch, SessionId};
use crate::store::jobs::Queue;
use crate::store::{
    Age, Commit, Committed, Enqueued, Fence, InboxItem, Leap, Lifetime, Moment, NewSession, SessionRow, StoreClock,
    StoreError,
};

/// Operations in one batch.
const BATCH_OPERATIONS: usize = 256;
/// Bytes after which a batch takes no further operation.
const BATCH_BYTES: usize = 4 << 20;

/// The store's age is written down with the first write behind so many ms.
const AGE_STEP_MS: u64 = 1_000;

/// The reason why a store is poisoned, once it is.
pub(super) type Poison = Arc<OnceLock<Arc<str>>>;

type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// A write and whom to tell.
pub(super) enum Operation {
    Create(NewSession, Answer<()>),
    Claim(SessionId, Fence, Answer<SessionRow>),
    Commit(SessionId, Epoch, Box<Commit>, Answer<Committed>),
    Enqueue(SessionId, InboxItem, Answer<Enqueued>),
    AdvanceEpoch(SessionId, Epoch, Leap, Answer<Epoch>),
    Jobs(JobStep),
    Touch(SessionId, Answer<()>),
    /// Says whether the session was over.
    End(SessionId, Answer<bool>),
    /// Writes down how old the store is.
    Age(Answer<()>),
}

/// A step of the queue of jobs, and whom to tell.
pub(super) type JobStep = Box<dyn FnOnce(&mut Queue, u64) -> Reply + Send>;

/// A write that waits, and its part of the room for waiting ones.
pub(super) struct Queued {
    pub(super) operation: Operation,
    pub(super) room: OwnedSemaphorePermit,
}

impl Operation {
    /// About how much memory it holds.
    pub(super) fn bytes(&self) -> usize {
        match self {
            Self::Create(new, _) => new.role.len().saturating_add(new.user.len()),
            Self::Commit(_, _, commit, _) => {
                let state = commit.state.as_ref().map_or(0, Bytes::len);
                commit.entries.iter().map(Bytes::len).fold(state, usize::saturating_add)
            }
            Self::Enqueue(_, item, _) => item.bytes.len(),
            Self::Claim(..) | Self::AdvanceEpoch(..) | Self::Touch(..) | Self::End(..) | Self::Age(_) => 0,
            // A job's text has 64 KiB at most, and callers of the queue are few.
            Self::Jobs(_) => 64 << 10,
        }
    }

    /// Whose records it reads; `None` for what is decided on what is in memory.
    fn session(&self) -> Option<&SessionId> {
        match self {
            Self::Create(new, _) => Some(&new.id),
            Self::Claim(id, ..)
            | Self::Commit(id, ..)
            | Self::Enqueue(id, ..)
            | Self::AdvanceEpoch(id, ..)
            | Self::Touch(id, _)
            | Self::End(id, _) => Some(id),
            Self::Jobs(_) | Self::Age(_) => None,
        }
    }
}

/// The writing thread's own.
pub(super) struct Writer {
    pub(super) shared: Arc<Shared>,
    pub(super) clock: StoreClock,
    /// The line of copies that the store is in.
    pub(super) born_in: Arc<str>,
    pub(super) age: Arc<Age>,
    pub(super) lifetime: Lifetime,
    /// The age that is on the disk, ms.
    pub(super) noted_ms: u64,
    pub(super) poison: Poison,
    pub(super) expired: Arc<AtomicU64>,
    pub(super) claims: Arc<Claims>,
    pub(super) queue: Arc<Mutex<Queue>>,
}

impl Writer {
    /// Writes until the senders are gone and everything queued is answered.
    pub(super) fn run(mut self, mut operations: mpsc::Receiver<Queued>) {
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
        let mut last = Changes::default();
        self.note_age(&mut last, 1);
        // A store that is poisoned has said so; without this, sessions live longer by the time since the last write.
        let _ = self.persist(last);
    }

    /// Writes down how old the store is, where that is another one by so much: what is said of sessions means nothing without
    /// it.
    fn note_age(&mut self, changes: &mut Changes, by_ms: u64) {
        let age_ms = self.age.now_ms();
        if age_ms.saturating_sub(self.noted_ms) >= by_ms {
            changes.put(Table::Sessions, AGE_KEY.to_vec(), record::encode_age(age_ms));
            self.noted_ms = age_ms;
        }
    }

    /// Writes one batch from the front of the queue. What must wait for the next stays, in order.
    fn write(&mut self, queue: &mut VecDeque<Queued>) {
        let mut batch = Batch { changes: Changes::default(), bytes: 0, replies: Vec::new() };
        // One for all of them: nothing is committed before the batch is.
        let view = self.shared.tables.view();
        let mut sessions = HashSet::new();
        let mut later = VecDeque::new();
        while let Some(queued) = queue.pop_front() {
            // An operation behind one of the same session that waits must wait too, which the set sees to.
            let is_first = queued.operation.session().is_none_or(|session| sessions.insert(session.clone()));
            if batch.bytes >= BATCH_BYTES || !is_first {
                later.push_back(queued);
            } else {
                self.plan(&view, queued.operation, &mut batch);
                drop(queued.room);
            }
        }
        drop(view);
        *queue = later;
        if !batch.changes.is_empty() {
            self.note_age(&mut batch.changes, AGE_STEP_MS);
        }
        let outcome = self.persist(batch.changes);
        for reply in batch.replies {
            reply(outcome.clone());
        }
    }

    fn plan(&mut self, view: &View, operation: Operation, batch: &mut Batch) {
        let at = Moment::now(&self.clock, &self.age, self.lifetime);
        match operation {
            Operation::Create(new, answer) => {
                batch.add(plan::create(view, &new, &self.born_in, at).map(|changes| ((), changes)), answer);
            }
            Operation::Claim(id, fence, answer) => batch.add(self.claim(view, &id, fence, at), answer),
            Operation::Commit(id, epoch, commit, answer) => {
                let owned = self.owns(view, &id, commit.fence);
                batch.add(owned.and_then(|()| plan::commit(view, &id, epoch, *commit, at)), answer);
            }
            Operation::Enqueue(id, item, answer) => batch.add(plan::enqueue(view, &id, &item, at), answer),
            Operation::AdvanceEpoch(id, epoch, leap, answer) => {
                let owned = self.owns(view, &id, leap.fence);
                batch.add(owned.and_then(|()| plan::advance_epoch(view, &id, epoch, &leap, at)), answer);
            }
            Operation::Jobs(step) => {
                let mut queue = self.queue.lock();
                let reply = step(&mut queue, at.now_ms);
                batch.take(super::jobs::changes(&mut queue));
                batch.replies.push(reply);
            }
            Operation::Touch(id, answer) => {
                batch.add(plan::touch(view, &id, at).map(|changes| ((), changes)), answer);
            }
            Operation::End(id, answer) => {
                let ended =
                    if self.claims.has(&id) { Ok((false, Changes::default())) } else { plan::end(view, &id, at) };
                batch.add(ended, answer);
            }
            Operation::Age(answer) => {
                let mut changes = Changes::default();
                self.note_age(&mut changes, 1);
                batch.add(Ok(((), changes)), answer);
            }
        }
    }

    /// Refuses a writer whose claim is over, and one whose session is.
    fn owns(&self, view: &View, id: &SessionId, fence: Option<Fence>) -> Result<(), StoreError> {
        self.claims.check(id, fence).map_err(|lost| match view.position(id) {
            Err(gone @ StoreError::NoSession(_)) => gone,
            _ => lost,
        })
    }

    /// Behind every write of an earlier claim, as all operations on a session are: the row shows what became of them.
    fn claim(
        &self,
        view: &View,
        id: &SessionId,
        fence: Fence,
        at: Moment,
    ) -> Result<(SessionRow, Changes), StoreError> {
        let row = view.session(id)?.ok_or_else(|| StoreError::NoSession(id.clone()))?;
        let changes = plan::touch(view, id, at)?;
        self.claims.claim(id, fence);
        Ok((self.claims.seen(row), changes))
    }

    fn persist(&self, changes: Changes) -> Result<(), StoreError> {
        if let Some(reason) = self.poison.get() {
            return Err(StoreError::Poisoned(reason.clone()));
        }
        if changes.is_empty() {
            return Ok(());
        }
        let mut batch = self.shared.tables.database.batch().durability(Some(PersistMode::SyncAll));
        let expired = changes.expired();
        for ((table, key), value) in changes {
            let table = self.shared.tables.table(table);
            match value {
                Some(value) => batch.insert(table, key, fjall::Slice::new(&value)),
                None => batch.remove(table, key),
            }
        }
        batch.commit().map_err(|error| {
            let reason: Arc<str> = error.to_string().into();
            tracing::error!(%reason, "a write to the store failed; no further write is accepted");
            StoreError::Poisoned(self.poison.get_or_init(|| reason).clone())
        })?;
        self.expired.fetch_add(expired, Ordering::Relaxed);
        Ok(())
    }
}

fn next(queue: &mut VecDeque<Queued>, operations: &mut mpsc::Receiver<Queued>) -> Option<Queued> {
    queue.pop_front().or_else(|| operations.blocking_recv())
}

/// Tells whoever waits how the batch ended.
pub(super) type Reply = Box<dyn FnOnce(Result<(), StoreError>)>;

/// Changes to be made together, and what to tell whom afterwards.
struct Batch {
    changes: Changes,
    bytes: usize,
    replies: Vec<Reply>,
}

impl Batch {
    fn take(&mut self, changes: Changes) {
        self.bytes = self.bytes.saturating_add(changes.bytes());
        self.changes.absorb(changes);
    }

    /// Takes an operation's changes; a refused operation adds none and is answered with the rest.
    fn add<T: 'static>(&mut self, planned: Result<(T, Changes), StoreError>, answer: Answer<T>) {
        let planned = planned.map(|(value, changes)| {
            self.take(changes);
            value
        });
        // A receiver that is gone gave up waiting, which the store's contract allows.
        self.replies.push(Box::new(move |persisted| {
            let _ = answer.send(planned.and_then(|value| persisted.map(|()| value)));
        }));
    }
}

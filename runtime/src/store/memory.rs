//! The store without a disk: for tests, and the model that the embedded store is compared with.

#[cfg(test)]
mod played;
mod receipts;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use parking_lot::Mutex;

use super::jobs::{Jobs, Queue};
use super::{
    Age, Commit, Committed, DONE_KEPT_MS, DONE_LIMIT, Enqueued, Fence, Hold, INBOX_LIMIT, InboxItem, Interrupted,
    LOG_LIMIT, Leap, Lifetime, LogEntry, Moment, NewSession, Node, Receipt, SessionRow, Store, StoreClock, StoreError,
};
#[cfg(test)]
use super::{Nodes, neighbours::Neighbours};
use crate::ids::{Epoch, Seq, SessionId};

/// A store in memory. What it promises to keep survives nothing but dropped connections.
#[derive(Debug)]
pub struct MemoryStore {
    clock: StoreClock,
    age: Arc<Age>,
    lifetime: Lifetime,
    inner: Arc<Mutex<Inner>>,
    expired: AtomicU64,
    node: Node,
    #[cfg(test)]
    neighbours: Option<Neighbours>,
    /// Nobody reaches what it has, as when a network fails.
    #[cfg(test)]
    away: std::sync::atomic::AtomicBool,
}

#[derive(Debug, Default)]
struct Inner {
    sessions: HashMap<SessionId, Session>,
    jobs: Queue,
    closed: bool,
    /// The line of copies that the store plays to be in.
    #[cfg(test)]
    lineage: super::Lineage,
}

#[derive(Debug)]
struct Session {
    created: NewSession,
    epoch: Epoch,
    head: Seq,
    floor: Seq,
    state: Bytes,
    running: bool,
    hold: Option<Hold>,
    /// How old the store was when it was used last, ms.
    used_ms: u64,
    born_in: Arc<str>,
    log: BTreeMap<Seq, Bytes>,
    inbox: Vec<InboxItem>,
    done: HashMap<String, (Seq, u64)>,
    done_order: BTreeSet<(u64, String)>,
}

impl MemoryStore {
    /// An empty store.
    #[must_use]
    pub fn new() -> Self {
        Self::with_clock(StoreClock::default())
    }

    /// An empty store that reads the time elsewhere.
    #[must_use]
    pub fn with_clock(clock: StoreClock) -> Self {
        Self {
            age: Arc::new(Age::from(clock.clone(), 0)),
            clock,
            lifetime: Lifetime::FOREVER,
            inner: Arc::default(),
            expired: AtomicU64::new(0),
            node: Node::only(),
            #[cfg(test)]
            neighbours: None,
            #[cfg(test)]
            away: false.into(),
        }
    }

    /// Lets sessions end that nobody uses.
    #[must_use]
    pub fn with_lifetime(mut self, lifetime: Lifetime) -> Self {
        self.lifetime = lifetime;
        self
    }

    fn moment(&self) -> Moment {
        Moment::now(&self.clock, &self.age, self.lifetime)
    }

    pub(super) fn now_ms(&self) -> u64 {
        self.clock.now_ms()
    }

    /// A step of the queue of jobs.
    pub(super) fn with_jobs<T>(&self, step: impl FnOnce(&mut Queue) -> T) -> Result<T, StoreError> {
        let mut inner = self.inner.lock();
        if inner.closed { Err(StoreError::Closed) } else { Ok(step(&mut inner.jobs)) }
    }

    fn with<T>(
        &self,
        id: &SessionId,
        step: impl FnOnce(&mut Session) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        #[cfg(test)]
        if self.away.load(Ordering::SeqCst) {
            let (server, detail) = ("a test".to_owned(), "it is away".to_owned());
            return Err(super::RedisFault::Unreachable { server, detail }.into());
        }
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(StoreError::Closed);
        }
        let session = inner.sessions.get_mut(id).ok_or_else(|| StoreError::NoSession(id.clone()))?;
        step(session)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

#[async_trait]
impl Store for MemoryStore {
    async fn create(&self, new: NewSession) -> Result<(), StoreError> {
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(StoreError::Closed);
        }
        if inner.sessions.contains_key(&new.id) {
            return Err(StoreError::Exists(new.id));
        }
        let session = Session { used_ms: self.age.now_ms(), ..Session::new(new) };
        #[cfg(test)]
        let session = Session { born_in: inner.lineage.id.as_str().into(), ..session };
        inner.sessions.insert(session.created.id.clone(), session);
        Ok(())
    }

    async fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        match self.with(id, |session| Ok(session.row())) {
            Ok(row) => Ok(Some(row)),
            Err(StoreError::NoSession(_)) => Ok(None),
            Err(error) => Err(error),
        }
    }

    async fn claim(&self, id: &SessionId, from: Option<&Node>, fence: Fence) -> Result<SessionRow, StoreError> {
        self.with(id, |session| {
            let claim = Hold { owner: self.node.clone(), fence };
            let held = Hold::claimed(session.hold.as_ref(), from, claim);
            session.hold = Some(held.map_err(|owner| StoreError::Owned { id: id.clone(), owner })?);
            session.touch(self.moment());
            Ok(session.row())
        })
    }

    async fn release(&self, id: &SessionId, fence: Fence) -> Result<(), StoreError> {
        let released = self.with(id, |session| {
            session.hold = session.hold.take().filter(|hold| hold.fence != fence);
            Ok(())
        });
        // A session that is gone is nobody's.
        released.or_else(|error| if matches!(error, StoreError::NoSession(_)) { Ok(()) } else { Err(error) })
    }

    async fn commit(&self, id: &SessionId, epoch: Epoch, commit: Commit) -> Result<Committed, StoreError> {
        #[cfg(test)]
        self.trust(id, commit.known_in.as_ref())?;
        let moment = self.moment();
        let now_ms = moment.now_ms;
        self.with(id, |session| {
            session.admit(commit.fence, epoch, commit.after)?;
            let committed = session.commit(commit, now_ms)?;
            session.touch(moment);
            self.expired.fetch_add(session.expire(now_ms), Ordering::Relaxed);
            Ok(committed)
        })
    }

    async fn read(&self, id: &SessionId, from: Seq, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        self.with(id, |session| {
            let entries = session.log.range(from..).take(limit);
            Ok(entries.map(|(seq, bytes)| LogEntry { seq: *seq, bytes: bytes.clone() }).collect())
        })
    }

    async fn enqueue(&self, id: &SessionId, item: InboxItem) -> Result<Enqueued, StoreError> {
        let moment = self.moment();
        self.with(id, |session| {
            self.expired.fetch_add(session.expire(moment.now_ms), Ordering::Relaxed);
            let enqueued = session.enqueue(item, moment.now_ms)?;
            session.touch(moment);
            Ok(enqueued)
        })
    }

    async fn inbox(&self, id: &SessionId, now_ms: u64, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
        self.with(id, |session| {
            Ok(session.inbox.iter().filter(|item| item.expires_ms > now_ms).take(limit).cloned().collect())
        })
    }

    async fn receipt(&self, id: &SessionId, biz_id: &str) -> Result<(SessionRow, Receipt), StoreError> {
        let now_ms = self.clock.now_ms();
        self.with(id, |session| Ok((session.row(), session.receipt(biz_id, now_ms))))
    }

    fn take_expired(&self) -> u64 {
        self.expired.swap(0, Ordering::Relaxed)
    }

    async fn advance_epoch(&self, id: &SessionId, epoch: Epoch, leap: Leap) -> Result<Epoch, StoreError> {
        #[cfg(test)]
        self.trust(id, leap.known_in.as_ref())?;
        self.with(id, |session| {
            session.admit(leap.fence, epoch, leap.after)?;
            let next = session.epoch.max(leap.beyond).checked_add(1);
            session.epoch = next.ok_or_else(|| StoreError::exhausted(id))?;
            session.head = session.head.max(leap.resume_at.saturating_sub(1));
            session.touch(self.moment());
            Ok(session.epoch)
        })
    }

    fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    async fn touch(&self, id: &SessionId) -> Result<(), StoreError> {
        self.with(id, |session| {
            session.touch(self.moment());
            Ok(())
        })
    }

    async fn expire(&self) -> Result<u64, StoreError> {
        let age_ms = self.age.now_ms();
        let mut inner = self.inner.lock();
        if inner.closed {
            return Err(StoreError::Closed);
        }
        let before = inner.sessions.len();
        let is_kept = |session: &Session| session.running || session.hold.is_some();
        inner.sessions.retain(|_, session| is_kept(session) || !self.lifetime.is_over(session.used_ms, age_ms));
        Ok(before.saturating_sub(inner.sessions.len()) as u64)
    }

    async fn interrupted(&self) -> Result<Vec<Interrupted>, StoreError> {
        let inner = self.inner.lock();
        if inner.closed {
            return Err(StoreError::Closed);
        }
        let running = inner.sessions.values().filter(|session| session.running);
        let interrupted = running.map(|session| Interrupted {
            id: session.created.id.clone(),
            owner: session.hold.as_ref().map(|hold| hold.owner.clone()),
        });
        let mut interrupted: Vec<Interrupted> = interrupted.collect();
        interrupted.sort();
        Ok(interrupted)
    }

    fn jobs(&self) -> &dyn Jobs {
        self
    }

    fn node(&self) -> &Node {
        &self.node
    }

    #[cfg(test)]
    fn nodes(&self) -> Option<&dyn Nodes> {
        self.neighbours.as_ref().map(|neighbours| neighbours as &dyn Nodes)
    }

    #[cfg(test)]
    fn lineage(&self, _id: &SessionId) -> Result<super::Lineage, StoreError> {
        Ok(self.inner.lock().lineage.clone())
    }

    fn healthy(&self) -> Result<(), StoreError> {
        if self.inner.lock().closed { Err(StoreError::Closed) } else { Ok(()) }
    }

    async fn close(&self) {
        self.inner.lock().closed = true;
    }
}

impl Session {
    fn new(created: NewSession) -> Self {
        Self {
            created,
            epoch: 1,
            head: 0,
            floor: 0,
            state: Bytes::new(),
            running: false,
            hold: None,
            used_ms: 0,
            born_in: "".into(),
            log: BTreeMap::new(),
            inbox: Vec::new(),
            done: HashMap::new(),
            done_order: BTreeSet::new(),
        }
    }

    fn row(&self) -> SessionRow {
        SessionRow {
            created: self.created.clone(),
            epoch: self.epoch,
            head: self.head,
            floor: self.floor,
            state: self.state.clone(),
            running: self.running,
            hold: self.hold.clone(),
            born_in: self.born_in.clone(),
        }
    }

    /// Notes a use, if it is worth it.
    fn touch(&mut self, at: Moment) {
        if at.lifetime.is_worth_noting(self.used_ms, at.age_ms) {
            self.used_ms = at.age_ms;
        }
    }

    /// Refuses a writer that does not know how the session stands.
    fn admit(&self, fence: Option<Fence>, expected: Epoch, after: Option<Seq>) -> Result<(), StoreError> {
        let (id, actual) = (self.created.id.clone(), self.epoch);
        if fence != self.hold.as_ref().map(|hold| hold.fence) {
            return Err(StoreError::Lost(id));
        }
        if expected != actual {
            return Err(StoreError::Fenced { id, expected, actual });
        }
        match after.filter(|after| *after != self.head) {
            Some(expected) => Err(StoreError::Moved { id, expected, actual: self.head }),
            None => Ok(()),
        }
    }

    fn commit(&mut self, commit: Commit, now_ms: u64) -> Result<Committed, StoreError> {
        let first = self.head.checked_add(1).ok_or_else(|| StoreError::exhausted(&self.created.id))?;
        let count = commit.entries.len() as u64;
        let head = self.head.checked_add(count).ok_or_else(|| StoreError::exhausted(&self.created.id))?;
        self.log.extend((first..=head).zip(commit.entries));
        self.head = head;
        while self.log.len() as u64 > LOG_LIMIT
            && let Some((dropped, _)) = self.log.pop_first()
        {
            self.floor = dropped;
        }
        for delivered in commit.delivered {
            self.inbox.retain(|item| item.biz_id != delivered.biz_id);
            let seq = first.saturating_add(delivered.entry as u64).min(head);
            self.mark_done(delivered.biz_id, seq, now_ms);
        }
        if let Some(state) = commit.state {
            self.state = state;
        }
        if let Some(running) = commit.running {
            self.running = running;
        }
        Ok(Committed { first, head })
    }

    fn mark_done(&mut self, biz_id: String, seq: Seq, now_ms: u64) {
        if let Some((_, at_ms)) = self.done.insert(biz_id.clone(), (seq, now_ms)) {
            self.done_order.remove(&(at_ms, biz_id.clone()));
        }
        self.done_order.insert((now_ms, biz_id));
        while let Some((at_ms, oldest)) = self.done_order.first() {
            let overdue = !is_remembered(*at_ms, now_ms) || self.done_order.len() > DONE_LIMIT;
            if !overdue {
                break;
            }
            self.done.remove(oldest);
            self.done_order.pop_first();
        }
    }

    /// Drops what waited too long. Returns how many items.
    fn expire(&mut self, now_ms: u64) -> u64 {
        let before = self.inbox.len();
        self.inbox.retain(|waiting| waiting.expires_ms > now_ms);
        before.saturating_sub(self.inbox.len()) as u64
    }

    fn enqueue(&mut self, item: InboxItem, now_ms: u64) -> Result<Enqueued, StoreError> {
        match self.done.get(&item.biz_id) {
            Some((seq, at_ms)) if is_remembered(*at_ms, now_ms) => return Ok(Enqueued::Delivered(*seq)),
            _ => {}
        }
        if self.inbox.iter().any(|waiting| waiting.biz_id == item.biz_id) {
            return Ok(Enqueued::Waiting);
        }
        if self.inbox.len() >= INBOX_LIMIT {
            return Err(StoreError::InboxFull(self.created.id.clone()));
        }
        self.inbox.push(item);
        Ok(Enqueued::Fresh)
    }
}

fn is_remembered(at_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(at_ms) <= DONE_KEPT_MS
}

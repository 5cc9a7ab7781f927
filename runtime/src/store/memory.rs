//! The store without a disk: for tests, and the model that the embedded store is compared with.

#[cfg(test)]
mod played;
mod session;

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use parking_lot::Mutex;

use self::session::Session;
use super::jobs::{Jobs, Queue};
use super::{
    Age, Commit, Committed, Enqueued, Fence, Hold, InboxItem, Interrupted, Leap, Lifetime, LogEntry, Moment,
    NewSession, Node, Receipt, SessionRow, Store, StoreClock, StoreError,
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

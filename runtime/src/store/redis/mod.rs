//! The store on a Redis server (7 or newer).
//!
//! ```text
//! RedisStore ─► scripts (one session, whole or not at all) ─► route ─► lines (one connection for all) ─► server
//!     │                                                          │
//!     └── running (who has an unfinished reply)                  ├── settling (as durable as asked)
//!                                                                └── link (the way back to a connection)
//! ```
//!
//! Every step of a session is one script on keys of one slot ([`keys`], [`scripts`]). In a cluster
//! the key decides to which node a call goes ([`route`]).
//!
//! A write whose answer is lost is [`RedisFault::Undecided`]. Nobody here tries it again: the session's actor ends, and the
//! next one reads what became of it. It is decided by then ([`link`]), and a step that names the head which it follows is
//! refused if another came before it.

mod address;
mod answer;
mod calls;
mod cluster;
mod durability;
mod fault;
mod jobs;
mod keys;
mod lines;
mod link;
mod listed;
mod nodes;
mod reads;
mod receipts;
mod route;
mod running;
mod scripts;
mod sentinel;
mod server;
mod settling;
mod slots;
mod spot;
mod steps;
#[cfg(test)]
mod tests;
mod tls;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;
use tokio_util::task::TaskTracker;
use tokio_util::task::task_tracker::TaskTrackerToken;

pub use self::address::RedisAddress;
use self::answer::Answer;
pub use self::durability::Durability;
pub use self::fault::RedisFault;
use self::keys::Keys;
use self::listed::Listed;
use self::route::Servers;
use self::running::Marks;
pub use self::tls::RedisTls;
use super::{
    Commit, Committed, DONE_KEPT_MS, DONE_LIMIT, Enqueued, Fence, INBOX_LIMIT, InboxItem, Interrupted, LOG_LIMIT, Leap,
    Lifetime, Lineage, LogEntry, NewSession, Node, Nodes, Receipt, SessionRow, Store, StoreClock, StoreError,
};
use crate::ids::{Epoch, Seq, SessionId};

/// How long closing waits for calls that are under way.
const CLOSING: Duration = Duration::from_secs(10);

/// Which server, and how it is used.
#[derive(Debug, Clone)]
pub struct RedisSettings {
    /// The server.
    pub address: RedisAddress,
    /// What all keys begin with; at most 64 visible ASCII characters and no brackets.
    pub prefix: String,
    /// When a write is acknowledged.
    pub durability: Durability,
    /// Who this process is. Processes that run at the same time should have nodes of different names.
    pub node: Node,
    /// How long others take this process to live after it was last heard of.
    pub lease: Duration,
    /// How long sessions are kept that nobody uses, by the server's clock.
    pub lifetime: Lifetime,
}

/// A store on a Redis server, a cluster or what sentinels name, which any number of processes may use at once. See [`Store`]
/// for what it promises, and [`Durability`] for when.
pub struct RedisStore {
    servers: Arc<Servers>,
    keys: Keys,
    lease: Duration,
    lifetime: Lifetime,
    marks: Marks,
    listed: Arc<Listed>,
    clock: StoreClock,
    expired: AtomicU64,
    closed: AtomicBool,
    calls: TaskTracker,
    /// The line of copies in which this process last listened.
    bell_lineage: Mutex<Option<String>>,
}

impl RedisStore {
    /// Connects to the server and looks whether it fits. Waits for one that loads its data, a minute at most. Must run in
    /// a tokio runtime.
    ///
    /// # Errors
    /// [`StoreError::Redis`]: the server cannot be reached, lets nobody in or is not set up for this.
    pub async fn open(settings: RedisSettings) -> Result<Self, StoreError> {
        Self::open_with_clock(settings, StoreClock::System).await
    }

    /// Connects; the store reads the time elsewhere.
    ///
    /// # Errors
    /// As [`open`](Self::open).
    pub async fn open_with_clock(settings: RedisSettings, clock: StoreClock) -> Result<Self, StoreError> {
        let keys = Keys::new(&settings.prefix, settings.node.clone());
        Ok(Self {
            lease: settings.lease,
            lifetime: settings.lifetime,
            servers: Arc::new(Servers::open(settings, keys.clone()).await?),
            keys,
            marks: Marks::new()?,
            listed: Arc::default(),
            clock,
            expired: AtomicU64::new(0),
            closed: AtomicBool::new(false),
            calls: TaskTracker::new(),
            bell_lineage: Mutex::default(),
        })
    }

    /// Lets a call in, unless the store is closed; closing waits for what this gives.
    fn enter(&self) -> Result<TaskTrackerToken, StoreError> {
        let token = self.calls.token();
        if self.closed.load(Ordering::SeqCst) { Err(StoreError::Closed) } else { Ok(token) }
    }
}

#[async_trait]
impl Store for RedisStore {
    async fn create(&self, new: NewSession) -> Result<(), StoreError> {
        let id = new.id.clone();
        // Nothing is known of the server while another one is looked for.
        drop(self.servers.route(&self.keys.state(&id)).way().await?);
        let call = self.create_call(new)?;
        self.write(&id, None, call, |answer| match answer.word() {
            "ok" => Ok(()),
            _ => Err(answer.refusal(0, None)),
        })
        .await
    }

    async fn session(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        let _call = self.enter()?;
        Ok(self.look(id, None).await?.map(|(row, _)| row))
    }

    async fn claim(&self, id: &SessionId, from: Option<&Node>, fence: Fence) -> Result<SessionRow, StoreError> {
        let call = self.claim_call(id, from, fence);
        let claimed = self.write(id, None, call, |mut answer| match answer.word() {
            "ok" => answer::row(answer.next()?, id, &self.keys)?.ok_or_else(|| StoreError::NoSession(id.clone())),
            _ => Err(answer.refusal(0, None)),
        });
        let row = claimed.await?;
        if row.running {
            self.adopt(id, fence);
        }
        Ok(row)
    }

    async fn release(&self, id: &SessionId, fence: Fence) -> Result<(), StoreError> {
        let _call = self.enter()?;
        self.listed.leave(id, fence);
        self.told(self.release_call(id, fence), |answer| match Answer::read(answer, id, &self.keys) {
            // A session that is gone is nobody's.
            Ok(_) | Err(StoreError::NoSession(_)) => Ok(()),
            Err(error) => Err(error),
        })
        .await
    }

    async fn commit(&self, id: &SessionId, epoch: Epoch, commit: Commit) -> Result<Committed, StoreError> {
        let _call = self.enter()?;
        let mark = match commit.running {
            None => String::new(),
            Some(false) => "-".to_owned(),
            Some(true) => self.list(id, commit.fence).await?,
        };
        let (count, after, known_in) = (commit.entries.len() as u64, commit.after, commit.known_in.clone());
        let call = self.commit_call(id, epoch, commit, &mark);
        let (head, expired, cleared) = self
            .write(id, known_in, call, |mut answer| match answer.word() {
                "ok" => Ok((answer.next::<Seq>()?, answer.next::<u64>()?, answer.next::<String>()?)),
                _ => Err(answer.refusal(epoch, after)),
            })
            .await?;
        self.expired.fetch_add(expired, Ordering::Relaxed);
        if !cleared.is_empty() {
            self.strike(id, cleared);
        }
        Ok(Committed { first: head.saturating_sub(count).saturating_add(1), head })
    }

    async fn read(&self, id: &SessionId, from: Seq, limit: usize) -> Result<Vec<LogEntry>, StoreError> {
        let _call = self.enter()?;
        let key = self.keys.log(id);
        let found = self.look(id, Some((&key, &self.range(id, from, limit)))).await?;
        let (row, entries) = found.ok_or_else(|| StoreError::NoSession(id.clone()))?;
        let mut entries = answer::entries(entries, id)?;
        entries.retain(|entry| entry.seq <= row.head);
        entries.truncate(limit);
        Ok(entries)
    }

    async fn follow(
        &self,
        id: &SessionId,
        epoch: Epoch,
        head: Seq,
        from: Seq,
        limit: usize,
    ) -> Result<Vec<LogEntry>, StoreError> {
        let _call = self.enter()?;
        let (entries, (now, end)) = self.look_behind(id, &self.range(id, from, limit)).await?;
        let entries = answer::entries(entries, id)?;
        if now != epoch {
            return Err(StoreError::Fenced { id: id.clone(), expected: epoch, actual: now });
        }
        if end < head {
            return Err(StoreError::Moved { id: id.clone(), expected: head, actual: end });
        }
        Ok(entries.into_iter().filter(|entry| entry.seq <= head).take(limit).collect())
    }

    async fn enqueue(&self, id: &SessionId, item: InboxItem) -> Result<Enqueued, StoreError> {
        let call = self.enqueue_call(id, item);
        let read = |mut answer: Answer| {
            let word = answer.word().to_owned();
            if word == "full" {
                return Err(answer.refusal(0, None));
            }
            let expired = answer.next::<u64>()?;
            let outcome = match word.as_str() {
                "fresh" => Enqueued::Fresh,
                "waiting" => Enqueued::Waiting,
                "delivered" => Enqueued::Delivered(answer.next()?),
                _ => return Err(answer.refusal(0, None)),
            };
            Ok((outcome, expired))
        };
        let (outcome, expired) = self.write(id, None, call, read).await?;
        self.expired.fetch_add(expired, Ordering::Relaxed);
        Ok(outcome)
    }

    async fn inbox(&self, id: &SessionId, now_ms: u64, limit: usize) -> Result<Vec<InboxItem>, StoreError> {
        let _call = self.enter()?;
        let mut found = Vec::new();
        let mut from = "-".to_owned();
        let page = limit.clamp(1, INBOX_LIMIT);
        loop {
            let key = self.keys.inbox(id);
            let range = redis::cmd("XRANGE").arg(&key).arg(&from).arg("+").arg("COUNT").arg(page).take();
            let answered = self.look(id, Some((&key, &range))).await?;
            let (_, items) = answered.ok_or_else(|| StoreError::NoSession(id.clone()))?;
            let items = answer::items(items, id)?;
            let ended = items.len() < page;
            // Exclusive: behind the last of this page.
            from = items.last().map_or_else(String::new, |(place, _)| format!("({place}"));
            found.extend(items.into_iter().map(|(_, item)| item).filter(|item| item.expires_ms > now_ms));
            if ended || found.len() >= limit {
                found.truncate(limit);
                return Ok(found);
            }
        }
    }

    async fn receipt(&self, id: &SessionId, biz_id: &str) -> Result<(SessionRow, Receipt), StoreError> {
        let _call = self.enter()?;
        self.told(self.receipt_call(id, biz_id), |value| self.read_receipt(value, id)).await
    }

    fn take_expired(&self) -> u64 {
        self.expired.swap(0, Ordering::Relaxed)
    }

    async fn advance_epoch(&self, id: &SessionId, epoch: Epoch, leap: Leap) -> Result<Epoch, StoreError> {
        let call = self.advance_call(id, epoch, &leap);
        self.write(id, leap.known_in, call, |mut answer| match answer.word() {
            "ok" => answer.next(),
            _ => Err(answer.refusal(epoch, leap.after)),
        })
        .await
    }

    fn lifetime(&self) -> Lifetime {
        self.lifetime
    }

    async fn touch(&self, id: &SessionId) -> Result<(), StoreError> {
        let _call = self.enter()?;
        self.told(self.touch_call(id), |answer| Answer::read(answer, id, &self.keys)).await.map(|_| ())
    }

    async fn interrupted(&self) -> Result<Vec<Interrupted>, StoreError> {
        let _call = self.enter()?;
        running::marked(&self.servers, &self.keys, self.clock.now_ms()).await
    }

    fn jobs(&self) -> &dyn super::jobs::Jobs {
        self
    }

    fn node(&self) -> &Node {
        self.keys.node()
    }

    fn nodes(&self) -> Option<&dyn Nodes> {
        Some(self)
    }

    fn lineage(&self, id: &SessionId) -> Result<Lineage, StoreError> {
        self.servers.lineage(&self.keys.state(id))
    }

    fn healthy(&self) -> Result<(), StoreError> {
        if self.closed.load(Ordering::SeqCst) { Err(StoreError::Closed) } else { self.servers.healthy() }
    }

    fn serves(&self, id: &SessionId) -> Result<(), StoreError> {
        if self.closed.load(Ordering::SeqCst) {
            return Err(StoreError::Closed);
        }
        self.servers.serves(&self.keys.state(id))
    }

    async fn close(&self) {
        self.closed.store(true, Ordering::SeqCst);
        self.calls.close();
        if tokio::time::timeout(CLOSING, self.calls.wait()).await.is_err() {
            tracing::warn!("some calls of the store did not end before it was closed");
        }
        self.servers.close().await;
    }
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("keys", &self.keys).finish_non_exhaustive()
    }
}

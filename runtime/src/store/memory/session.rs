//! One session of the store in memory.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use bytes::Bytes;

use crate::ids::{Epoch, Seq};
use crate::store::{
    Commit, Committed, DONE_KEPT_MS, DONE_LIMIT, Enqueued, Fence, Hold, INBOX_LIMIT, InboxItem, LOG_LIMIT, Moment,
    NewSession, Receipt, SessionRow, StoreError,
};

#[derive(Debug)]
#[cfg_attr(test, derive(Clone))]
pub(super) struct Session {
    pub(super) created: NewSession,
    pub(super) epoch: Epoch,
    pub(super) head: Seq,
    pub(super) floor: Seq,
    pub(super) state: Bytes,
    pub(super) running: bool,
    pub(super) hold: Option<Hold>,
    /// How old the store was when it was used last, ms.
    pub(super) used_ms: u64,
    pub(super) born_in: Arc<str>,
    pub(super) log: BTreeMap<Seq, Bytes>,
    pub(super) inbox: Vec<InboxItem>,
    pub(super) done: HashMap<String, (Seq, u64)>,
    pub(super) done_order: BTreeSet<(u64, String)>,
}

impl Session {
    pub(super) fn new(created: NewSession) -> Self {
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

    pub(super) fn row(&self) -> SessionRow {
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
    pub(super) fn touch(&mut self, at: Moment) {
        if at.lifetime.is_worth_noting(self.used_ms, at.age_ms) {
            self.used_ms = at.age_ms;
        }
    }

    /// Refuses a writer that does not know how the session stands.
    pub(super) fn admit(&self, fence: Option<Fence>, expected: Epoch, after: Option<Seq>) -> Result<(), StoreError> {
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

    pub(super) fn commit(&mut self, commit: Commit, now_ms: u64) -> Result<Committed, StoreError> {
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

    pub(super) fn mark_done(&mut self, biz_id: String, seq: Seq, now_ms: u64) {
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
    pub(super) fn expire(&mut self, now_ms: u64) -> u64 {
        let before = self.inbox.len();
        self.inbox.retain(|waiting| waiting.expires_ms > now_ms);
        before.saturating_sub(self.inbox.len()) as u64
    }

    pub(super) fn enqueue(&mut self, item: InboxItem, now_ms: u64) -> Result<Enqueued, StoreError> {
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

    /// What became of a message.
    pub(super) fn receipt(&self, biz_id: &str, now_ms: u64) -> Receipt {
        match self.done.get(biz_id) {
            Some((seq, at_ms)) if is_remembered(*at_ms, now_ms) => {
                return Receipt::Delivered { seq: *seq, entry: self.log.get(seq).cloned() };
            }
            _ => {}
        }
        let waits = self.inbox.iter().any(|item| item.biz_id == biz_id && item.expires_ms > now_ms);
        if waits { Receipt::Waiting } else { Receipt::Unknown }
    }
}

fn is_remembered(at_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(at_ms) <= DONE_KEPT_MS
}

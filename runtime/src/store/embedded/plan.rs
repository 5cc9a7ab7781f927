//! What each operation changes, decided on a consistent view and without writing anything.
//!
//! An operation that is refused leaves no trace, because its changes are only handed out whole.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::record::{self, Mark, Position};
use super::tables::{self, Table, View};
use crate::ids::{Epoch, Seq, SessionId};
use crate::store::{
    Commit, Committed, DONE_KEPT_MS, DONE_LIMIT, Delivered, Enqueued, INBOX_LIMIT, InboxItem, LOG_LIMIT, NewSession,
    StoreError,
};

/// One write to one table.
#[derive(Debug)]
pub(super) enum Change {
    /// Sets a value.
    Put(Table, Vec<u8>, Bytes),
    /// Removes a key.
    Delete(Table, Vec<u8>),
}

/// The changes of one operation.
pub(super) type Changes = Vec<Change>;

pub(super) fn create(view: &View, new: &NewSession) -> Result<Changes, StoreError> {
    if view.session(&new.id)?.is_some() {
        return Err(StoreError::Exists(new.id.clone()));
    }
    Ok(vec![
        Change::Put(Table::Sessions, tables::created_key(&new.id), record::encode_created(new).into()),
        put_position(&new.id, &Position::FRESH),
    ])
}

pub(super) fn commit(
    view: &View,
    id: &SessionId,
    epoch: Epoch,
    commit: Commit,
    now_ms: u64,
) -> Result<(Committed, Changes), StoreError> {
    let mut position = fenced(view, id, epoch)?;
    let mut changes = Changes::new();
    let first = position.head.checked_add(1).ok_or_else(|| StoreError::exhausted(id))?;
    append(view, id, &mut position, commit.entries, &mut changes)?;
    let committed = Committed { first, head: position.head };
    if !commit.delivered.is_empty() {
        deliver(view, id, &mut position, &commit.delivered, committed, now_ms, &mut changes)?;
    }
    if let Some(state) = commit.state {
        changes.push(Change::Put(Table::Sessions, tables::state_key(id), state));
    }
    if let Some(running) = commit.running {
        position.running = running;
        let key = tables::running_key(id);
        changes.push(if running {
            Change::Put(Table::Running, key, Bytes::new())
        } else {
            Change::Delete(Table::Running, key)
        });
    }
    changes.push(put_position(id, &position));
    Ok((committed, changes))
}

pub(super) fn enqueue(
    view: &View,
    id: &SessionId,
    item: &InboxItem,
    now_ms: u64,
) -> Result<(Enqueued, Changes), StoreError> {
    let mut position = view.position(id)?;
    let mut changes = Changes::new();
    match view.mark(id, &item.biz_id)? {
        Some(Mark::Done { seq, at_ms }) if is_remembered(at_ms, now_ms) => {
            return Ok((Enqueued::Delivered(seq), changes));
        }
        Some(Mark::Waiting { expires_ms, .. }) if expires_ms > now_ms => return Ok((Enqueued::Waiting, changes)),
        Some(Mark::Waiting { arrival, .. }) => {
            changes.push(Change::Delete(Table::Inbox, tables::waiting_key(id, arrival)));
            position.waiting = position.waiting.saturating_sub(1);
        }
        Some(Mark::Done { .. }) | None => {}
    }
    if position.waiting as usize >= INBOX_LIMIT {
        expire(view, id, &mut position, &item.biz_id, now_ms, &mut changes)?;
    }
    if position.waiting as usize >= INBOX_LIMIT {
        return Err(StoreError::InboxFull(id.clone()));
    }
    let arrival = position.next_arrival;
    let mark = Mark::Waiting { arrival, expires_ms: item.expires_ms };
    changes.push(Change::Put(Table::Inbox, tables::waiting_key(id, arrival), record::encode_item(item).into()));
    changes.push(Change::Put(Table::Inbox, tables::mark_key(id, &item.biz_id), mark.encode().into()));
    position.next_arrival = arrival.saturating_add(1);
    position.waiting = position.waiting.saturating_add(1);
    changes.push(put_position(id, &position));
    Ok((Enqueued::Fresh, changes))
}

pub(super) fn advance_epoch(
    view: &View,
    id: &SessionId,
    epoch: Epoch,
    resume_at: Seq,
) -> Result<(Epoch, Changes), StoreError> {
    let mut position = fenced(view, id, epoch)?;
    position.epoch = position.epoch.saturating_add(1);
    position.head = position.head.max(resume_at.saturating_sub(1));
    Ok((position.epoch, vec![put_position(id, &position)]))
}

fn fenced(view: &View, id: &SessionId, expected: Epoch) -> Result<Position, StoreError> {
    let position = view.position(id)?;
    if position.epoch == expected {
        return Ok(position);
    }
    Err(StoreError::Fenced { id: id.clone(), expected, actual: position.epoch })
}

/// Appends entries behind the head and drops what exceeds [`LOG_LIMIT`].
fn append(
    view: &View,
    id: &SessionId,
    position: &mut Position,
    entries: Vec<Bytes>,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    if entries.is_empty() {
        return Ok(());
    }
    let before = position.head;
    position.head = before.checked_add(entries.len() as u64).ok_or_else(|| StoreError::exhausted(id))?;
    let floor = position.head.saturating_sub(LOG_LIMIT);
    for (seq, bytes) in (before.saturating_add(1)..=position.head).zip(entries).filter(|(seq, _)| *seq > floor) {
        changes.push(Change::Put(Table::Log, tables::log_key(id, seq), bytes));
    }
    if floor > position.floor {
        // The range is scanned, not counted: after a lost tail there are holes in it.
        for key in view.log_keys(id, position.floor.saturating_add(1), floor.min(before))? {
            changes.push(Change::Delete(Table::Log, key));
        }
        position.floor = floor;
    }
    Ok(())
}

fn deliver(
    view: &View,
    id: &SessionId,
    position: &mut Position,
    delivered: &[Delivered],
    committed: Committed,
    now_ms: u64,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    let by_id: BTreeMap<&str, usize> = delivered.iter().map(|item| (item.biz_id.as_str(), item.entry)).collect();
    for (biz_id, entry) in by_id {
        match view.mark(id, biz_id)? {
            Some(Mark::Waiting { arrival, .. }) => {
                changes.push(Change::Delete(Table::Inbox, tables::waiting_key(id, arrival)));
                position.waiting = position.waiting.saturating_sub(1);
                position.done = position.done.saturating_add(1);
            }
            Some(Mark::Done { at_ms, .. }) => {
                changes.push(Change::Delete(Table::Inbox, tables::done_key(id, at_ms, biz_id)));
            }
            None => position.done = position.done.saturating_add(1),
        }
        let seq: Seq = committed.first.saturating_add(entry as u64).min(committed.head);
        let mark = Mark::Done { seq, at_ms: now_ms };
        changes.push(Change::Put(Table::Inbox, tables::mark_key(id, biz_id), mark.encode().into()));
        changes.push(Change::Put(Table::Inbox, tables::done_key(id, now_ms, biz_id), Bytes::new()));
    }
    forget(view, id, position, |biz_id| delivered.iter().any(|item| item.biz_id == biz_id), now_ms, changes)
}

/// Drops delivered ids that are old enough or too many, except those that this commit delivers: a
/// batch must not name a key twice.
fn forget(
    view: &View,
    id: &SessionId,
    position: &mut Position,
    is_new: impl Fn(&str) -> bool,
    now_ms: u64,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    for entry in view.done(id) {
        let (at_ms, biz_id) = entry?;
        if is_remembered(at_ms, now_ms) && position.done as usize <= DONE_LIMIT {
            break;
        }
        if is_new(&biz_id) {
            continue;
        }
        changes.push(Change::Delete(Table::Inbox, tables::done_key(id, at_ms, &biz_id)));
        // The id may have been posted anew since; then its mark is not this delivery's.
        if view.mark(id, &biz_id)?.is_some_and(|mark| matches!(mark, Mark::Done { at_ms: at, .. } if at == at_ms)) {
            changes.push(Change::Delete(Table::Inbox, tables::mark_key(id, &biz_id)));
        }
        position.done = position.done.saturating_sub(1);
    }
    Ok(())
}

/// Drops waiting items that nobody wants any more, except `kept`, which the caller replaces: a batch
/// must not name a key twice.
fn expire(
    view: &View,
    id: &SessionId,
    position: &mut Position,
    kept: &str,
    now_ms: u64,
    changes: &mut Changes,
) -> Result<(), StoreError> {
    for entry in view.waiting(id) {
        let (arrival, item) = entry?;
        if item.expires_ms <= now_ms && item.biz_id != kept {
            changes.push(Change::Delete(Table::Inbox, tables::waiting_key(id, arrival)));
            changes.push(Change::Delete(Table::Inbox, tables::mark_key(id, &item.biz_id)));
            position.waiting = position.waiting.saturating_sub(1);
        }
    }
    Ok(())
}

fn is_remembered(at_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(at_ms) <= DONE_KEPT_MS
}

fn put_position(id: &SessionId, position: &Position) -> Change {
    Change::Put(Table::Sessions, tables::position_key(id), position.encode().into())
}

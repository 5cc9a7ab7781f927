//! What each operation changes, decided on a consistent view and without writing anything.
//!
//! An operation that is refused leaves no trace, because its changes are only handed out whole.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::changes::Changes;
use super::record::{self, Mark, Position};
use super::tables::{self, Expiry, Table, View};
use super::walk;
use crate::ids::{Epoch, Seq, SessionId};
use crate::store::{
    Commit, Committed, DONE_KEPT_MS, DONE_LIMIT, Delivered, Enqueued, INBOX_LIMIT, InboxItem, LOG_LIMIT, Leap, Moment,
    NewSession, StoreError,
};

pub(super) fn create(view: &View, new: &NewSession, born_in: &str, at: Moment) -> Result<Changes, StoreError> {
    if view.session(&new.id)?.is_some() {
        return Err(StoreError::Exists(new.id.clone()));
    }
    let mut changes = Changes::default();
    changes.put(Table::Sessions, tables::created_key(&new.id), record::encode_created(new, born_in));
    put_position(&new.id, &Position { used_ms: at.age_ms, ..Position::FRESH }, &mut changes);
    Ok(changes)
}

pub(super) fn commit(
    view: &View,
    id: &SessionId,
    epoch: Epoch,
    commit: Commit,
    at: Moment,
) -> Result<(Committed, Changes), StoreError> {
    let now_ms = at.now_ms;
    let mut position = fenced(view, id, epoch, commit.after)?;
    position.touch(at);
    let mut changes = Changes::default();
    let first = position.head.checked_add(1).ok_or_else(|| StoreError::exhausted(id))?;
    append(view, id, &mut position, commit.entries, &mut changes)?;
    let committed = Committed { first, head: position.head };
    if !commit.delivered.is_empty() {
        deliver(view, id, &mut position, &commit.delivered, committed, now_ms, &mut changes)?;
    }
    expire(view, id, &mut position, now_ms, &mut changes)?;
    if let Some(state) = commit.state {
        changes.put(Table::Sessions, tables::state_key(id), state);
    }
    if let Some(running) = commit.running {
        position.running = running;
        let key = tables::running_key(id);
        if running {
            changes.put(Table::Running, key, Bytes::new());
        } else {
            changes.delete(Table::Running, key);
        }
    }
    put_position(id, &position, &mut changes);
    Ok((committed, changes))
}

pub(super) fn enqueue(
    view: &View,
    id: &SessionId,
    item: &InboxItem,
    at: Moment,
) -> Result<(Enqueued, Changes), StoreError> {
    let now_ms = at.now_ms;
    let mut position = view.position(id)?;
    let mut changes = Changes::default();
    let is_noted = position.touch(at);
    if expire(view, id, &mut position, now_ms, &mut changes)? || is_noted {
        put_position(id, &position, &mut changes);
    }
    match view.mark(id, &item.biz_id)? {
        Some(Mark::Done { seq, at_ms }) if is_remembered(at_ms, now_ms) => {
            return Ok((Enqueued::Delivered(seq), changes));
        }
        Some(Mark::Waiting { expires_ms, .. }) if expires_ms > now_ms => return Ok((Enqueued::Waiting, changes)),
        // Expired, hence gone by now, or forgotten.
        Some(Mark::Waiting { .. } | Mark::Done { .. }) | None => {}
    }
    if position.waiting as usize >= INBOX_LIMIT {
        return Err(StoreError::InboxFull(id.clone()));
    }
    let arrival = position.next_arrival;
    let mark = Mark::Waiting { arrival, expires_ms: item.expires_ms };
    let biz_id = Bytes::copy_from_slice(item.biz_id.as_bytes());
    changes.put(Table::Inbox, tables::waiting_key(id, arrival), record::encode_item(item));
    changes.put(Table::Inbox, tables::expiry_key(id, item.expires_ms, arrival), biz_id);
    changes.put(Table::Inbox, tables::mark_key(id, &item.biz_id), mark.encode());
    position.next_arrival = arrival.saturating_add(1);
    position.waiting = position.waiting.saturating_add(1);
    position.next_expiry_ms = position.next_expiry_ms.min(item.expires_ms);
    put_position(id, &position, &mut changes);
    Ok((Enqueued::Fresh, changes))
}

pub(super) fn advance_epoch(
    view: &View,
    id: &SessionId,
    epoch: Epoch,
    leap: &Leap,
    at: Moment,
) -> Result<(Epoch, Changes), StoreError> {
    let mut position = fenced(view, id, epoch, leap.after)?;
    position.touch(at);
    let mut changes = Changes::default();
    position.epoch = position.epoch.max(leap.beyond).checked_add(1).ok_or_else(|| StoreError::exhausted(id))?;
    position.head = position.head.max(leap.resume_at.saturating_sub(1));
    put_position(id, &position, &mut changes);
    Ok((position.epoch, changes))
}

/// Notes that a session is in use.
pub(super) fn touch(view: &View, id: &SessionId, at: Moment) -> Result<Changes, StoreError> {
    let mut position = view.position(id)?;
    let mut changes = Changes::default();
    if position.touch(at) {
        put_position(id, &position, &mut changes);
    }
    Ok(changes)
}

/// Deletes a session that nobody has used for its lifetime, with everything of it but its jobs. Says whether it does. One that
/// no release has noted a use of counts as used now.
pub(super) fn end(view: &View, id: &SessionId, at: Moment) -> Result<(bool, Changes), StoreError> {
    let mut position = match view.position(id) {
        Ok(position) => position,
        // Gone meanwhile.
        Err(StoreError::NoSession(_)) => return Ok((false, Changes::default())),
        Err(error) => return Err(error),
    };
    let mut changes = Changes::default();
    if !position.is_over(at) {
        if position.used_ms > at.age_ms && position.touch(at) {
            put_position(id, &position, &mut changes);
        }
        return Ok((false, changes));
    }
    for table in walk::OF_SESSION {
        for key in view.keys_of(table, id)? {
            changes.delete(table, key);
        }
    }
    Ok((true, changes))
}

fn fenced(view: &View, id: &SessionId, expected: Epoch, after: Option<Seq>) -> Result<Position, StoreError> {
    let position = view.position(id)?;
    if position.epoch != expected {
        return Err(StoreError::Fenced { id: id.clone(), expected, actual: position.epoch });
    }
    match after.filter(|after| *after != position.head) {
        Some(expected) => Err(StoreError::Moved { id: id.clone(), expected, actual: position.head }),
        None => Ok(position),
    }
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
    let count = entries.len() as u64;
    position.head = before.checked_add(count).ok_or_else(|| StoreError::exhausted(id))?;
    // The first ones of a commit that is longer than the log may be are dropped at once.
    let dropped = count.saturating_sub(LOG_LIMIT);
    let kept = count.saturating_sub(dropped);
    let excess = position.stored.saturating_add(kept).saturating_sub(LOG_LIMIT);
    if excess > 0 {
        for seq in view.oldest(id, position.floor, excess)? {
            changes.delete(Table::Log, tables::log_key(id, seq));
            position.floor = seq;
            position.stored = position.stored.saturating_sub(1);
        }
    }
    if dropped > 0 {
        position.floor = before.saturating_add(dropped);
    }
    let floor = position.floor;
    for (seq, bytes) in (before.saturating_add(1)..=position.head).zip(entries).filter(|(seq, _)| *seq > floor) {
        changes.put(Table::Log, tables::log_key(id, seq), bytes);
    }
    position.stored = position.stored.saturating_add(kept);
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
            Some(Mark::Waiting { arrival, expires_ms }) => {
                changes.delete(Table::Inbox, tables::waiting_key(id, arrival));
                changes.delete(Table::Inbox, tables::expiry_key(id, expires_ms, arrival));
                position.waiting = position.waiting.saturating_sub(1);
                position.done = position.done.saturating_add(1);
            }
            Some(Mark::Done { at_ms, .. }) => {
                changes.delete(Table::Inbox, tables::done_key(id, at_ms, biz_id));
            }
            None => position.done = position.done.saturating_add(1),
        }
        let seq: Seq = committed.first.saturating_add(entry as u64).min(committed.head);
        let mark = Mark::Done { seq, at_ms: now_ms };
        changes.put(Table::Inbox, tables::mark_key(id, biz_id), mark.encode());
        changes.put(Table::Inbox, tables::done_key(id, now_ms, biz_id), Bytes::new());
    }
    forget(view, id, position, |biz_id| delivered.iter().any(|item| item.biz_id == biz_id), now_ms, changes)
}

/// Drops delivered ids that are old enough or too many, except those that this commit delivers anew.
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
        changes.delete(Table::Inbox, tables::done_key(id, at_ms, &biz_id));
        // The id may have been posted anew since; then its mark is not this delivery's.
        if view.mark(id, &biz_id)?.is_some_and(|mark| matches!(mark, Mark::Done { at_ms: at, .. } if at == at_ms)) {
            changes.delete(Table::Inbox, tables::mark_key(id, &biz_id));
        }
        position.done = position.done.saturating_sub(1);
    }
    Ok(())
}

/// Drops waiting items that nobody wants any more, except what the changes deliver. Says whether it
/// looked for any, which leaves the position changed.
fn expire(
    view: &View,
    id: &SessionId,
    position: &mut Position,
    now_ms: u64,
    changes: &mut Changes,
) -> Result<bool, StoreError> {
    if position.next_expiry_ms > now_ms {
        return Ok(false);
    }
    position.next_expiry_ms = u64::MAX;
    for expiry in view.expiries(id) {
        let Expiry { at_ms, arrival, biz_id } = expiry?;
        if at_ms > now_ms {
            position.next_expiry_ms = at_ms;
            break;
        }
        let key = tables::expiry_key(id, at_ms, arrival);
        if !changes.deletes(Table::Inbox, &key) {
            changes.delete(Table::Inbox, key);
            changes.delete(Table::Inbox, tables::waiting_key(id, arrival));
            changes.delete(Table::Inbox, tables::mark_key(id, &biz_id));
            changes.expire();
            position.waiting = position.waiting.saturating_sub(1);
        }
    }
    Ok(true)
}

pub(super) fn is_remembered(at_ms: u64, now_ms: u64) -> bool {
    now_ms.saturating_sub(at_ms) <= DONE_KEPT_MS
}

fn put_position(id: &SessionId, position: &Position, changes: &mut Changes) {
    changes.put(Table::Sessions, tables::position_key(id), position.encode());
}

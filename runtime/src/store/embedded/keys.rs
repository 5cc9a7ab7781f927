//! What a key says, taken apart again. How keys are made is in [`tables`](super::tables).

use super::tables::Table;
use crate::ids::{Seq, SessionId};
use crate::store::StoreError;

/// A key behind the session's id.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Key {
    /// What the session was created with.
    Created,
    /// Where it stands.
    Position,
    /// The actor's state.
    State,
    /// A log entry.
    Entry(Seq),
    /// A waiting item.
    Waiting,
    /// A waiting item by its expiry.
    Expiry,
    /// What became of this `biz_id`.
    Mark(String),
    /// A delivered id by its age.
    Done,
    /// The mark of an unfinished reply.
    Running,
    /// A job of this id.
    Job(String),
}

/// Takes the key of a job apart.
///
/// # Errors
/// [`StoreError::Corrupt`] when this release writes no such key.
pub(super) fn job_of(key: &[u8]) -> Result<(SessionId, String), StoreError> {
    match Key::parse(Table::Jobs, key)? {
        (session, Key::Job(id)) => Ok((session, id)),
        _ => Err(StoreError::corrupt(format!("the key `{}` of a job", key.escape_ascii()), "it names no job")),
    }
}

impl Key {
    /// Takes a key apart.
    ///
    /// # Errors
    /// [`StoreError::Corrupt`] when this release writes no such key.
    pub(super) fn parse(table: Table, key: &[u8]) -> Result<(SessionId, Self), StoreError> {
        let damaged = |detail: &str| {
            StoreError::corrupt(format!("the key `{}` of table `{}`", key.escape_ascii(), table.name()), detail)
        };
        let (id, rest) = key.split_at_checked(SessionId::LENGTH).ok_or_else(|| damaged("it names no session"))?;
        let id = str::from_utf8(id).ok().and_then(|id| id.parse().ok());
        let id: SessionId = id.ok_or_else(|| damaged("it names no session"))?;
        let text = |bytes: &[u8]| str::from_utf8(bytes).map(str::to_owned).map_err(|_| damaged("it is not UTF-8"));
        let key = match (table, rest.split_first()) {
            (Table::Sessions, Some((b'c', []))) => Self::Created,
            (Table::Sessions, Some((b'p', []))) => Self::Position,
            (Table::Sessions, Some((b's', []))) => Self::State,
            (Table::Log, _) => Self::Entry(
                rest.try_into().map(u64::from_be_bytes).map_err(|_| damaged("it ends with no sequence id"))?,
            ),
            (Table::Inbox, Some((b'w', rest))) if rest.len() == 8 => Self::Waiting,
            (Table::Inbox, Some((b'e', rest))) if rest.len() == 16 => Self::Expiry,
            (Table::Inbox, Some((b'i', rest))) => Self::Mark(text(rest)?),
            (Table::Inbox, Some((b'd', rest))) if rest.len() >= 8 => {
                text(rest.get(8..).unwrap_or_default())?;
                Self::Done
            }
            (Table::Running, None) => Self::Running,
            (Table::Jobs, Some(_)) => Self::Job(text(rest)?),
            _ => return Err(damaged("this release writes no such key")),
        };
        Ok((id, key))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::embedded::tables;

    // Fails when a check cannot read a key that the store writes, or takes one kind for another.
    #[test]
    fn every_key_that_is_made_is_understood() {
        let id = SessionId::random().unwrap();
        let cases = [
            (Table::Sessions, tables::created_key(&id), Key::Created),
            (Table::Sessions, tables::position_key(&id), Key::Position),
            (Table::Sessions, tables::state_key(&id), Key::State),
            (Table::Log, tables::log_key(&id, 7), Key::Entry(7)),
            (Table::Inbox, tables::waiting_key(&id, 3), Key::Waiting),
            (Table::Inbox, tables::expiry_key(&id, 9, 3), Key::Expiry),
            (Table::Inbox, tables::mark_key(&id, "订单"), Key::Mark("订单".to_owned())),
            (Table::Inbox, tables::done_key(&id, 9, "订单"), Key::Done),
            (Table::Running, tables::running_key(&id), Key::Running),
            (Table::Jobs, tables::job_key(&id, "report:7"), Key::Job("report:7".to_owned())),
        ];
        for (table, key, expected) in cases {
            assert_eq!(Key::parse(table, &key).unwrap(), (id.clone(), expected));
        }
        for key in [b"s_".to_vec(), b"zzz".to_vec(), [tables::log_key(&id, 1), vec![0]].concat()] {
            assert!(matches!(Key::parse(Table::Log, &key), Err(StoreError::Corrupt { .. })));
        }
    }
}

//! Every record of a store at one moment, table by table in the order of their keys.

use std::panic::{self, AssertUnwindSafe};

use fjall::Slice;

use super::tables::{Table, View, read_failure};
use crate::store::StoreError;

/// The tables in the order in which they are walked: what a session is comes before what it holds.
pub(super) const TABLES: [Table; 5] = [Table::Sessions, Table::Log, Table::Inbox, Table::Running, Table::Jobs];

/// Those whose records end with their session. A job outlives it: whoever posted it is told what became of it.
pub(super) const OF_SESSION: [Table; 4] = [Table::Sessions, Table::Log, Table::Inbox, Table::Running];

/// How far behind a place that cannot be read the walk goes on, in bytes of the key that it keeps: the next session
/// whose id differs in its first four digits, then in fewer.
const SKIPS: [usize; 4] = [6, 5, 4, 3];

/// What a walk meets.
#[derive(Debug)]
pub(super) enum Piece<'a> {
    /// A record.
    Record { table: Table, key: &'a [u8], value: &'a [u8] },
    /// A place that cannot be read, and why.
    Damage(String),
}

/// Hands every record to `sink`, and every place that cannot be read. Ends early when the sink fails.
///
/// # Errors
/// The sink's.
pub(super) fn walk<E>(view: &View, sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>) -> Result<(), E> {
    for table in TABLES {
        let mut from = Vec::new();
        while let Some(damage) = stretch(view, table, &mut from, sink)? {
            sink(Piece::Damage(damage))?;
            let Some(next) = beyond(view, table, &from) else {
                sink(Piece::Damage(format!("the rest of table `{}` cannot be read", table.name())))?;
                break;
            };
            from = next;
        }
    }
    Ok(())
}

/// Walks until a place that cannot be read, which it describes, or the end. `from` follows the last key.
fn stretch<E>(
    view: &View,
    table: Table,
    from: &mut Vec<u8>,
    sink: &mut dyn FnMut(Piece<'_>) -> Result<(), E>,
) -> Result<Option<String>, E> {
    let mut records = match contained(|| Ok(view.scan(table, from))) {
        Ok(records) => records,
        Err(error) => return Ok(Some(place(table, from, &error))),
    };
    loop {
        match contained(|| next(&mut records)) {
            Ok(None) => return Ok(None),
            Ok(Some((key, value))) => {
                from.clear();
                from.extend_from_slice(&key);
                sink(Piece::Record { table, key: &key, value: &value })?;
            }
            Err(error) => return Ok(Some(place(table, from, &error))),
        }
    }
}

fn next(records: &mut fjall::Iter) -> Result<Option<(Slice, Slice)>, StoreError> {
    records.next().map(|guard| guard.into_inner().map_err(|error| read_failure(&error))).transpose()
}

/// The next place that can be read, if any.
fn beyond(view: &View, table: Table, from: &[u8]) -> Option<Vec<u8>> {
    // Keys begin with `s_`: where not even the first can be read, the walk goes on behind the first digits.
    let last = if from.is_empty() { b"s_0000".as_slice() } else { from };
    SKIPS.iter().find_map(|kept| {
        let mut start = last.get(..*kept).unwrap_or(last).to_vec();
        start.push(0xff);
        let readable = contained(|| next(&mut view.scan(table, &start)).map(drop)).is_ok();
        readable.then_some(start)
    })
}

fn place(table: Table, last: &[u8], error: &StoreError) -> String {
    let detail = match error {
        StoreError::Corrupt { detail, .. } => detail.clone(),
        other => other.to_string(),
    };
    if last.is_empty() {
        format!("table `{}` cannot be read from its beginning: {detail}", table.name())
    } else {
        format!("table `{}` cannot be read behind key {}: {detail}", table.name(), last.escape_ascii())
    }
}

/// The database panics on some kinds of damage; they are found out like the others.
pub(super) fn contained<T>(read: impl FnOnce() -> Result<T, StoreError>) -> Result<T, StoreError> {
    panic::catch_unwind(AssertUnwindSafe(read))
        .unwrap_or_else(|_| Err(StoreError::corrupt("a stored block", "the database found it inconsistent")))
}

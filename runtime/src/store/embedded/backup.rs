//! A copy of a store as of one moment, made anew record by record: it is whole, compact and has been read.

use std::fs;
use std::path::Path;

use super::directory::DataDirectory;
use super::source::{StoreSource, pieces_of};
use super::tables::{Table, Tables};
use super::walk::Piece;
use super::{cannot_use, copies, seal};
use crate::store::StoreError;

/// Bytes written in one step.
const STEP_BYTES: usize = 4 << 20;

/// What was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Copied {
    /// Sessions.
    pub sessions: u64,
    /// Records of all kinds.
    pub records: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
}

/// Copies a store into a directory that is made for it, and compares the copy with what was read. A copy is marked as a
/// store when everything is on the disk; before, no server starts on it. It has a name of its own: who starts on it knows
/// that the original may have gone on, see [`Lineage`](crate::store::Lineage).
///
/// # Errors
/// [`StoreError::Directory`] when the target exists or cannot be written; [`StoreError::Corrupt`] when the source cannot
/// be read as a whole. What was begun is removed then.
pub fn backup(source: StoreSource, to: &Path) -> Result<Copied, StoreError> {
    let unwritable = |detail: String| cannot_use(to, detail);
    match fs::create_dir(to) {
        Ok(()) => {}
        Err(error) if error.kind() == std::io::ErrorKind::AlreadyExists => {
            return Err(unwritable("exists already; name a directory that does not".to_owned()));
        }
        Err(error) => return Err(unwritable(format!("cannot be made ({error}); name another place"))),
    }
    let copied = copy(source, to);
    if copied.is_err()
        && let Err(error) = fs::remove_dir_all(to)
    {
        tracing::warn!(path = %to.display(), %error, "a backup that failed could not be removed; remove it");
    }
    copied
}

fn copy(source: StoreSource, to: &Path) -> Result<Copied, StoreError> {
    let full = |error: &dyn std::fmt::Display| {
        cannot_use(to, format!("cannot be written ({error}); make room or name another disk"))
    };
    let directory = DataDirectory::begin(to)?;
    let tables = std::sync::Arc::new(Tables::create(&directory.database()).map_err(|error| full(&error))?);
    let mut read = Account::default();
    let (mut batch, mut bytes) = (tables.database.batch(), 0);
    source.pieces(&mut |piece| {
        let (table, key, value) = whole(piece)?;
        read.take(table, key, value);
        batch.insert(tables.table(table), key, value);
        bytes += key.len() + value.len();
        if bytes >= STEP_BYTES {
            bytes = 0;
            std::mem::replace(&mut batch, tables.database.batch()).commit().map_err(|error| full(&error))?;
        }
        Ok(())
    })?;
    batch.commit().map_err(|error| full(&error))?;
    tables.database.persist(fjall::PersistMode::SyncAll).map_err(|error| full(&error))?;
    let mut written = Account::default();
    pieces_of(&tables, &mut |piece| {
        let (table, key, value) = whole(piece)?;
        written.take(table, key, value);
        Ok(())
    })?;
    if written.hash.finalize() != read.hash.finalize() {
        return Err(StoreError::corrupt(format!("the copy in {}", to.display()), "it differs from what was written"));
    }
    drop(tables);
    copies::name(to)?;
    seal::put(to, read.copied.records)?;
    directory.finish()?;
    Ok(read.copied)
}

fn whole(piece: Piece<'_>) -> Result<(Table, &[u8], &[u8]), StoreError> {
    match piece {
        Piece::Record { table, key, value } => Ok((table, key, value)),
        Piece::Damage(detail) => Err(StoreError::corrupt("the store", detail)),
    }
}

/// What went by.
struct Account {
    copied: Copied,
    hash: blake3::Hasher,
}

impl Default for Account {
    fn default() -> Self {
        Self { copied: Copied { sessions: 0, records: 0, bytes: 0 }, hash: blake3::Hasher::new() }
    }
}

impl Account {
    fn take(&mut self, table: Table, key: &[u8], value: &[u8]) {
        let size = (key.len() as u64).saturating_add(value.len() as u64);
        self.copied.records = self.copied.records.saturating_add(1);
        self.copied.bytes = self.copied.bytes.saturating_add(size);
        if table == Table::Sessions && key.last() == Some(&b'c') {
            self.copied.sessions = self.copied.sessions.saturating_add(1);
        }
        self.hash.update(&[table.code()]);
        self.hash.update(&(key.len() as u64).to_be_bytes());
        self.hash.update(key);
        self.hash.update(&(value.len() as u64).to_be_bytes());
        self.hash.update(value);
    }
}

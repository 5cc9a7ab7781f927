//! Writes that are to be made together.

use std::collections::BTreeMap;

use bytes::Bytes;

use super::tables::Table;

/// The writes of one operation or of several. A key is named once: the last write to it is the one
/// that counts, since a batch of the database leaves open which of two would win.
#[derive(Debug, Default)]
pub(super) struct Changes {
    writes: BTreeMap<(Table, Vec<u8>), Option<Bytes>>,
    expired: u64,
}

impl Changes {
    /// Sets a value.
    pub(super) fn put(&mut self, table: Table, key: Vec<u8>, value: impl Into<Bytes>) {
        self.writes.insert((table, key), Some(value.into()));
    }

    /// Removes a key.
    pub(super) fn delete(&mut self, table: Table, key: Vec<u8>) {
        self.writes.insert((table, key), None);
    }

    /// Whether a key is to be removed.
    pub(super) fn deletes(&self, table: Table, key: &[u8]) -> bool {
        matches!(self.writes.get(&(table, key.to_vec())), Some(None))
    }

    /// Counts a waiting item that is removed undelivered.
    pub(super) fn expire(&mut self) {
        self.expired = self.expired.saturating_add(1);
    }

    /// Waiting items that are removed undelivered.
    pub(super) fn expired(&self) -> u64 {
        self.expired
    }

    /// Takes in the writes of an operation on another session.
    pub(super) fn absorb(&mut self, other: Self) {
        // `append` would build the whole map anew, for each operation of a batch.
        self.writes.extend(other.writes);
        self.expired = self.expired.saturating_add(other.expired);
    }

    /// Whether there is nothing to write.
    pub(super) fn is_empty(&self) -> bool {
        self.writes.is_empty()
    }

    /// Bytes of keys and values.
    pub(super) fn bytes(&self) -> usize {
        let sizes = self.writes.iter().map(|((_, key), value)| key.len() + value.as_ref().map_or(0, Bytes::len));
        sizes.fold(0, usize::saturating_add)
    }
}

impl IntoIterator for Changes {
    type Item = ((Table, Vec<u8>), Option<Bytes>);
    type IntoIter = std::collections::btree_map::IntoIter<(Table, Vec<u8>), Option<Bytes>>;

    fn into_iter(self) -> Self::IntoIter {
        self.writes.into_iter()
    }
}

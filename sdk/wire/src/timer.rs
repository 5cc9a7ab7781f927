//! The timers of a machine: at most one deadline per kind.

use alloc::vec::Vec;

use crate::server::Millis;

/// Deadlines by kind. Few kinds, so a vector beats a map.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Timers<K> {
    due: Vec<(K, Millis)>,
}

impl<K: Copy + PartialEq> Timers<K> {
    pub(crate) const fn new() -> Self {
        Self { due: Vec::new() }
    }

    /// Arms a timer, in place of its earlier deadline.
    pub(crate) fn set(&mut self, kind: K, at: Millis) {
        self.clear(kind);
        self.due.push((kind, at));
    }

    /// Arms a timer unless it is armed.
    pub(crate) fn set_if_unset(&mut self, kind: K, at: Millis) {
        if !self.due.iter().any(|(k, _)| *k == kind) {
            self.due.push((kind, at));
        }
    }

    pub(crate) fn clear(&mut self, kind: K) {
        self.due.retain(|(k, _)| *k != kind);
    }

    pub(crate) fn clear_all(&mut self) {
        self.due.clear();
    }

    /// The earliest deadline.
    pub(crate) fn next(&self) -> Option<Millis> {
        self.due.iter().map(|(_, at)| *at).min()
    }

    /// Takes the earliest timer that is due.
    pub(crate) fn pop(&mut self, now: Millis) -> Option<K> {
        let (kind, _) = self.due.iter().copied().filter(|(_, at)| *at <= now).min_by_key(|(_, at)| *at)?;
        self.clear(kind);
        Some(kind)
    }
}

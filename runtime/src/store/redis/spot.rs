//! The key that is written to learn how far writes are durable: one that the server serves.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use parking_lot::Mutex;
use tokio::sync::watch;

use super::keys::Keys;
use super::slots::{Endpoint, SlotMap, slot, tag};

/// Finds the key. A server alone serves any; a node of a cluster only those of its slots, which may move.
pub(super) struct Spot {
    keys: Keys,
    member: Option<(Endpoint, watch::Receiver<Arc<SlotMap>>)>,
    turn: AtomicUsize,
    found: Mutex<Option<String>>,
}

impl Spot {
    pub(super) fn new(keys: Keys, member: Option<(Endpoint, watch::Receiver<Arc<SlotMap>>)>) -> Self {
        Self { keys, member, turn: AtomicUsize::new(0), found: Mutex::new(None) }
    }

    /// The key; `None` for a node that serves none.
    pub(super) fn key(&self) -> Option<String> {
        let Some((node, map)) = &self.member else { return Some(self.keys.settle()) };
        let map = map.borrow().clone();
        let mut found = self.found.lock();
        if found.as_ref().is_some_and(|key| map.owner(slot(key)) == Some(node)) {
            return found.clone();
        }
        let slot = map.slot_of(node, self.turn.load(Ordering::Relaxed));
        found.clone_from(&slot.map(|slot| self.keys.settle_by(&tag(slot))));
        found.clone()
    }

    /// Looks for another one.
    pub(super) fn turn(&self) {
        self.turn.fetch_add(1, Ordering::Relaxed);
        *self.found.lock() = None;
    }
}

//! What tests play with the store in memory: other processes, failovers, accidents.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::MemoryStore;
use super::session::Session;
use crate::ids::SessionId;
use crate::store::neighbours::Neighbours;
use crate::store::{Lineage, Node, StoreError};

/// What a copy of the store had at a moment.
pub(crate) struct Copy(HashMap<SessionId, Session>);

impl MemoryStore {
    /// What a copy has that gets nothing from now on.
    pub(crate) fn copy(&self) -> Copy {
        Copy(self.inner.lock().sessions.clone())
    }

    /// A copy takes over with what it has.
    pub(crate) fn fail_over_with(&self, to: &str, copy: &Copy) {
        self.inner.lock().sessions.clone_from(&copy.0);
        self.fail_over(to);
    }

    /// The same sessions as a further process has them that serves them too.
    pub(crate) fn beside(&self, neighbours: &Neighbours) -> Self {
        let node = Node::nameless().unwrap();
        let neighbours = Some(neighbours.of(&node));
        let (clock, age, lifetime) = (self.clock.clone(), Arc::clone(&self.age), self.lifetime);
        let (inner, expired) = (Arc::clone(&self.inner), AtomicU64::new(0));
        Self { clock, age, lifetime, inner, expired, node, neighbours, away: false.into() }
    }

    /// From here on this process reaches its sessions or not.
    pub(crate) fn set_away(&self, away: bool) {
        self.away.store(away, Ordering::SeqCst);
    }

    /// Somebody deletes a session.
    pub(crate) fn forget(&self, id: &SessionId) {
        self.inner.lock().sessions.remove(id);
    }

    /// Another server takes over, with what is there: nobody knows whether it is everything.
    pub(crate) fn fail_over(&self, to: &str) {
        self.inner.lock().lineage = Lineage { id: to.to_owned(), took_over: true, ..Lineage::default() };
    }

    /// Refuses a writer that knows the session in a line of copies which may have had more.
    pub(super) fn trust(&self, id: &SessionId, known_in: Option<&Arc<str>>) -> Result<(), StoreError> {
        let lineage = self.inner.lock().lineage.clone();
        if known_in.is_some_and(|known_in| lineage.doubts(known_in)) {
            return Err(StoreError::Doubted(id.clone()));
        }
        Ok(())
    }

    /// Ends all claims, as the end of its process does for a store that has them in memory.
    pub(in crate::store) fn forget_claims(&self) {
        self.inner.lock().sessions.values_mut().for_each(|session| session.hold = None);
    }
}

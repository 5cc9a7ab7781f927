//! Processes on one store in memory, for tests: who lives is what a test says.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use parking_lot::Mutex;

use super::{Contact, HEARD_AT_ONCE, Lease, Node, Nodes, RedisFault, Ring, StoreError, Whereabouts};

/// One of them. Cloning shares what they know.
#[derive(Debug, Clone)]
pub(crate) struct Neighbours {
    node: Node,
    living: Arc<Mutex<HashMap<Node, Vec<Ring>>>>,
    contacts: Arc<Mutex<HashMap<Node, Contact>>>,
    /// Whose next answer is lost.
    deaf: Arc<Mutex<HashSet<Node>>>,
}

impl Neighbours {
    /// Nobody yet.
    pub(crate) fn new() -> Self {
        Self { node: Node::only(), living: Arc::default(), contacts: Arc::default(), deaf: Arc::default() }
    }

    /// One of this name.
    pub(super) fn of(&self, node: &Node) -> Self {
        let (living, contacts, deaf) = (Arc::clone(&self.living), Arc::clone(&self.contacts), Arc::clone(&self.deaf));
        Self { node: node.clone(), living, contacts, deaf }
    }

    /// The lease of a node lapses.
    pub(crate) fn lapse(&self, node: &Node) {
        self.living.lock().remove(node);
    }

    /// The next thing that a node is told is lost with the answer that has it.
    pub(crate) fn lose_next(&self, node: &Node) {
        self.deaf.lock().insert(node.clone());
    }

    /// How much waits for a node to hear it.
    pub(crate) fn waiting(&self, node: &Node) -> usize {
        self.living.lock().get(node).map_or(0, Vec::len)
    }
}

#[async_trait]
impl Nodes for Neighbours {
    fn lease(&self) -> Duration {
        Duration::from_secs(3)
    }

    async fn renew(&self, _first: bool) -> Result<Lease, StoreError> {
        let mut living = self.living.lock();
        if living.contains_key(&self.node) {
            return Ok(Lease::Held);
        }
        living.insert(self.node.clone(), Vec::new());
        Ok(Lease::Lapsed)
    }

    async fn leave(&self) -> Result<(), StoreError> {
        self.lapse(&self.node);
        Ok(())
    }

    async fn lives(&self, node: &Node) -> Result<bool, StoreError> {
        Ok(self.living.lock().contains_key(node))
    }

    async fn ring(&self, node: &Node, ring: &Ring) -> Result<bool, StoreError> {
        let mut living = self.living.lock();
        let Some(rings) = living.get_mut(node) else { return Ok(false) };
        rings.push(ring.clone());
        Ok(true)
    }

    async fn is_unheard(&self, node: &Node, ring: &Ring) -> Result<bool, StoreError> {
        Ok(self.living.lock().get(node).is_some_and(|rings| rings.contains(ring)))
    }

    async fn announce(&self, contact: &Contact) -> Result<(), StoreError> {
        self.contacts.lock().insert(self.node.clone(), contact.clone());
        Ok(())
    }

    async fn whereabouts(&self, node: &Node) -> Result<Whereabouts, StoreError> {
        if !self.lives(node).await? {
            return Ok(Whereabouts::Gone);
        }
        Ok(self.contacts.lock().get(node).cloned().map_or(Whereabouts::Untold, Whereabouts::At))
    }

    async fn rings(&self) -> Result<Vec<Ring>, StoreError> {
        let mut living = self.living.lock();
        let Some(rings) = living.get_mut(&self.node) else { return Ok(Vec::new()) };
        let heard: Vec<Ring> = rings.drain(..rings.len().min(HEARD_AT_ONCE)).collect();
        if !heard.is_empty() && self.deaf.lock().remove(&self.node) {
            let (server, detail) = ("a test".to_owned(), "the answer is lost".to_owned());
            return Err(RedisFault::Unreachable { server, detail }.into());
        }
        Ok(heard)
    }
}

//! Who owns which session. One process has the store to itself, so claims need not outlive it: whoever opens the store finds
//! nobody's.

use std::collections::HashMap;

use parking_lot::Mutex;

use crate::ids::SessionId;
use crate::store::{Fence, Hold, Interrupted, Node, SessionRow, StoreError};

/// The claims of a process.
#[derive(Debug)]
pub(super) struct Claims {
    node: Node,
    fences: Mutex<HashMap<SessionId, Fence>>,
}

impl Claims {
    pub(super) fn new(node: Node) -> Self {
        Self { node, fences: Mutex::default() }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn claim(&self, id: &SessionId, fence: Fence) {
        self.fences.lock().insert(id.clone(), fence);
    }

    pub(super) fn release(&self, id: &SessionId, fence: Fence) {
        let mut fences = self.fences.lock();
        if fences.get(id) == Some(&fence) {
            fences.remove(id);
            if fences.capacity() > 1_024 && fences.len() < fences.capacity() / 8 {
                let kept = fences.len().saturating_mul(2);
                fences.shrink_to(kept);
            }
        }
    }

    /// Whether somebody has a session.
    pub(super) fn has(&self, id: &SessionId) -> bool {
        self.fences.lock().contains_key(id)
    }

    /// Refuses a writer whose claim is over.
    pub(super) fn check(&self, id: &SessionId, fence: Option<Fence>) -> Result<(), StoreError> {
        if self.fences.lock().get(id).copied() == fence { Ok(()) } else { Err(StoreError::Lost(id.clone())) }
    }

    /// A row with its claim.
    pub(super) fn seen(&self, row: SessionRow) -> SessionRow {
        SessionRow { hold: self.hold(&row.created.id), ..row }
    }

    pub(super) fn interrupted(&self, id: SessionId) -> Interrupted {
        let owner = self.hold(&id).map(|hold| hold.owner);
        Interrupted { id, owner }
    }

    fn hold(&self, id: &SessionId) -> Option<Hold> {
        let fence = self.fences.lock().get(id).copied()?;
        Some(Hold { owner: self.node.clone(), fence })
    }
}

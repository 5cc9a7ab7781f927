//! How this process becomes the owner of a session, and gives it back.
//!
//! Whoever a client comes to claims the session, also from an owner that lives: that one is asked to let go first, and
//! given time to commit what it decided. What is right does not depend on it: an owner from whom a session is taken finds
//! its fence refused.

use std::collections::HashMap;
use std::sync::{Arc, Weak};
use std::time::Duration;

use parking_lot::Mutex;
use rolecall_wire::frame::Hello;
use tokio::time::sleep;

use super::error::SessionError;
use super::forks::Stand;
use super::place;
use super::places::{Attempt, Found};
use super::registry::Deps;
use super::saved::{Saved, admit};
use crate::ids::{SessionId, TokenGeneration};
use crate::store::{Fence, Node, Nodes, Ring, SessionRow, StoreError};

/// How long an owner is given that lets go by itself, since the client has just left it: to ask costs Redis more than to look
/// again.
const LEAVING: Duration = Duration::from_millis(15);
/// How long an owner that lives may take to let go, once it has heard that it is to.
const PATIENCE: Duration = Duration::from_secs(1);
/// How long it may take to hear that. Longer, and it is dead, or stands still.
const DEAF: Duration = Duration::from_millis(300);
/// How often is looked whether it has; doubled up to the second.
const LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(80));
/// Owners, one after the other, of whom a session is asked before its client must come again.
const OWNERS: usize = 4;

/// A connection that is to be let in, its token verified.
#[derive(Debug, Clone, Copy)]
pub(super) struct Visitor<'a> {
    pub(super) hello: &'a Hello,
    /// Of its token.
    pub(super) generation: TokenGeneration,
}

impl Visitor<'_> {
    /// Refuses one that the session's owner would refuse, before the owner is disturbed for it.
    fn judge(&self, row: &SessionRow) -> Result<(), SessionError> {
        let saved = Saved::decode_stored(&row.state, &row.created.id)?;
        admit(saved.token_generation(), self.generation)?;
        if Attempt::is_superseded(saved.latest(), self.hello) {
            return Err(SessionError::Superseded);
        }
        let (log, client) = ((row.epoch, row.head), (self.hello.epoch, self.hello.last_seq));
        place::check(client, log)?;
        match saved.stand(log, client) {
            Stand::Forked(first) => Err(SessionError::Forked { first, current: row.epoch }),
            Stand::Here | Stand::Ahead | Stand::Lost => Ok(()),
        }
    }
}

/// A session that this process owns since just now.
pub(super) struct Owned {
    pub(super) row: SessionRow,
    pub(super) fence: Fence,
}

impl Deps {
    /// Claims a session for a visitor, from whoever owns it.
    pub(super) async fn take_over(&self, id: &SessionId, visitor: Option<Visitor<'_>>) -> Result<Owned, SessionError> {
        let mut owner = match self.claim(id, None).await {
            Err(SessionError::Store(StoreError::Owned { owner, .. })) => owner,
            outcome => return outcome,
        };
        for _ in 0..OWNERS {
            let outcome = match (self.store.nodes(), visitor) {
                (Some(nodes), Some(visitor)) => self.ask(nodes, id, &owner, visitor).await,
                _ => self.claim(id, Some(&owner)).await,
            };
            match outcome {
                Err(SessionError::Store(StoreError::Owned { owner: now, .. })) => owner = now,
                outcome => return outcome,
            }
        }
        Err(SessionError::Busy)
    }

    /// Claims a session from this owner, if it has it still, or from nobody.
    pub(super) async fn claim(&self, id: &SessionId, from: Option<&Node>) -> Result<Owned, SessionError> {
        let fence = Fence::random().map_err(|error| SessionError::Random(error.to_string()))?;
        let row = self.store.claim(id, from, fence).await?;
        if let Some(from) = from {
            tracing::info!(session = %id, %from, "took a session over");
        }
        Ok(Owned { row, fence })
    }

    /// Asks an owner to let go, and takes the session when it has, is dead, or takes too long.
    async fn ask(
        &self,
        nodes: &dyn Nodes,
        id: &SessionId,
        owner: &Node,
        visitor: Visitor<'_>,
    ) -> Result<Owned, SessionError> {
        self.look(id, visitor).await?;
        sleep(LEAVING).await;
        match self.claim(id, None).await {
            Err(SessionError::Store(StoreError::Owned { owner: now, .. })) if now == *owner => {}
            outcome => return outcome,
        }
        let Hello { instance, attempt, .. } = visitor.hello;
        let release = Ring::Release(id.clone(), *instance, *attempt);
        // One that cannot be told, as where its node of a cluster is away, finds out by its fence.
        let told = nodes.ring(owner, &release).await.unwrap_or_else(|error| {
            tracing::debug!(session = %id, %owner, %error, "an owner cannot be asked for its session");
            false
        });
        if !told {
            return self.claim(id, Some(owner)).await;
        }
        let (mut pause, longest) = LOOK;
        let mut waited = Duration::ZERO;
        while waited < PATIENCE {
            sleep(pause).await;
            waited = waited.saturating_add(pause);
            pause = pause.saturating_mul(2).min(longest);
            match self.claim(id, None).await {
                Err(SessionError::Store(StoreError::Owned { owner: now, .. })) if now == *owner => {}
                outcome => return outcome,
            }
            if waited >= DEAF && nodes.is_unheard(owner, &release).await? {
                break;
            }
        }
        // It may have served a later attempt of this client instead of letting go.
        self.look(id, visitor).await?;
        let owned = self.claim(id, Some(owner)).await?;
        // Should it be alive all the same, it is told, and its client with it. One that cannot be told finds out.
        if let Err(error) = nodes.ring(owner, &Ring::Taken(id.clone())).await {
            tracing::debug!(session = %id, %owner, %error, "an owner was not told that its session was taken");
        }
        Ok(owned)
    }

    async fn look(&self, id: &SessionId, visitor: Visitor<'_>) -> Result<(), SessionError> {
        let row = self.store.session(id).await?.ok_or_else(|| SessionError::NoSession(id.clone()))?;
        if self.contracts.get(&row.created.role).is_none() {
            return Err(SessionError::NoRole(row.created.role));
        }
        visitor.judge(&row)
    }

    /// Gives a session back that is nowhere in memory, and yet this process's: whoever it was claimed for went before its
    /// actor began. Says whether it is nowhere still.
    pub(super) async fn give_back(&self, id: &SessionId) -> bool {
        // Nobody is about to begin one.
        let _turn = self.loads.enter(id).await;
        let found = self.places.lock().find(id);
        if !matches!(found, Found::Nowhere) {
            return false;
        }
        match self.store.session(id).await {
            Ok(row) => {
                let hold = row.and_then(|row| row.hold).filter(|hold| hold.owner == *self.store.node());
                if let Some(hold) = hold {
                    self.release(id, hold.fence).await;
                }
            }
            Err(error) => tracing::debug!(session = %id, %error, "a session stays claimed"),
        }
        true
    }

    /// Gives a session back. Nothing depends on it but how soon another process may have it.
    pub(super) async fn release(&self, id: &SessionId, fence: Fence) {
        if let Err(error) = self.store.release(id, fence).await {
            tracing::debug!(session = %id, %error, "a session stays claimed");
        }
    }
}

/// The sessions that are being loaded: one at a time loads each, since a second claim would end the first.
#[derive(Debug, Default)]
pub(super) struct Loads(Mutex<HashMap<SessionId, Weak<tokio::sync::Mutex<()>>>>);

/// The turn of a loader. Dropping it lets the next one begin.
pub(super) struct Turn<'a> {
    loads: &'a Loads,
    id: SessionId,
    lock: Arc<tokio::sync::Mutex<()>>,
    held: Option<tokio::sync::OwnedMutexGuard<()>>,
}

impl Loads {
    /// Waits for the turn to load a session. Cancel-safe.
    pub(super) async fn enter(&self, id: &SessionId) -> Turn<'_> {
        let lock = {
            let mut loads = self.0.lock();
            let known = loads.get(id).and_then(Weak::upgrade);
            known.unwrap_or_else(|| {
                let lock = Arc::default();
                loads.insert(id.clone(), Arc::downgrade(&lock));
                lock
            })
        };
        let mut turn = Turn { loads: self, id: id.clone(), lock, held: None };
        turn.held = Some(Arc::clone(&turn.lock).lock_owned().await);
        turn
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.held = None;
        let mut loads = self.loads.0.lock();
        // Nobody else waits: this is the last one that knows it.
        if Arc::strong_count(&self.lock) == 1 {
            loads.remove(&self.id);
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    // Fails when two load a session at once, one waits for another session, a load that is given up keeps the others out, or
    // sessions stay listed for ever.
    #[tokio::test]
    async fn one_at_a_time_loads_a_session() {
        let (loads, id, other) = (Loads::default(), SessionId::random().unwrap(), SessionId::random().unwrap());
        let first = loads.enter(&id).await;
        let elsewhere = loads.enter(&other).now_or_never();
        assert!(elsewhere.is_some() && loads.enter(&id).now_or_never().is_none());
        let mut second = Box::pin(loads.enter(&id));
        assert!((&mut second).now_or_never().is_none());
        drop(first);
        let second = second.now_or_never();
        assert!(second.is_some() && loads.enter(&id).now_or_never().is_none());
        drop((second, elsewhere));
        assert!(loads.0.lock().is_empty());
    }
}

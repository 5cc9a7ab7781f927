//! What sessions share, and which of them are in memory.

use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::actor::Actor;
use super::error::SessionError;
use super::event::Command;
use super::saved::Saved;
use super::turn::Turns;
use crate::contracts::Contracts;
use crate::ids::{Seq, SessionId};
use crate::offline::{Assembly, Window};
use crate::outbox::{self, ReplyText};
use crate::shutdown::Shutdown;
use crate::store::{SessionRow, Store, StoreError};
use crate::telemetry::Metrics;

/// Sessions in memory at once. More are refused as busy.
const ACTORS: usize = 100_000;
/// Commands that may wait for an actor; further ones wait in their callers.
const MAILBOX: usize = 32;
/// Log entries read at once when an interrupted reply is looked up.
const PAGE: usize = 32;

/// What sessions share.
pub(super) struct Deps {
    pub(super) store: Arc<dyn Store>,
    pub(super) turns: Turns,
    pub(super) contracts: Contracts,
    pub(super) assembly: Assembly,
    pub(super) metrics: Metrics,
    pub(super) shutdown: Shutdown,
    pub(super) stop: CancellationToken,
    /// Replies being made at once; others wait.
    pub(super) slots: Arc<Semaphore>,
    pub(super) actors: Mutex<HashMap<SessionId, mpsc::Sender<Command>>>,
}

/// A session as an actor begins with it.
pub(super) struct Loaded {
    pub(super) row: SessionRow,
    pub(super) saved: Saved,
    /// What an interrupted reply had said.
    pub(super) said: ReplyText,
}

/// An actor's place among those in memory, which it leaves however it ends, also by a panic.
pub(super) struct Presence {
    deps: Arc<Deps>,
    id: SessionId,
    /// Lent to attachments.
    pub(super) sender: mpsc::WeakSender<Command>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Without a sender it has left already.
        let Some(sender) = self.sender.upgrade() else { return };
        let mut actors = self.deps.actors.lock();
        if actors.get(&self.id).is_some_and(|current| current.same_channel(&sender)) {
            actors.remove(&self.id);
        }
    }
}

impl Deps {
    /// The mailbox of a session's actor, which is started if there is none.
    pub(super) async fn actor(self: &Arc<Self>, id: &SessionId) -> Result<mpsc::Sender<Command>, SessionError> {
        if let Some(sender) = self.live(id) {
            return Ok(sender);
        }
        if self.stop.is_cancelled() {
            return Err(SessionError::ShuttingDown);
        }
        let loaded = self.load(id).await?;
        let mut actors = self.actors.lock();
        // Another caller may have loaded it meanwhile; there is one actor per session.
        if let Some(sender) = actors.get(id).filter(|sender| !sender.is_closed()) {
            return Ok(sender.clone());
        }
        if actors.len() >= ACTORS {
            return Err(SessionError::Busy);
        }
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        actors.insert(id.clone(), sender.clone());
        drop(actors);
        let presence = Presence { deps: self.clone(), id: id.clone(), sender: sender.downgrade() };
        let (actor, start) = Actor::new(self.clone(), loaded, mailbox, presence);
        self.shutdown.spawn(Box::pin(actor.run(start)));
        Ok(sender)
    }

    /// The mailbox of a session's actor, if it is in memory.
    pub(super) fn live(&self, id: &SessionId) -> Option<mpsc::Sender<Command>> {
        self.actors.lock().get(id).filter(|sender| !sender.is_closed()).cloned()
    }

    /// Takes a session out of memory, unless somebody asks for it just now. Says whether it did.
    pub(super) fn unload(&self, id: &SessionId, mailbox: &mut mpsc::Receiver<Command>) -> bool {
        let mut actors = self.actors.lock();
        if !mailbox.is_empty() {
            return false;
        }
        actors.remove(id);
        // Whoever holds a sender finds it closed, and asks for the session again.
        mailbox.close();
        true
    }

    /// Makes a session's waiting messages ready for delivery.
    pub(super) fn assemble(
        &self,
        id: &SessionId,
        role: &str,
    ) -> Pin<Box<dyn Future<Output = Result<Window, StoreError>> + Send>> {
        let (assembly, id, contract) = (self.assembly.clone(), id.clone(), self.contracts.get(role));
        Box::pin(async move {
            match contract {
                Some(contract) => assembly.window(&id, &contract).await,
                // They wait until the role is back.
                None => Ok(Window::default()),
            }
        })
    }

    async fn load(&self, id: &SessionId) -> Result<Loaded, SessionError> {
        let row = self.store.session(id).await?.ok_or_else(|| SessionError::NoSession(id.clone()))?;
        let saved = Saved::decode_stored(&row.state, id)?;
        let said = match &saved.running {
            Some(running) => self.said(id, running.turn, running.seq).await?,
            None => ReplyText::default(),
        };
        Ok(Loaded { row, saved, said })
    }

    /// What an unfinished reply has said, behind the user's message.
    async fn said(&self, id: &SessionId, turn: u64, behind: Seq) -> Result<ReplyText, StoreError> {
        let mut said = ReplyText::default();
        let mut from = behind.saturating_add(1);
        loop {
            let entries = self.store.read(id, from, PAGE).await?;
            let Some(last) = entries.last() else { return Ok(said) };
            from = last.seq.saturating_add(1);
            for entry in &entries {
                said.recover(turn, &outbox::decode(entry)?);
            }
        }
    }
}

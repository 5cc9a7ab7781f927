//! Which sessions are kept: those in memory, however little happens in them, are in use; of the others the store lets go those
//! that nobody has used for their lifetime.

use std::sync::Arc;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use tokio::time::sleep;

use super::error::SessionError;
use super::event::Command;
use super::places::Found;
use super::registry::Deps;
use crate::ids::SessionId;
use crate::store::StoreError;

/// Sessions that are noted at once.
const AT_ONCE: usize = 64;

impl Deps {
    /// Starts to keep sessions, until the process stops. Where they are for ever there is nothing to do.
    pub(super) fn begin_keeping(self: &Arc<Self>) {
        let Some(round) = self.store.lifetime().round() else { return };
        let deps = Arc::clone(self);
        self.shutdown.spawn(async move {
            let stop = deps.stop.clone();
            let _ = stop.run_until_cancelled(Box::pin(deps.keep(round))).await;
        });
    }

    async fn keep(self: &Arc<Self>, round: Duration) {
        loop {
            sleep(round).await;
            let ended = self.keep_once().await;
            match ended {
                Ok(0) => {}
                Ok(sessions) => tracing::info!(sessions, "sessions that nobody used were deleted"),
                Err(error) => tracing::warn!(%error, "cannot look now which sessions nobody uses"),
            }
        }
    }

    /// Notes what is in memory, then lets go what nobody uses. In this order: what is noted stays.
    pub(super) async fn keep_once(self: &Arc<Self>) -> Result<u64, StoreError> {
        let ids = self.places.lock().ids();
        stream::iter(ids).for_each_concurrent(AT_ONCE, |id| async move { self.note(&id).await }).await;
        self.store.expire().await
    }

    async fn note(self: &Arc<Self>, id: &SessionId) {
        match self.store.touch(id).await {
            Ok(()) => {}
            // Somebody deleted it, or nobody could note it for too long. Whoever has it is told.
            Err(StoreError::NoSession(_)) => self.is_gone(id).await,
            Err(error) => tracing::debug!(session = %id, %error, "it is not noted that a session is in use"),
        }
    }

    /// A session in memory is in the store no longer.
    pub(super) async fn is_gone(self: &Arc<Self>, id: &SessionId) {
        let found = self.places.lock().find(id);
        match found {
            Found::Awake(mailbox) => drop(mailbox.send(Command::Look).await),
            Found::Asleep(nap) => {
                self.give_up(id, nap, &SessionError::NoSession(id.clone()));
            }
            Found::Nowhere => {}
        }
    }
}

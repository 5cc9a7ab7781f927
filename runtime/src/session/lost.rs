//! What is done about a loss that no client has proved yet.
//!
//! A store on copies (a Redis that fails over) may go on without what it acknowledged last. A client that saw it and comes
//! back proves it ([`attaching`](super::actor)); until then a session could give the lost ids to other messages. So whoever
//! loads a session whose state was written in another line of copies begins an epoch first, and leaves out more ids than
//! can be lost. A client that has lost messages finds its place in the gap, and is told; any other goes on.
//!
//! An actor that is awake needs none of this: each of its steps names the head which it follows, and is refused where that
//! is not there.

use super::error::SessionError;
use super::registry::Deps;
use super::saved::Saved;
use crate::ids::{Seq, SessionId};
use crate::store::{Commit, Leap, SessionRow, StoreError};

/// How far a client may be ahead of the log, and how many ids are left out where one may be. A store loses what it had not
/// copied or synced, never this much.
pub(super) const MAX_LOST: Seq = 1_000_000;

impl Deps {
    /// Begins an epoch in a session, behind all that may be lost of it. Whoever fails in the middle leaves it in doubt.
    pub(super) async fn begin_behind_a_loss(
        &self,
        row: &mut SessionRow,
        saved: &mut Saved,
    ) -> Result<(), SessionError> {
        let (id, ended) = (row.created.id.clone(), row.head);
        let head = ended.saturating_add(MAX_LOST);
        let first = head.saturating_add(1);
        tracing::warn!(session = %id, head = ended, "the store may have lost messages of a session; a new epoch begins behind them");
        // Remembered first: an epoch that begins without it would leave no way to tell its forks.
        saved.begin_epoch_behind(row.epoch.saturating_add(1), first, ended);
        self.save(&id, row, saved).await?;
        let leap = Leap { fence: row.fence(), after: Some(row.head), ..Leap::beyond(row.epoch, first) };
        row.epoch = self.store.advance_epoch(&id, row.epoch, leap).await?;
        row.head = head;
        // Only now it is out of doubt.
        let lineage = self.store.lineage(&id)?;
        saved.set_lineage(lineage.id);
        self.save(&id, row, saved).await?;
        Ok(())
    }

    async fn save(&self, id: &SessionId, row: &SessionRow, saved: &Saved) -> Result<(), StoreError> {
        let state = Some(saved.encode_stored().into());
        let commit = Commit { fence: row.fence(), after: Some(row.head), state, ..Commit::default() };
        self.store.commit(id, row.epoch, commit).await.map(drop)
    }
}

//! What is done about a loss that no client has proved yet.
//!
//! A store on copies (a Redis that fails over) may go on without what it acknowledged last. A client that saw it and comes
//! back proves it ([`attaching`](super::actor)); until then a session could give the lost ids to other messages. So whoever
//! loads a session whose state was written in another line of copies begins an epoch first, and leaves out more ids than
//! can be lost. A client that has lost messages finds its place in the gap, and is told; any other goes on.
//!
//! An actor that is awake, or a session that sleeps under its connection, knows the line in which it was loaded, and each of
//! its steps names it. Fence and head prove nothing in another one: they may be what they were before somebody took the
//! session by force, which was lost with all that was written under it. There the step is refused, the connection is let
//! go, and whoever loads the session next begins the epoch.

use std::sync::Arc;

use super::error::SessionError;
use super::forks;
use super::registry::Deps;
use super::saved::Saved;
use crate::ids::Seq;
use crate::store::{Commit, Leap, Lineage, SessionRow, StoreError};

/// How many ids are left out where a client may be ahead of the log. A store loses what it had not copied or synced, never
/// this much.
pub(super) const MAX_LOST: Seq = 1_000_000;

impl Deps {
    /// Begins an epoch in a session, behind all that may be lost of it. Whoever fails in the middle leaves it in doubt.
    pub(super) async fn begin_behind_a_loss(
        &self,
        row: &mut SessionRow,
        saved: &mut Saved,
        lineage: &Lineage,
    ) -> Result<(), SessionError> {
        let known_in: Arc<str> = lineage.id.as_str().into();
        let (id, ended) = (row.created.id.clone(), row.head);
        let head = ended.saturating_add(MAX_LOST);
        let first = head.saturating_add(1);
        tracing::warn!(session = %id, head = ended, "the store may have lost messages of a session; a new epoch begins behind them");
        // Remembered first: an epoch that begins without it would leave no way to tell its forks.
        let epoch = forks::draw(&id, row.epoch, forks::MAX_STEP, 0)?;
        saved.begin_epoch(row.epoch, epoch, first, ended);
        self.save(row, saved, &known_in).await?;
        let (fence, after) = (row.fence(), Some(row.head));
        let leap =
            Leap { fence, after, known_in: Some(known_in.clone()), ..Leap::beyond(epoch.saturating_sub(1), first) };
        row.epoch = self.store.advance_epoch(&id, row.epoch, leap).await?;
        row.head = head;
        // Only now it is out of doubt.
        saved.set_lineage(&known_in);
        self.save(row, saved, &known_in).await?;
        Ok(())
    }

    async fn save(&self, row: &SessionRow, saved: &Saved, known_in: &Arc<str>) -> Result<(), StoreError> {
        let (state, known_in) = (Some(saved.encode_stored().into()), Some(known_in.clone()));
        let commit = Commit { fence: row.fence(), after: Some(row.head), known_in, state, ..Commit::default() };
        self.store.commit(&row.created.id, row.epoch, commit).await.map(drop)
    }
}

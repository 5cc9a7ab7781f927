//! Stopping a reply from anywhere: by who has no connection of the session, at any of several servers.
//!
//! Whoever owns the session is told, in memory or by its bell, until the store has the reply's end. So it does not matter who
//! owns it, nor whether that one dies over it: then the reply goes on elsewhere, and that owner is told.

use std::time::Duration;

use tokio::time::sleep;

use super::Sessions;
use super::error::SessionError;
use super::event::Command;
use super::saved::Saved;
use crate::clock;
use crate::ids::SessionId;
use crate::store::{Ring, SessionRow, StoreError};

/// How long is waited for the end of a reply that is to stop.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often is looked whether it has come; doubled up to the second.
const LOOK: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(160));
/// How often its owner is told again.
const AGAIN_MS: u64 = 1_000;

/// What became of a wish to stop a reply.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cancelled {
    /// The reply to this turn has ended, now or before.
    Ended(u64),
    /// The session's server was told, and has not ended it yet.
    Ending(u64),
    /// No reply is being made.
    Idle,
}

/// How a turn stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Stands {
    Open,
    Over,
    Never,
}

impl Sessions {
    /// Stops the reply to a turn, or the one that is being made. What was said of it stands, and its outcome is `cancelled`
    /// unless it ended just before. Returns when the end is committed, or after five seconds.
    ///
    /// # Errors
    /// When there is no such session or turn, or the store refuses.
    pub async fn cancel(&self, id: &SessionId, turn: Option<u64>) -> Result<Cancelled, SessionError> {
        let (mut row, mut saved) = self.saved(id).await?;
        let Some(turn) = turn.or_else(|| saved.running.as_ref().map(|running| running.turn)) else {
            return Ok(Cancelled::Idle);
        };
        let began_ms = clock::monotonic_ms();
        let (mut told_ms, mut pause) = (None::<u64>, LOOK.0);
        loop {
            match stands(&saved, turn) {
                Stands::Open => {}
                Stands::Over => return Ok(Cancelled::Ended(turn)),
                Stands::Never => return Err(SessionError::NoTurn { turn, last: saved.turn }),
            }
            let now_ms = clock::monotonic_ms();
            if u128::from(now_ms.saturating_sub(began_ms)) >= PATIENCE.as_millis() {
                return Ok(Cancelled::Ending(turn));
            }
            if told_ms.is_none_or(|told| now_ms.saturating_sub(told) >= AGAIN_MS) {
                self.tell_of_cancel(id, &row, turn).await?;
                told_ms = Some(now_ms);
            }
            sleep(pause).await;
            pause = pause.saturating_mul(2).min(LOOK.1);
            (row, saved) = self.saved(id).await?;
        }
    }

    /// Tells whoever makes the reply; where nobody does, this process goes on with it, to end it.
    async fn tell_of_cancel(&self, id: &SessionId, row: &SessionRow, turn: u64) -> Result<(), SessionError> {
        let owner = row.hold.as_ref().map(|hold| &hold.owner).filter(|owner| *owner != self.0.store.node());
        if let (Some(owner), Some(nodes)) = (owner, self.0.store.nodes()) {
            let hears = nodes.ring(owner, &Ring::Cancel(id.clone(), turn)).await?;
            // Where the store was away from everybody, the owner may renew its lease a moment later: it is told then.
            if hears || !(self.0.is_predecessor(owner) || self.0.may_judge(nodes)) {
                return Ok(());
            }
        }
        match self.0.adopted(id, owner).await {
            // Another one was quicker, and is told the next time.
            Err(SessionError::Store(StoreError::Owned { .. })) => Ok(()),
            Err(error) => Err(error),
            Ok(()) => {
                self.0.hand_over(id, Command::Cancel(turn)).await;
                Ok(())
            }
        }
    }

    async fn saved(&self, id: &SessionId) -> Result<(SessionRow, Saved), SessionError> {
        let row = self.0.store.session(id).await?.ok_or_else(|| SessionError::NoSession(id.clone()))?;
        let saved = Saved::decode_stored(&row.state, id)?;
        Ok((row, saved))
    }
}

fn stands(saved: &Saved, turn: u64) -> Stands {
    let mut open = saved.running.iter().chain(&saved.queue);
    match turn {
        _ if open.any(|waiting| waiting.turn == turn) => Stands::Open,
        0 => Stands::Never,
        turn if turn > saved.turn => Stands::Never,
        _ => Stands::Over,
    }
}

//! What is asked about a session without changing it.

use futures_util::future;
use redis::Value;

use super::{RedisFault, RedisStore, SessionRow, StoreError, answer};
use crate::ids::{Seq, SessionId};

impl RedisStore {
    /// Asks for the row of a session and something else about it, in this order and at once. A connection that turns out
    /// to be broken is replaced and asked again: reading twice is harmless.
    pub(super) async fn look(&self, id: &SessionId, other: &redis::Cmd) -> Result<(SessionRow, Value), StoreError> {
        match self.look_once(id, other).await {
            Err(StoreError::Redis(RedisFault::Unreachable { .. })) => self.look_once(id, other).await,
            outcome => outcome,
        }
    }

    pub(super) async fn look_once(
        &self,
        id: &SessionId,
        other: &redis::Cmd,
    ) -> Result<(SessionRow, Value), StoreError> {
        let lines = self.link.lines().await?;
        let key = self.keys.state(id);
        let row = self.row_of(id);
        let (row, other) = future::join(lines.ask(&row), lines.ask(other)).await;
        let failed = |error| StoreError::from(self.link.failed(&lines, &error, &key));
        let row = answer::row(row.map_err(failed)?, id, &self.keys)?;
        Ok((row.ok_or_else(|| StoreError::NoSession(id.clone()))?, other.map_err(failed)?))
    }

    pub(super) async fn session_once(&self, id: &SessionId) -> Result<Option<SessionRow>, StoreError> {
        let lines = self.link.lines().await?;
        let doubts = lines.settler.doubts();
        let row = lines.ask(&self.row_of(id)).await;
        let row = row.map_err(|error| self.link.failed(&lines, &error, &self.keys.state(id)))?;
        let row = answer::row(row, id, &self.keys)?;
        // Its head is told to clients: nothing may be lost of it.
        lines.settler.vouch(doubts).await.map_err(|unsettled| self.link.unsettled(&lines, &unsettled))?;
        Ok(row)
    }

    pub(super) fn range(&self, id: &SessionId, from: Seq, limit: usize) -> redis::Cmd {
        // The server takes 0 for no limit.
        let count = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
        let mut range = redis::cmd("XRANGE");
        range.arg(self.keys.log(id)).arg(format!("{from}-0")).arg("+").arg("COUNT").arg(count);
        range
    }

    pub(super) fn row_of(&self, id: &SessionId) -> redis::Cmd {
        redis::cmd("HMGET").arg(self.keys.state(id)).arg(&answer::ROW).take()
    }
}

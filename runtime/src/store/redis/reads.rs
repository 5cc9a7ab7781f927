//! How sessions are read.

use redis::{Cmd, Value};

use super::{RedisFault, RedisStore, SessionRow, StoreError, answer};
use crate::ids::{Epoch, Seq, SessionId};

impl RedisStore {
    /// Asks for the row of a session, and then for something else about it. A connection that turns out to be broken is
    /// replaced and asked again: reading twice is harmless.
    pub(super) async fn look(
        &self,
        id: &SessionId,
        other: Option<(&str, &Cmd)>,
    ) -> Result<Option<(SessionRow, Value)>, StoreError> {
        match self.look_once(id, other).await {
            Err(StoreError::Redis(RedisFault::Unreachable { .. })) => self.look_once(id, other).await,
            outcome => outcome,
        }
    }

    async fn look_once(
        &self,
        id: &SessionId,
        other: Option<(&str, &Cmd)>,
    ) -> Result<Option<(SessionRow, Value)>, StoreError> {
        let (key, row) = (self.keys.state(id), self.row_of(id));
        let both = match other {
            Some(other) => self.servers.read_both((&key, &row), other).await?,
            None => Some((self.servers.read(&key, &row).await?, Value::Nil)),
        };
        if let Some((row, found)) = both {
            return Ok(answer::row(row, id, &self.keys)?.map(|row| (row, found)));
        }
        // One of them is being moved: the other may still be where it was.
        let row = answer::row(self.servers.read(&key, &row).await?, id, &self.keys)?;
        let found = match other {
            Some((key, command)) => self.servers.read(key, command).await?,
            None => Value::Nil,
        };
        Ok(row.map(|row| (row, found)))
    }

    pub(super) fn row_of(&self, id: &SessionId) -> Cmd {
        redis::cmd("HMGET").arg(self.keys.state(id)).arg(&answer::ROW).take()
    }

    /// Asks for something about a session, and then for its epoch and head. Asked for in this order: if no later epoch
    /// has begun by then, nothing that was found is of one.
    pub(super) async fn look_behind(&self, id: &SessionId, other: &Cmd) -> Result<(Value, (Epoch, Seq)), StoreError> {
        let (state, log) = (self.keys.state(id), self.keys.log(id));
        let place = redis::cmd("HMGET").arg(&state).arg("epoch").arg("head").take();
        let (found, place) = match self.servers.read_both((&log, other), (&state, &place)).await? {
            Some(both) => both,
            // One of them is being moved: the other may still be where it was.
            None => {
                let found = self.servers.read(&log, other).await?;
                (found, self.servers.read(&state, &place).await?)
            }
        };
        let (epoch, head): (Option<Epoch>, Option<Seq>) = answer::take(place, id)?;
        Ok((found, epoch.zip(head).ok_or_else(|| StoreError::NoSession(id.clone()))?))
    }

    /// The entries of a session from one on.
    pub(super) fn range(&self, id: &SessionId, from: Seq, limit: usize) -> Cmd {
        // The server takes 0 for no limit.
        let count = i64::try_from(limit.max(1)).unwrap_or(i64::MAX);
        redis::cmd("XRANGE").arg(self.keys.log(id)).arg(format!("{from}-0")).arg("+").arg("COUNT").arg(count).take()
    }

    /// Whether the step that marks a session lists it as well, and strikes it off again: where both are on one server.
    pub(super) fn lists_in_step(&self) -> bool {
        !self.servers.are_many()
    }
}

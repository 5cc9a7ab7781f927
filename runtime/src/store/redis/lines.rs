//! One connection to the server, and the one beside it on which is waited.

use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, FromRedisValue, RedisError, ServerErrorKind};

use super::RedisFault;
use super::server::{self, Found};
use super::settling::Settler;
use crate::store::Lineage;

/// A connection that serves.
pub(super) struct Lines {
    work: MultiplexedConnection,
    pub(super) settler: Settler,
    found: Found,
    /// What the server calls the two.
    ids: [i64; 2],
    /// Why writes fail although there is a connection, until one succeeds.
    ailing: Mutex<Option<RedisFault>>,
}

/// What is left of a connection that was given up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Trace {
    run_id: String,
    ids: [i64; 2],
}

impl Lines {
    /// Names both connections, and learns how the server calls them.
    pub(super) async fn new(
        mut work: MultiplexedConnection,
        settler: Settler,
        found: Found,
        name: &str,
    ) -> Result<Self, RedisError> {
        let id = redis::cmd("CLIENT").arg("ID").query_async(&mut work).await?;
        redis::cmd("CLIENT").arg("SETNAME").arg(name).query_async::<()>(&mut work).await?;
        let ids = [id, settler.introduce(name).await?];
        Ok(Self { work, settler, found, ids, ailing: Mutex::new(None) })
    }

    pub(super) fn is(&self, other: &Self) -> bool {
        self.trace() == other.trace()
    }

    pub(super) fn trace(&self) -> Trace {
        Trace { run_id: self.found.run_id.clone(), ids: self.ids }
    }

    /// What the server is called.
    pub(super) fn server(&self) -> &str {
        &self.found.server
    }

    /// Where what it holds comes from.
    pub(super) fn lineage(&self) -> &Lineage {
        &self.found.lineage
    }

    /// The connection of reads and writes.
    pub(super) fn connection(&self) -> MultiplexedConnection {
        self.work.clone()
    }

    /// Sends a command and waits for its answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, RedisError> {
        command.query_async(&mut self.work.clone()).await
    }

    /// The same for a key that is being moved to this server from another one, which said so.
    pub(super) async fn ask_moving<T: FromRedisValue>(&self, command: &redis::Cmd) -> Result<T, RedisError> {
        let mut both = redis::Pipeline::with_capacity(2);
        both.cmd("ASKING").add_command(command.clone());
        let mut answers = self.work.clone().send_packed_commands(&both, 1, 1).await?;
        let answer = answers.pop().unwrap_or_default().extract_error()?;
        Ok(redis::from_redis_value(answer)?)
    }

    /// Notes why writes fail.
    pub(super) fn ails(&self, fault: RedisFault) {
        let mut ailing = self.ailing.lock();
        if ailing.is_none() {
            tracing::error!(%fault, "Redis takes no writes");
        }
        *ailing = Some(fault);
    }

    /// Notes that a write succeeded.
    pub(super) fn is_well(&self) {
        let mut ailing = self.ailing.lock();
        if ailing.take().is_some() {
            tracing::info!("Redis takes writes again");
        }
    }

    /// Why writes fail, if the last one did.
    pub(super) fn ailing(&self) -> Option<RedisFault> {
        self.ailing.lock().clone()
    }

    /// Whether the server answers, and still has the settings for which it was taken.
    pub(super) async fn look(&self) -> Result<bool, RedisError> {
        server::still_fits(&mut self.work.clone(), &self.found).await
    }

    /// Tries a write, if the last one failed.
    pub(super) async fn try_again(&self) {
        if self.ailing().is_some() && self.settler.probe().await.is_ok() {
            self.is_well();
        }
    }

    /// Has the server close the connection that was given up before this one: nothing that is still on the way there is
    /// done any more. Where the connection before was to another server, or to this one before it was started anew, those
    /// that this process still has here: it may have been served here before that. What an earlier process left is
    /// refused by the fences of those that come after it.
    pub(super) async fn close_earlier(&self, before: Option<&Trace>, name: &str) -> Result<(), RedisError> {
        let ids = match before {
            Some(before) if before.run_id == self.found.run_id => before.ids.to_vec(),
            Some(_) => self.namesakes(name).await?,
            None => return Ok(()),
        };
        for id in &ids {
            let mut kill = redis::cmd("CLIENT");
            kill.arg("KILL").arg("ID").arg(*id);
            match self.ask::<i64>(&kill).await {
                Ok(_) => {}
                Err(error) if is_forbidden(&error) => {
                    tracing::warn!("the Redis user may not close earlier connections: allow CLIENT KILL");
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Other connections of this name.
    async fn namesakes(&self, name: &str) -> Result<Vec<i64>, RedisError> {
        let mut list = redis::cmd("CLIENT");
        list.arg("LIST");
        let text: String = match self.ask(&list).await {
            Ok(text) => text,
            Err(error) if is_forbidden(&error) => {
                tracing::warn!("the Redis user may not see earlier connections: allow CLIENT LIST");
                return Ok(Vec::new());
            }
            Err(error) => return Err(error),
        };
        let field = |line: &str, key: &str| {
            line.split(' ').find_map(|field| Some(field.strip_prefix(key)?.strip_prefix('=')?.to_owned()))
        };
        let named = text.lines().filter(|line| field(line, "name").is_some_and(|found| found == name));
        let ids = named.filter_map(|line| field(line, "id")?.parse().ok());
        Ok(ids.filter(|id| !self.ids.contains(id)).collect())
    }
}

fn is_forbidden(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(ServerErrorKind::NoPerm))
}

//! Waiting until writes are as durable as asked, many at once.
//!
//! `WAIT` and `WAITAOF` block the connection that they come on, and look at the last write of that connection. So they
//! have one of their own: a round writes a key there, which is behind everything that was answered before on the other,
//! and waits for that. Writers that come meanwhile share the next round. Rejected: to wait on the connection of the
//! writes, where each round would hold up every write and read behind it.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures_util::future;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};
use tokio::sync::Mutex;

use super::durability::Wait;
use super::spot::Spot;

/// How long a round may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How much longer its answer may be on the way.
const MARGIN: Duration = Duration::from_secs(2);

/// Keys that a round tries in a cluster whose slots move, and between two of them.
const TURNS: usize = 20;
const TURN: Duration = Duration::from_millis(20);

/// Why a round failed.
#[derive(Debug, Clone)]
pub(super) enum Unsettled {
    /// The server says what it reached, and that is not enough.
    Missed(String),
    /// The server refused, or the connection broke.
    Failed(RedisError),
}

/// Makes the writes of one connection durable.
pub(super) struct Settler {
    connection: MultiplexedConnection,
    spot: Spot,
    wait: Wait,
    /// Writes that were begun and are not known to be durable.
    open: AtomicU64,
    /// Counts writes that nobody waited for to the end, and one for what earlier connections left.
    doubts: AtomicU64,
    /// So many of them are durable, whatever they wrote.
    cleared: AtomicU64,
    asked: AtomicU64,
    round: Mutex<Round>,
}

/// The last round: up to which request it counts, and how it ended.
struct Round {
    upto: u64,
    outcome: Result<(), Unsettled>,
}

/// A write under way. Dropped before it [`is done`](Self::done), it leaves a doubt.
pub(super) struct Pending<'a> {
    settler: &'a Settler,
    done: bool,
}

impl Settler {
    pub(super) fn new(mut connection: MultiplexedConnection, spot: Spot, wait: Wait) -> Self {
        connection.set_response_timeout(PATIENCE.saturating_add(MARGIN));
        Self {
            connection,
            spot,
            wait,
            open: AtomicU64::new(0),
            doubts: AtomicU64::new(1),
            cleared: AtomicU64::new(0),
            asked: AtomicU64::new(0),
            round: Mutex::new(Round { upto: 0, outcome: Ok(()) }),
        }
    }

    /// Notes that a write begins.
    pub(super) fn begin(&self) -> Pending<'_> {
        self.open.fetch_add(1, Ordering::SeqCst);
        Pending { settler: self, done: false }
    }

    /// Waits until everything that was answered before is as durable as asked. Cancel-safe: whoever waits beside
    /// leads the next round.
    pub(super) async fn settle(&self) -> Result<(), Unsettled> {
        if self.wait == Wait::Nothing {
            return Ok(());
        }
        let mine = self.asked.fetch_add(1, Ordering::SeqCst).saturating_add(1);
        let mut round = self.round.lock().await;
        if round.upto < mine {
            let upto = self.asked.load(Ordering::SeqCst);
            let outcome = self.run().await;
            *round = Round { upto, outcome };
        }
        round.outcome.clone()
    }

    /// What is to be asked before a read on the connection of the writes, for [`vouch`](Self::vouch).
    pub(super) fn doubts(&self) -> u64 {
        self.doubts.load(Ordering::SeqCst)
    }

    /// Waits, before what was read is told to anybody, if any of it may still be lost. A write that was given up before
    /// the read was done before it, since one connection keeps the order; so these doubts end here. One that was given up
    /// since may have been read, too, and may be done later yet: its doubt stays.
    pub(super) async fn vouch(&self, doubts: u64) -> Result<(), Unsettled> {
        // In this order: a write that is given up leaves its doubt first.
        let open = self.open.load(Ordering::SeqCst) > 0;
        if open || self.doubts.load(Ordering::SeqCst) > self.cleared.load(Ordering::SeqCst) {
            self.settle().await?;
            self.cleared.fetch_max(doubts, Ordering::SeqCst);
        }
        Ok(())
    }

    /// Names the connection, and learns how the server calls it.
    pub(super) async fn introduce(&self, name: &str) -> Result<i64, RedisError> {
        let mut connection = self.connection.clone();
        redis::cmd("CLIENT").arg("SETNAME").arg(name).query_async::<()>(&mut connection).await?;
        redis::cmd("CLIENT").arg("ID").query_async(&mut connection).await
    }

    /// Writes a key, which fails where any write would, and waits until it is as durable as asked.
    pub(super) async fn probe(&self) -> Result<(), Unsettled> {
        let Some(key) = self.spot.key() else { return Err(nowhere()) };
        self.write(&key).await.map_err(Unsettled::Failed)?;
        self.settle().await
    }

    async fn write(&self, key: &str) -> Result<(), RedisError> {
        redis::cmd("SET").arg(key).arg(1).query_async(&mut self.connection.clone()).await
    }

    async fn run(&self) -> Result<(), Unsettled> {
        let patience_ms = u64::try_from(PATIENCE.as_millis()).unwrap_or(u64::MAX);
        let mut connection = self.connection.clone();
        let mut command = match self.wait {
            Wait::Nothing => return Ok(()),
            Wait::Replicas(count) => redis::cmd("WAIT").arg(count).take(),
            Wait::Disk(replicas) => redis::cmd("WAITAOF").arg(1).arg(replicas).take(),
        };
        command.arg(patience_ms);
        for _ in 0..TURNS {
            let Some(key) = self.spot.key() else { return Err(nowhere()) };
            // Sent in this order at once.
            let (written, answer) = future::join(self.write(&key), command.query_async::<Value>(&mut connection)).await;
            match written {
                // The slot of this key is moved to another node; what was written here is still here, or is there.
                Err(error) if error.is_cluster_error() => {
                    self.spot.turn();
                    tokio::time::sleep(TURN).await;
                    continue;
                }
                written => written.map_err(Unsettled::Failed)?,
            }
            let answer = answer.map_err(Unsettled::Failed)?;
            let (local, replicas) = reached(&answer);
            return self.wait.is_reached(local, replicas).map_err(Unsettled::Missed);
        }
        Err(nowhere())
    }
}

/// There is no key to write.
fn nowhere() -> Unsettled {
    Unsettled::Missed("no key was found that it serves: its part of the cluster is moved away".to_owned())
}

/// How many disks and replicas the server counts.
fn reached(answer: &Value) -> (i64, i64) {
    match answer {
        Value::Int(replicas) => (0, *replicas),
        Value::Array(items) => match items.as_slice() {
            [Value::Int(local), Value::Int(replicas)] => (*local, *replicas),
            _ => (0, 0),
        },
        _ => (0, 0),
    }
}

impl Pending<'_> {
    /// The write is durable, or nothing was written.
    pub(super) fn done(mut self) {
        self.done = true;
    }
}

impl Drop for Pending<'_> {
    fn drop(&mut self) {
        if !self.done {
            self.settler.doubts.fetch_add(1, Ordering::SeqCst);
        }
        self.settler.open.fetch_sub(1, Ordering::SeqCst);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when an answer is read as more than it says.
    #[test]
    fn what_was_reached_is_read() {
        assert_eq!(reached(&Value::Int(2)), (0, 2));
        assert_eq!(reached(&Value::Array(vec![Value::Int(1), Value::Int(2)])), (1, 2));
        for other in [Value::Nil, Value::Okay, Value::Array(vec![]), Value::Array(vec![Value::Int(1)])] {
            assert_eq!(reached(&other), (0, 0));
        }
    }
}

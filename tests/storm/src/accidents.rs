//! What happens to servers that share one Redis, and to Redis.

use std::time::Duration;

use anyhow::Result;
use rolecall_tests::clock::{self, Dice};
use rolecall_tests::cluster::Cluster;
use tokio::time::sleep;

/// How many servers, and what happens to them.
#[derive(Debug, Clone, Copy)]
pub struct Nodes {
    /// Servers.
    pub count: usize,
    /// Between two accidents.
    pub every: Duration,
    /// The longest time that a server is down or stands still: longer than its lease, which is 2 s here.
    pub down: Duration,
}

/// What happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Servers killed with -9.
    pub kills: u64,
    /// Unfinished replies that they had.
    pub interrupted: u64,
    /// Servers stopped for a while (SIGSTOP).
    pub stops: u64,
    /// The same, of Redis.
    pub redis_stops: u64,
    /// Redis killed with -9.
    pub redis_kills: u64,
}

/// An accident.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Kill,
    Stop,
    StopRedis,
    KillRedis,
}

/// What happens first, whatever the dice say: each kind once.
const FIRST: [Kind; 4] = [Kind::KillRedis, Kind::Stop, Kind::StopRedis, Kind::Kill];

pub(crate) struct Accidents {
    nodes: Nodes,
    dice: Dice,
    pub(crate) counts: Counts,
}

impl Accidents {
    pub(crate) fn new(nodes: Nodes, seed: u64) -> Self {
        Self { nodes, dice: Dice::new(seed ^ 0x0acc_1de7), counts: Counts::default() }
    }

    /// Accidents, one after the other, for so long; at its end everything runs.
    pub(crate) async fn happen(&mut self, cluster: &mut Cluster, lasts: Duration) -> Result<()> {
        let began = clock::now();
        sleep(self.nodes.every.min(lasts)).await;
        let mut first = FIRST.into_iter();
        while began.elapsed() < lasts {
            let node = self.dice.index(cluster.len());
            match first.next().unwrap_or_else(|| self.kind()) {
                Kind::Stop => self.stop(cluster, node).await?,
                Kind::StopRedis => self.stop_redis(cluster).await?,
                Kind::KillRedis => self.kill_redis(cluster).await?,
                Kind::Kill => self.kill(cluster, node).await?,
            }
            sleep(self.nodes.every).await;
        }
        Ok(())
    }

    /// Of all, most often what kills a server.
    fn kind(&mut self) -> Kind {
        match self.dice.below(8) {
            0 => Kind::Stop,
            1 => Kind::StopRedis,
            2 => Kind::KillRedis,
            _ => Kind::Kill,
        }
    }

    async fn kill(&mut self, cluster: &mut Cluster, node: usize) -> Result<()> {
        cluster.node_mut(node)?.kill()?;
        self.counts.kills += 1;
        // Nobody has taken them over yet.
        self.counts.interrupted += cluster.unfinished(node).await? as u64;
        sleep(self.pause()).await;
        cluster.node_mut(node)?.restart().await
    }

    async fn stop(&mut self, cluster: &Cluster, node: usize) -> Result<()> {
        self.counts.stops += 1;
        cluster.freeze(node, true)?;
        sleep(self.nodes.down).await;
        cluster.freeze(node, false)
    }

    async fn stop_redis(&mut self, cluster: &Cluster) -> Result<()> {
        self.counts.redis_stops += 1;
        cluster.redis.freeze(true)?;
        sleep(self.pause()).await;
        cluster.redis.freeze(false)
    }

    async fn kill_redis(&mut self, cluster: &mut Cluster) -> Result<()> {
        self.counts.redis_kills += 1;
        cluster.redis.kill()?;
        sleep(self.pause() / 4).await;
        cluster.redis.restart().await
    }

    fn pause(&mut self) -> Duration {
        self.nodes.down.mul_f64(self.dice.below(1_000) as f64 / 1_000.0)
    }
}

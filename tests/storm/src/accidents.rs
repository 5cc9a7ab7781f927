//! What happens to servers that share one Redis, and to Redis.

use std::time::{Duration, Instant};

use anyhow::Result;
use rolecall_tests::clock::{self, Dice};
use rolecall_tests::cluster::Cluster;
use tokio::time::sleep;

/// How many servers, and what happens to them.
#[derive(Debug, Clone, Copy)]
pub struct Nodes {
    /// Servers.
    pub count: usize,
    /// From one kill of a server to the next.
    pub every: Duration,
    /// The longest time that a server is down or stands still: longer than its lease, which is 2 s here.
    pub down: Duration,
}

/// What happened.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counts {
    /// Servers killed with -9.
    pub kills: u64,
    /// Unfinished replies that they had, where Redis was there to be asked.
    pub interrupted: u64,
    /// Servers stopped for a while (SIGSTOP).
    pub stops: u64,
    /// The same, of Redis.
    pub redis_stops: u64,
    /// Redis killed with -9.
    pub redis_kills: u64,
}

/// What happens between two kills.
#[derive(Debug, Clone, Copy)]
enum Kind {
    Stop,
    StopRedis,
    KillRedis,
}

/// What happens first, whatever the dice say: each kind once.
const FIRST: [Kind; 3] = [Kind::KillRedis, Kind::Stop, Kind::StopRedis];

/// How an accident ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    Start(usize),
    GoOn(usize),
    RedisGoesOn,
    StartRedis,
}

/// How long a server waits for Redis before it is started.
const LATER: Duration = Duration::from_millis(200);

pub(crate) struct Accidents {
    nodes: Nodes,
    dice: Dice,
    first: std::array::IntoIter<Kind, 3>,
    /// Accidents that are under way, and when they end.
    open: Vec<(Instant, End)>,
    pub(crate) counts: Counts,
}

impl Accidents {
    pub(crate) fn new(nodes: Nodes, seed: u64) -> Self {
        let dice = Dice::new(seed ^ 0x0acc_1de7);
        Self { nodes, dice, first: FIRST.into_iter(), open: Vec::new(), counts: Counts::default() }
    }

    /// Accidents for so long, a kill at each beat and perhaps another one half a beat later, whatever has not ended yet; at its
    /// end everything runs.
    pub(crate) async fn happen(&mut self, cluster: &mut Cluster, lasts: Duration) -> Result<()> {
        let ends = clock::now() + lasts;
        let mut kill = clock::now() + self.nodes.every;
        let mut other = kill + self.nodes.every / 2;
        loop {
            let mend = self.open.iter().map(|(at, _)| *at).min();
            let next = mend.into_iter().fold(kill.min(other), Instant::min);
            if next >= ends {
                break;
            }
            sleep(next.saturating_duration_since(clock::now())).await;
            if mend == Some(next) {
                self.mend_until(cluster, next).await?;
            } else if next == kill {
                kill += self.nodes.every;
                self.kill(cluster).await?;
            } else {
                other += self.nodes.every;
                self.between(cluster)?;
            }
        }
        sleep(ends.saturating_duration_since(clock::now())).await;
        self.end_all(cluster).await
    }

    async fn end_all(&mut self, cluster: &mut Cluster) -> Result<()> {
        for (_, end) in self.take_until(None) {
            self.mend(cluster, end).await?;
        }
        for node in 0..cluster.len() {
            cluster.node_mut(node)?.up().await?;
        }
        Ok(())
    }

    /// A server that runs dies, and is started again after a while.
    async fn kill(&mut self, cluster: &mut Cluster) -> Result<()> {
        let Some(node) = self.running(cluster)? else { return Ok(()) };
        cluster.node_mut(node)?.kill()?;
        self.counts.kills += 1;
        if !self.redis_is_away() {
            // Nobody has taken them over yet.
            self.counts.interrupted += cluster.unfinished(node).await? as u64;
        }
        self.open(End::Start(node), 1);
        Ok(())
    }

    /// Something else happens, or nothing; of Redis one thing at a time.
    fn between(&mut self, cluster: &mut Cluster) -> Result<()> {
        let drawn = [None, Some(Kind::Stop), Some(Kind::StopRedis), Some(Kind::KillRedis)];
        let drawn = drawn.get(self.dice.index(8)).copied().flatten();
        let Some(kind) = self.first.as_slice().first().copied().or(drawn) else { return Ok(()) };
        if !matches!(kind, Kind::Stop) && self.redis_is_away() {
            return Ok(());
        }
        match kind {
            Kind::Stop => {
                let Some(node) = self.running(cluster)? else { return Ok(()) };
                cluster.freeze(node, true)?;
                self.counts.stops += 1;
                self.open.push((clock::now() + self.nodes.down, End::GoOn(node)));
            }
            Kind::StopRedis => {
                cluster.redis.freeze(true)?;
                self.counts.redis_stops += 1;
                self.open(End::RedisGoesOn, 1);
            }
            Kind::KillRedis => {
                cluster.redis.kill()?;
                self.counts.redis_kills += 1;
                self.open(End::StartRedis, 4);
            }
        }
        self.first.next();
        Ok(())
    }

    /// Notes how an accident ends, after a part of the longest time.
    fn open(&mut self, end: End, part: u32) {
        let lasts = self.nodes.down.mul_f64(self.dice.below(1_000) as f64 / 1_000.0) / part;
        self.open.push((clock::now() + lasts, end));
    }

    async fn mend_until(&mut self, cluster: &mut Cluster, until: Instant) -> Result<()> {
        for (_, end) in self.take_until(Some(until)) {
            if matches!(end, End::Start(_)) && self.redis_is_away() {
                self.open.push((clock::now() + LATER, end));
            } else {
                self.mend(cluster, end).await?;
            }
        }
        Ok(())
    }

    /// What ends by then, Redis first: no server starts without it.
    fn take_until(&mut self, until: Option<Instant>) -> Vec<(Instant, End)> {
        let is_due = |(at, _): &(Instant, End)| until.is_none_or(|until| *at <= until);
        let (mut due, open): (Vec<_>, Vec<_>) = std::mem::take(&mut self.open).into_iter().partition(is_due);
        self.open = open;
        due.sort_by_key(|(_, end)| matches!(end, End::Start(_) | End::GoOn(_)));
        due
    }

    async fn mend(&self, cluster: &mut Cluster, end: End) -> Result<()> {
        match end {
            End::Start(node) => cluster.node_mut(node)?.launch(),
            End::GoOn(node) => cluster.freeze(node, false),
            End::RedisGoesOn => cluster.redis.freeze(false),
            End::StartRedis => cluster.redis.restart().await,
        }
    }

    fn redis_is_away(&self) -> bool {
        self.open.iter().any(|(_, end)| matches!(end, End::RedisGoesOn | End::StartRedis))
    }

    /// A server that nothing has happened to. One that ended by itself, as it found no Redis when it was started, is started
    /// once more.
    fn running(&mut self, cluster: &mut Cluster) -> Result<Option<usize>> {
        let mut running = Vec::new();
        for node in 0..cluster.len() {
            if self.open.iter().any(|(_, end)| [End::Start(node), End::GoOn(node)].contains(end)) {
                continue;
            }
            if cluster.node_mut(node)?.is_running()? {
                running.push(node);
            } else {
                self.open.push((clock::now(), End::Start(node)));
            }
        }
        Ok(running.get(self.dice.index(running.len())).copied())
    }
}

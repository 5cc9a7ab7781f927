//! A rolling restart: servers that share one Redis are stopped with SIGTERM one after the other and started again, while
//! their clients live on. Measured are each client's gaps, and what it costs Redis.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::clock;
use rolecall_tests::cluster::Cluster;
use rolecall_tests::http;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use crate::absence::percentile;
use crate::calls::{Calls, Ran};
use crate::crowd::{Between, Crowd, Outcome};
use crate::ledger::Account;
use crate::load::{Load, PEAK_MS, mean, peak};
use crate::{Storm, contracts, options};

/// How long everybody may take to come, or to come back. It bounds a hang.
const PATIENCE: Duration = Duration::from_secs(300);
/// Between two looks at who is there.
const LOOK: Duration = Duration::from_millis(250);

/// What kind of restart.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Rolling {
    /// Servers.
    pub nodes: usize,
    /// Clients, each with a session of its own.
    pub clients: usize,
    /// The mean pause between two things that a user says.
    pub pause: Duration,
    /// How long nothing happens before the first restart: what Redis does then is the measure of what it does later.
    pub steady: Duration,
    /// How long everybody stays before the next restart.
    pub settle: Duration,
    /// The servers' `hand-over`; their default without it.
    pub hand_over: Option<String>,
    /// The choices of users follow from it.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Default)]
pub struct Rolled {
    /// What all clients were shown, and what was wrong about it.
    pub account: Account,
    /// Clients that had a live connection at the end.
    pub back: usize,
    /// All gaps, sorted, in ms.
    pub gaps_ms: Vec<u64>,
    /// The restarts, in order.
    pub restarts: Vec<Restart>,
    /// Redis commands per second before the first restart, those in scripts included: over all that time.
    pub steady: f64,
    /// The same over as much time after the last: what there was to do anyway has not changed where it is about as much.
    pub after: f64,
    /// The same of the worst second in between.
    pub peak: f64,
    /// How often each command ran for each client's move, besides what there was to do anyway; the most frequent first.
    pub each_move: Vec<(String, f64)>,
}

/// One server's restart.
#[derive(Debug, Clone, Copy)]
pub struct Restart {
    /// Clients that the server had.
    pub clients: u64,
    /// From the SIGTERM to the end of the process, in seconds.
    pub leaving_s: f64,
    /// From the SIGTERM until everybody had a connection and the server was there again, in seconds.
    pub whole_s: f64,
    /// Redis commands per second meanwhile.
    pub mean: f64,
    /// The same in the worst second.
    pub peak: f64,
}

impl Rolled {
    /// Of all gaps, the one that as many percent do not exceed, in ms.
    #[must_use]
    pub fn gap_ms(&self, percent: usize) -> u64 {
        percentile(&self.gaps_ms, percent)
    }

    /// How many times as much Redis had to do in the worst second than before the first restart.
    #[must_use]
    pub fn ratio(&self) -> f64 {
        if self.steady > 0.0 { self.peak / self.steady } else { 0.0 }
    }

    /// Redis commands that each client's move cost, besides what there was to do anyway.
    #[must_use]
    pub fn commands_per_move(&self) -> f64 {
        self.each_move.iter().map(|(_, calls)| calls).sum()
    }
}

impl Rolling {
    /// Runs it, with the clients in processes of their own of so many each, or in this one.
    ///
    /// # Errors
    /// When a server or a client cannot be started or ends otherwise than it should, or somebody does not come back.
    pub async fn run(&self, apart: Option<usize>) -> Result<Rolled> {
        let storm = self.storm();
        let contracts = contracts(&storm.role("max_chars 500"))?;
        let mut options = options(&contracts, "30ms");
        if let Some(hand_over) = &self.hand_over {
            options = options.flag("--hand-over", hand_over);
        }
        let mut cluster = Cluster::start(self.nodes, &options).await?;
        let (says, calm) = watch::channel(false);
        let mut crowds = self.crowds(&cluster, apart, &calm)?;
        let mut rolled = tokio::select! {
            rolled = self.roll(&mut cluster) => rolled?,
            Some(early) = crowds.join_next() => {
                early.context("a crowd panicked")??;
                bail!("a crowd was at rest before the last restart was over");
            }
        };
        says.send_replace(true);
        let mut outcome = Outcome::default();
        while let Some(ended) = crowds.join_next().await {
            outcome.add(ended.context("a crowd panicked")??);
        }
        cluster.check_logs()?;
        outcome.gaps_ms.sort_unstable();
        (rolled.account, rolled.back, rolled.gaps_ms) = (outcome.account, outcome.back, outcome.gaps_ms);
        Ok(rolled)
    }

    /// Users as they are without a storm.
    const fn storm(&self) -> Storm {
        Storm {
            clients: self.clients,
            lasts: Duration::ZERO,
            cut_after: Duration::ZERO,
            away: Duration::ZERO,
            pause: self.pause,
            timeout: Duration::from_secs(30),
            seed: self.seed,
        }
    }

    fn crowds(
        &self,
        cluster: &Cluster,
        apart: Option<usize>,
        calm: &watch::Receiver<bool>,
    ) -> Result<JoinSet<Result<Outcome>>> {
        let servers = (0..self.nodes).map(|node| Ok(cluster.node(node)?.address())).collect::<Result<Vec<_>>>()?;
        let mut crowds = JoinSet::new();
        let most = apart.unwrap_or(self.clients).max(1);
        for first in (0..self.clients).step_by(most) {
            let clients = first..self.clients.min(first + most);
            let crowd = Crowd { storm: self.storm(), clients, servers: servers.clone(), between: Between::Front };
            match apart {
                Some(_) => crowds.spawn(crowd.live_apart(calm.clone())),
                None => crowds.spawn(crowd.live(calm.clone())),
            };
        }
        Ok(crowds)
    }

    async fn roll(&self, cluster: &mut Cluster) -> Result<Rolled> {
        self.everybody(cluster).await?;
        // Who has just come is not at rest yet.
        sleep(self.settle).await;
        let (mut load, mut rolled) = (Load::new(), Rolled::default());
        let before = Calls::count(&cluster.redis).await?;
        load.watch(&cluster.redis, self.steady).await?;
        rolled.steady = mean(load.since(0));
        let anyway = before.until(&Calls::count(&cluster.redis).await?);
        let (from, mut ran) = (load.mark(), Ran::default());
        for node in 0..self.nodes {
            let (mark, began) = (load.mark(), clock::now());
            let clients = clients_of(cluster, node).await?;
            let before = Calls::count(&cluster.redis).await?;
            let (server, redis) = cluster.node_and_redis(node)?;
            load.watch_until(redis, server.stop()).await?;
            let leaving_s = began.elapsed().as_secs_f64();
            load.watch_until(redis, server.restart()).await?;
            load.watch_until(&cluster.redis, self.everybody(cluster)).await?;
            let whole_s = began.elapsed().as_secs_f64();
            let looks = load.since(mark);
            let (mean, peak) = (mean(looks), peak(looks, PEAK_MS));
            rolled.restarts.push(Restart { clients, leaving_s, whole_s, mean, peak });
            load.watch(&cluster.redis, self.settle).await?;
            // Behind that: what a move puts off is a part of what it costs.
            ran.add(before.until(&Calls::count(&cluster.redis).await?));
        }
        rolled.peak = peak(load.since(from), PEAK_MS);
        let mark = load.mark();
        load.watch(&cluster.redis, self.steady).await?;
        rolled.after = mean(load.since(mark));
        let moves = rolled.restarts.iter().map(|restart| restart.clients).sum();
        rolled.each_move = ran.for_each(moves, &anyway);
        Ok(rolled)
    }

    /// Waits until all clients have a connection.
    async fn everybody(&self, cluster: &Cluster) -> Result<()> {
        let began = clock::now();
        loop {
            let mut here = 0;
            for node in 0..self.nodes {
                here += clients_of(cluster, node).await?;
            }
            if here == self.clients as u64 {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "{here} of {} clients have a connection", self.clients);
            sleep(LOOK).await;
        }
    }
}

/// How many clients have a connection to a server, as it says itself.
async fn clients_of(cluster: &Cluster, node: usize) -> Result<u64> {
    let text = http::get(cluster.node(node)?.address(), "/metrics").await?.text();
    Ok(["attached", "asleep"].iter().filter_map(|state| gauge(&text, state)).sum())
}

/// Sessions in a state; nothing, where the server does not know of any yet.
fn gauge(metrics: &str, state: &str) -> Option<u64> {
    let name = format!("sessions{{state=\"{state}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)?.parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a command is left out of what a move costs, or nothing is divided by.
    #[test]
    fn costs_are_summed_and_compared() {
        let each_move = vec![("hget".to_owned(), 3.5), ("hset".to_owned(), 2.0), ("type".to_owned(), -0.5)];
        let rolled = Rolled { steady: 100.0, peak: 250.0, each_move, gaps_ms: vec![1, 2, 30], ..Rolled::default() };
        assert!((rolled.commands_per_move() - 5.0).abs() < 1e-9);
        assert!((rolled.ratio() - 2.5).abs() < 1e-9);
        assert_eq!((rolled.gap_ms(50), rolled.gap_ms(99)), (2, 30));
        let nothing = Rolled::default();
        assert!(nothing.ratio() + nothing.commands_per_move() < f64::EPSILON);
    }

    // Fails when another state, or another metric, is counted.
    #[test]
    fn clients_are_read_from_the_metrics() {
        let text = "sessions_total 9\nsessions{state=\"asleep\"} 5\nsessions{state=\"attached\"} 2\nsessions{state=\"detached\"} 1\n";
        assert_eq!((gauge(text, "asleep"), gauge(text, "attached"), gauge(text, "away")), (Some(5), Some(2), None));
    }
}

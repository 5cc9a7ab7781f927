//! A Redis Cluster of real servers.

use std::collections::BTreeSet;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::try_join_all;

use crate::clock::{self, PATIENCE};
use crate::redis::Redis;
use crate::server::free_port;

/// Slots of a cluster.
const SLOTS: usize = 16_384;
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Masters that share the slots, and replicas that were added.
#[derive(Debug)]
pub struct RedisCluster {
    /// The servers, those that were started first first.
    pub servers: Vec<Redis>,
    ids: Vec<String>,
    buses: Vec<String>,
    flags: Vec<String>,
    masters: usize,
}

impl RedisCluster {
    /// Starts so many masters, with further flags, and waits until they agree.
    ///
    /// # Errors
    /// When one does not start, or they do not find each other.
    pub async fn start(masters: usize, flags: &[&str]) -> Result<Self> {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut cluster = Self { servers: Vec::new(), ids: Vec::new(), buses: Vec::new(), flags, masters };
        let started = try_join_all((0..masters).map(|_| cluster.server())).await?;
        for (number, (server, bus)) in started.into_iter().enumerate() {
            let (from, to) = (bound(number, masters).to_string(), (bound(number + 1, masters) - 1).to_string());
            server.ask(&["CLUSTER", "ADDSLOTSRANGE", &from, &to]).await?;
            cluster.add(server, bus).await?;
        }
        cluster.agree("cluster_state:ok").await?;
        Ok(cluster)
    }

    /// Starts a replica of a master, and waits until it has what that one has. Its number is the last.
    ///
    /// # Errors
    /// When it does not start.
    pub async fn add_replica(&mut self, master: usize) -> Result<usize> {
        let (server, bus) = self.server().await?;
        self.add(server, bus).await?;
        let (replica, master) = (self.servers.len() - 1, self.ids.get(master).context("no such master")?.clone());
        // It can follow a node that it has heard of.
        let began = clock::now();
        while self.ask(replica, &["CLUSTER", "REPLICATE", &master]).await.is_err() {
            ensure!(began.elapsed() < PATIENCE, "the replica does not find its master");
            tokio::time::sleep(LOOK).await;
        }
        self.until(replica, &["INFO", "replication"], "master_link_status:up").await?;
        Ok(replica)
    }

    /// What stands for all of it.
    #[must_use]
    pub fn url(&self) -> String {
        let hosts: Vec<String> = self.servers.iter().take(self.masters).map(|it| it.address().to_string()).collect();
        format!("redis://{}", hosts.join(","))
    }

    /// The slot of a session's keys, and the master that had it at the start.
    ///
    /// # Errors
    /// When no server answers.
    pub async fn place(&self, session: &str) -> Result<(usize, usize)> {
        let slot: usize = self.ask(0, &["CLUSTER", "KEYSLOT", session]).await?.concat().parse()?;
        let first = (0..self.masters).rfind(|master| bound(*master, self.masters) <= slot).context("no such slot")?;
        Ok((slot, first))
    }

    /// Moves a slot with its keys from one master to another, as `redis-cli --cluster reshard` does.
    ///
    /// # Errors
    /// When one of them refuses.
    pub async fn move_slot(&self, slot: usize, from: usize, to: usize) -> Result<()> {
        let (slot, (source, target)) = (slot.to_string(), (self.id(from)?, self.id(to)?));
        self.ask(to, &["CLUSTER", "SETSLOT", &slot, "IMPORTING", source]).await?;
        self.ask(from, &["CLUSTER", "SETSLOT", &slot, "MIGRATING", target]).await?;
        let port = self.server_at(to)?.address().port().to_string();
        loop {
            let keys = self.ask(from, &["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await?;
            if keys.is_empty() {
                break;
            }
            for key in keys {
                let answer = self.ask(from, &["MIGRATE", "127.0.0.1", &port, &key, "0", "10000"]).await?.concat();
                ensure!(answer == "OK" || answer == "NOKEY", "{key} is not moved: {answer}");
            }
        }
        // All are told, as `redis-cli` does, the new owner first.
        let others = (0..self.masters).filter(|master| ![to, from].contains(master));
        for server in [to, from].into_iter().chain(others) {
            self.ask(server, &["CLUSTER", "SETSLOT", &slot, "NODE", target]).await?;
        }
        self.have_one_view().await
    }

    /// Waits until every server has the same nodes at the same epochs with the same slots. Before the next move: a server
    /// that hears of a later epoch of the old owner first believes that one for ever, and takes the slot from the new one.
    async fn have_one_view(&self) -> Result<()> {
        let began = clock::now();
        loop {
            let told =
                try_join_all((0..self.servers.len()).map(|number| self.ask(number, &["CLUSTER", "NODES"]))).await?;
            let views: BTreeSet<Vec<String>> = told.iter().map(|told| view(&told.concat())).collect();
            if views.len() == 1 {
                return Ok(());
            }
            ensure!(began.elapsed() < PATIENCE, "the cluster has no one view: {views:?}");
            tokio::time::sleep(LOOK).await;
        }
    }

    /// Kills a server as `kill -9` does.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self, number: usize) -> Result<()> {
        self.servers.get_mut(number).context("no such server")?.kill()
    }

    /// Starts one again that was killed, and waits until the cluster has all its slots.
    ///
    /// # Errors
    /// When it does not come back.
    pub async fn restart(&mut self, number: usize) -> Result<()> {
        self.servers.get_mut(number).context("no such server")?.restart().await?;
        self.agree("cluster_state:ok").await
    }

    async fn server(&self) -> Result<(Redis, String)> {
        let bus = free_port()?.port().to_string();
        let mut flags = vec!["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"];
        flags.extend(["--cluster-announce-ip", "127.0.0.1", "--repl-diskless-sync-delay", "0"]);
        flags.extend(self.flags.iter().map(String::as_str));
        Ok((Redis::with(&flags).await?, bus))
    }

    /// Makes a server one of them, and waits until all have heard of it.
    async fn add(&mut self, server: Redis, bus: String) -> Result<()> {
        let epoch = (self.servers.len() + 1).to_string();
        server.ask(&["CLUSTER", "SET-CONFIG-EPOCH", &epoch]).await?;
        self.ids.push(server.ask(&["CLUSTER", "MYID"]).await?.concat());
        if let (Some(first), Some(first_bus)) = (self.servers.first(), self.buses.first()) {
            let port = first.address().port().to_string();
            server.ask(&["CLUSTER", "MEET", "127.0.0.1", &port, first_bus]).await?;
        }
        self.servers.push(server);
        self.buses.push(bus);
        self.agree(&format!("cluster_known_nodes:{}\r", self.servers.len())).await
    }

    /// Waits until every server says this of the cluster.
    async fn agree(&self, wanted: &str) -> Result<()> {
        for number in 0..self.servers.len() {
            self.until(number, &["CLUSTER", "INFO"], wanted).await?;
        }
        Ok(())
    }

    async fn until(&self, number: usize, words: &[&str], wanted: &str) -> Result<()> {
        let began = clock::now();
        loop {
            let answer = self.ask(number, words).await?.concat();
            if answer.contains(wanted) {
                return Ok(());
            }
            if began.elapsed() > PATIENCE {
                bail!("server {number} of the cluster never says {wanted:?} to {words:?}: {answer}");
            }
            tokio::time::sleep(LOOK).await;
        }
    }

    async fn ask(&self, number: usize, words: &[&str]) -> Result<Vec<String>> {
        self.server_at(number)?.ask(words).await
    }

    fn server_at(&self, number: usize) -> Result<&Redis> {
        self.servers.get(number).context("no such server")
    }

    fn id(&self, number: usize) -> Result<&str> {
        Ok(self.ids.get(number).context("no such server")?)
    }
}

/// The first slot of a master.
fn bound(master: usize, masters: usize) -> usize {
    SLOTS * master / masters
}

/// Id, epoch and slots of each node of a `CLUSTER NODES`, whoever tells it.
fn view(told: &str) -> Vec<String> {
    let node = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let (id, epoch, slots) = (fields.first()?, fields.get(6)?, fields.get(8..).unwrap_or_default());
        Some(format!("{id} {epoch} {}", slots.join(" ")))
    };
    let mut nodes: Vec<String> = told.lines().filter_map(node).collect();
    nodes.sort();
    nodes
}

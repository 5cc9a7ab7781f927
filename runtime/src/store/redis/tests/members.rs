//! A cluster of a test's own.

use super::server::{PATIENCE, free_port};
use super::*;
use crate::store::redis::slots::{SLOTS, slot};

/// Real servers that are nodes of a cluster: primaries, which share the slots, then as many replicas for each of them.
pub(super) struct Nodes {
    pub(super) servers: Vec<Server>,
    ids: Vec<String>,
    primaries: usize,
}

impl Nodes {
    /// Starts three primaries that have every write on their disks before they answer.
    pub(super) async fn start() -> Self {
        Self::with(3, 0, &["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// Starts nodes with these flags.
    pub(super) async fn with(primaries: usize, replicas: usize, flags: &[&str]) -> Self {
        Self::behind(primaries, replicas, flags, None).await
    }

    /// Starts nodes of which the first has a port, and tells clients another one.
    pub(super) async fn behind(primaries: usize, replicas: usize, flags: &[&str], wire: Option<(u16, u16)>) -> Self {
        let starts = (0..primaries * (1 + replicas)).map(|n| {
            let wire = wire.filter(|_| n == 0).map(|(port, told)| (port, told.to_string()));
            async move {
                let bus = free_port().to_string();
                let mut all =
                    vec!["--cluster-enabled", "yes", "--cluster-port", &bus, "--cluster-node-timeout", "2000"];
                all.extend(["--repl-diskless-sync-delay", "0", "--cluster-announce-ip", "127.0.0.1"]);
                if let Some((_, told)) = &wire {
                    all.extend(["--cluster-announce-port", told]);
                }
                all.extend(flags);
                let port = wire.as_ref().map_or_else(free_port, |(port, _)| *port);
                (Server::on(port, &all).await, bus)
            }
        });
        let (servers, buses): (Vec<Server>, Vec<String>) = future::join_all(starts).await.into_iter().unzip();
        let mut ids = Vec::new();
        for (n, server) in servers.iter().enumerate() {
            server.ask::<()>(&["CLUSTER", "SET-CONFIG-EPOCH", &(n + 1).to_string()]).await;
            ids.push(server.ask::<String>(&["CLUSTER", "MYID"]).await);
            if n < primaries {
                let (from, to) = (bound(n, primaries), bound(n + 1, primaries) - 1);
                server.ask::<()>(&["CLUSTER", "ADDSLOTSRANGE", &from.to_string(), &to.to_string()]).await;
            }
        }
        let [first, others @ ..] = servers.as_slice() else { panic!("no node") };
        for (other, bus) in others.iter().zip(&buses[1..]) {
            first.ask::<()>(&["CLUSTER", "MEET", "127.0.0.1", &other.port.to_string(), bus]).await;
        }
        let nodes = Self { ids, primaries, servers };
        nodes.agree(|info, all| info.contains(&format!("cluster_known_nodes:{all}\r"))).await;
        for (n, replica) in nodes.servers[primaries..].iter().enumerate() {
            replica.ask::<()>(&["CLUSTER", "REPLICATE", &nodes.ids[n % primaries]]).await;
        }
        nodes.agree(|info, _| info.contains("cluster_state:ok")).await;
        for primary in 0..primaries {
            nodes
                .until(primary, &["INFO", "replication"], |info| info.matches("state=online").count() == replicas)
                .await;
        }
        nodes
    }

    /// Waits until a node answers something.
    pub(super) async fn until(&self, node: usize, words: &[&str], fits: impl Fn(&str) -> bool) {
        self.servers[node].until(words, fits).await;
    }

    /// Lets a replica take over. Redis gives an attempt up after some seconds, without a word.
    pub(super) async fn fail_over(&self, replica: usize) {
        for _ in 0..10 {
            let _refused = self.servers[replica].try_ask::<()>(&["CLUSTER", "FAILOVER"]).await;
            for _ in 0..60 {
                let info: String = self.servers[replica].ask(&["INFO", "replication"]).await;
                if info.contains("role:master") {
                    return;
                }
                tokio::time::sleep(PATIENCE / 600).await;
            }
        }
        panic!("the replica {replica} does not take over");
    }

    async fn agree(&self, fits: impl Fn(&str, usize) -> bool) {
        for node in 0..self.servers.len() {
            self.until(node, &["CLUSTER", "INFO"], |info| fits(info, self.servers.len())).await;
        }
    }

    /// Settings that name one node; it names the others.
    pub(super) fn settings(&self, durability: Durability) -> RedisSettings {
        settings(&self.servers[self.primaries - 1], durability)
    }

    pub(super) async fn open(&self, durability: Durability) -> RedisStore {
        RedisStore::open(self.settings(durability)).await.unwrap()
    }

    /// The primary that has a slot at the start.
    pub(super) fn first_owner(&self, slot: u16) -> usize {
        (0..self.primaries).rfind(|n| bound(*n, self.primaries) <= usize::from(slot)).unwrap()
    }

    /// A session whose slot a primary has.
    pub(super) fn session_on(&self, primary: usize) -> NewSession {
        std::iter::repeat_with(new_session).find(|new| self.first_owner(slot(new.id.as_str())) == primary).unwrap()
    }

    /// Begins to move a slot.
    pub(super) async fn begin_to_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        self.servers[to].ask::<()>(&["CLUSTER", "SETSLOT", &slot, "IMPORTING", &self.ids[from]]).await;
        self.servers[from].ask::<()>(&["CLUSTER", "SETSLOT", &slot, "MIGRATING", &self.ids[to]]).await;
    }

    /// Moves a key of a slot that is being moved.
    pub(super) async fn move_key(&self, key: &str, from: usize, to: usize) {
        let port = self.servers[to].port.to_string();
        let answer: String = self.servers[from].ask(&["MIGRATE", "127.0.0.1", &port, key, "0", "10000"]).await;
        assert!(answer == "OK" || answer == "NOKEY", "{answer}");
    }

    /// Moves what is left of a slot, and the slot.
    pub(super) async fn finish_to_move(&self, slot: u16, from: usize, to: usize) {
        let slot = slot.to_string();
        loop {
            let keys: Vec<String> = self.servers[from].ask(&["CLUSTER", "GETKEYSINSLOT", &slot, "100"]).await;
            if keys.is_empty() {
                break;
            }
            for key in keys {
                self.move_key(&key, from, to).await;
            }
        }
        for server in [to, from] {
            self.servers[server].ask::<()>(&["CLUSTER", "SETSLOT", &slot, "NODE", &self.ids[to]]).await;
        }
    }

    /// Tells one node who serves a slot.
    pub(super) async fn tell(&self, node: usize, slot: u16, owner: usize) {
        self.servers[node].ask::<()>(&["CLUSTER", "SETSLOT", &slot.to_string(), "NODE", &self.ids[owner]]).await;
    }
}

/// The first slot of a primary.
fn bound(primary: usize, primaries: usize) -> usize {
    usize::from(SLOTS) * primary / primaries
}

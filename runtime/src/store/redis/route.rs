//! The way of a command to the server that has its key.
//!
//! A server alone has all keys. In a cluster the way is known, or a node tells it: it refuses a key that it does not serve,
//! having done nothing, and names the node that does. Only such refusals are followed; what may have been done is never
//! sent again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use redis::{Cmd, ErrorKind, FromRedisValue, RedisError, ServerErrorKind, Value};
use tokio::time;

use super::cluster::Cluster;
use super::keys::Keys;
use super::lines::Lines;
use super::link::{Link, Target};
use super::settling::Unsettled;
use super::slots::{Endpoint, slot};
use super::{RedisFault, RedisSettings};
use crate::store::{Lineage, StoreError};

/// Nodes that a command is sent to one after the other.
const HOPS: u32 = 16;
/// How long a command is held back while its keys are moved, or a cluster finds itself; and between two tries, doubled
/// from the first to the second.
const PATIENCE: Duration = Duration::from_secs(5);
const PAUSE: (Duration, Duration) = (Duration::from_millis(10), Duration::from_millis(200));

/// The servers.
pub(super) enum Servers {
    /// One, or the one that sentinels name.
    One(Arc<Link>),
    /// A cluster.
    Cluster(Cluster),
}

/// How a command has gone so far.
pub(super) struct Route<'a> {
    servers: &'a Servers,
    slot: u16,
    /// The node to which its key is being moved.
    moving_to: Option<Endpoint>,
    hops: u32,
    waited: Duration,
    pause: Duration,
}

/// A connection to the server of a key.
pub(super) struct Way {
    link: Arc<Link>,
    lines: Arc<Lines>,
    is_moving: bool,
}

impl Servers {
    /// Finds out what is at the address, and connects.
    pub(super) async fn open(settings: RedisSettings, keys: Keys) -> Result<Self, StoreError> {
        // For TLS; in vain, and harmless, where something else has chosen a provider already.
        let _ = rustls::crypto::ring::default_provider().install_default();
        if let Some(service) = settings.address.service().cloned() {
            return Ok(Self::One(Arc::new(Link::open(settings, keys, Target::Primary(Box::new(service))).await?)));
        }
        if let Some(cluster) = Cluster::find(&settings, &keys).await? {
            return Ok(Self::Cluster(cluster));
        }
        match settings.address.nodes() {
            [node] => {
                let target = Target::Server(node.clone());
                Ok(Self::One(Arc::new(Link::open(settings, keys, target).await?)))
            }
            _ => {
                Err(RedisFault::Address("it names several hosts, and they are no nodes of a cluster".to_owned()).into())
            }
        }
    }

    /// The way to a key.
    pub(super) fn route(&self, key: &str) -> Route<'_> {
        Route {
            servers: self,
            slot: if matches!(self, Self::Cluster(_)) { slot(key) } else { 0 },
            moving_to: None,
            hops: 0,
            waited: Duration::ZERO,
            pause: PAUSE.0,
        }
    }

    /// Sends a command that may be sent twice, and waits for its answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, key: &str, command: &Cmd) -> Result<T, StoreError> {
        let mut route = self.route(key);
        loop {
            let way = route.way().await?;
            match way.ask(command).await {
                Ok(answer) => return Ok(answer),
                Err(error) if route.follows(&way, &error).await => {}
                Err(error) => return Err(way.failed(&error, key).into()),
            }
        }
    }

    /// Sends a command that may be sent twice, and waits until it is as durable as asked.
    pub(super) async fn write(&self, key: &str, command: &Cmd) -> Result<(), StoreError> {
        let mut route = self.route(key);
        loop {
            let way = route.way().await?;
            let pending = way.lines().settler.begin();
            match way.ask::<()>(command).await {
                Ok(()) => {
                    way.lines().settler.settle().await.map_err(|unsettled| way.unsettled(&unsettled))?;
                    pending.done();
                    return Ok(());
                }
                Err(error) if route.follows(&way, &error).await => pending.done(),
                Err(error) => return Err(way.failed(&error, key).into()),
            }
        }
    }

    /// Reads what is told to clients: nothing of it may be lost any more.
    pub(super) async fn read(&self, key: &str, command: &Cmd) -> Result<Value, StoreError> {
        let mut route = self.route(key);
        loop {
            let way = route.way().await?;
            let doubts = way.lines().settler.doubts();
            match way.ask(command).await {
                Ok(answer) => {
                    way.vouch(doubts).await?;
                    return Ok(answer);
                }
                Err(error) if route.follows(&way, &error).await => {}
                Err(error) => return Err(way.failed(&error, key).into()),
            }
        }
    }

    /// The same for two keys of a slot, in this order and at once. `None` where they are being moved.
    pub(super) async fn read_both(
        &self,
        (key, command): (&str, &Cmd),
        (other_key, other): (&str, &Cmd),
    ) -> Result<Option<(Value, Value)>, StoreError> {
        let mut route = self.route(key);
        let way = route.way().await?;
        let doubts = way.lines().settler.doubts();
        let (one, two) = future::join(way.ask(command), way.ask(other)).await;
        let (error, key) = match (one, two) {
            (Ok(one), Ok(two)) => {
                way.vouch(doubts).await?;
                return Ok(Some((one, two)));
            }
            (Err(error), _) => (error, key),
            (Ok(_), Err(error)) => (error, other_key),
        };
        if route.follows(&way, &error).await { Ok(None) } else { Err(way.failed(&error, key).into()) }
    }

    /// Whether two keys may be on two servers: what is done to one may be lost without the other.
    pub(super) fn are_many(&self) -> bool {
        matches!(self, Self::Cluster(_))
    }

    /// Where what the server of a key holds comes from.
    pub(super) fn lineage(&self, key: &str) -> Result<Lineage, StoreError> {
        let lines = match self {
            Self::One(link) => link.now()?,
            Self::Cluster(cluster) => cluster.now(slot(key))?,
        };
        Ok(lines.lineage().clone())
    }

    /// What is known to be wrong.
    pub(super) fn healthy(&self) -> Result<(), StoreError> {
        match self {
            Self::One(link) => link.healthy(),
            Self::Cluster(cluster) => cluster.healthy(),
        }
    }

    /// What is known to be wrong with the server of a key.
    pub(super) fn serves(&self, key: &str) -> Result<(), StoreError> {
        match self {
            Self::One(link) => link.healthy(),
            Self::Cluster(cluster) => cluster.serves(slot(key)),
        }
    }

    /// Ends the connections.
    pub(super) async fn close(&self) {
        match self {
            Self::One(link) => link.close().await,
            Self::Cluster(cluster) => cluster.close().await,
        }
    }
}

impl Route<'_> {
    /// The next server to ask.
    pub(super) async fn way(&mut self) -> Result<Way, StoreError> {
        match self.servers {
            Servers::One(link) => Ok(Way { lines: link.lines().await?, link: link.clone(), is_moving: false }),
            Servers::Cluster(cluster) => {
                let node = self.moving_to.take();
                let is_moving = node.is_some();
                let (link, lines) = match node {
                    Some(node) => {
                        let link = cluster.link(&node);
                        let lines = link.lines().await?;
                        (link, lines)
                    }
                    None => cluster.lines(self.slot).await?,
                };
                Ok(Way { link, lines, is_moving })
            }
        }
    }

    /// Whether an error says to ask again, perhaps elsewhere. Where it does, nothing was done. Waits as long as it takes.
    pub(super) async fn follows(&mut self, way: &Way, error: &RedisError) -> bool {
        let Servers::Cluster(cluster) = self.servers else { return false };
        let ErrorKind::Server(kind) = error.kind() else { return false };
        let named =
            error.redirect_node().and_then(|(node, slot)| Some((Endpoint::parse(node, way.link.node()?)?, slot)));
        match (kind, named) {
            (ServerErrorKind::Moved, Some((node, slot))) => cluster.moved(slot, node),
            (ServerErrorKind::Ask, Some((node, _))) => self.moving_to = Some(node),
            (ServerErrorKind::TryAgain, _) => return self.waits().await,
            (ServerErrorKind::ClusterDown, _) => {
                cluster.look_again();
                return self.waits().await;
            }
            _ => return false,
        }
        self.hops = self.hops.saturating_add(1);
        // Two that send it to each other may be about to agree.
        self.hops <= HOPS && (self.hops < 4 || self.waits().await)
    }

    async fn waits(&mut self) -> bool {
        if self.waited >= PATIENCE {
            return false;
        }
        time::sleep(self.pause).await;
        self.waited = self.waited.saturating_add(self.pause);
        self.pause = self.pause.saturating_mul(2).min(PAUSE.1);
        true
    }
}

impl Way {
    /// The connection.
    pub(super) fn lines(&self) -> &Lines {
        &self.lines
    }

    async fn vouch(&self, doubts: u64) -> Result<(), RedisFault> {
        self.lines.settler.vouch(doubts).await.map_err(|unsettled| self.unsettled(&unsettled))
    }

    /// Sends a command and waits for its answer.
    pub(super) async fn ask<T: FromRedisValue>(&self, command: &Cmd) -> Result<T, RedisError> {
        if self.is_moving { self.lines.ask_moving(command).await } else { self.lines.ask(command).await }
    }

    /// What a failed command on a key means, for its caller and for the connection.
    pub(super) fn failed(&self, error: &RedisError, key: &str) -> RedisFault {
        self.link.failed(&self.lines, error, key)
    }

    /// What it means that something is not known to be durable.
    pub(super) fn unsettled(&self, unsettled: &Unsettled) -> RedisFault {
        self.link.unsettled(&self.lines, unsettled)
    }
}

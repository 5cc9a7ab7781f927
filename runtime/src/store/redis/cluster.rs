//! A cluster: a link to each node, and who serves what.
//!
//! Why not the client's own: it sends a command again whose answer was lost, and may do so at another node. Here each node
//! has a [`Link`], with all that it promises, so an answer that gets lost is decided before its session is read again:
//!
//! - **The same node serves the session still**: its link has had the old connection closed before it serves anybody.
//! - **A replica took over**: what had reached it by then is there to be read; what comes to the old primary later is
//!   refused, or forgotten when that one follows the new.
//! - **The slot was moved**: the node that had it refuses what comes later, since it has the session's keys no more.
//!
//! The map of slots is asked for at the start, every ten seconds, whenever a node refuses or cannot be reached; the answer of
//! the node with the newest epoch counts. In between, a node that refuses a key corrects it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use parking_lot::Mutex;
use redis::aio::MultiplexedConnection;
use redis::{RedisError, Value};
use tokio::sync::{Notify, watch};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::keys::Keys;
use super::lines::Lines;
use super::link::{Link, Target, dial};
use super::slots::{Endpoint, SlotMap};
use super::{RedisFault, RedisSettings};
use crate::store::StoreError;

/// How often the map is asked for when nothing calls for it; and at most.
const REFRESH: (Duration, Duration) = (Duration::from_secs(10), Duration::from_millis(200));
/// How long a call waits for the node of its key. It has sent nothing yet.
const REACH: Duration = Duration::from_secs(2);
/// How long nodes may take to tell their map.
const TELLING: Duration = Duration::from_secs(3);
/// How long a start waits for a cluster that finds itself.
const FORMING: Duration = Duration::from_secs(60);

/// A cluster. Its task ends with [`close`](Self::close).
pub(super) struct Cluster {
    shared: Arc<Shared>,
    task: TaskTracker,
}

struct Shared {
    settings: RedisSettings,
    keys: Keys,
    map: watch::Sender<Arc<SlotMap>>,
    links: Mutex<HashMap<Endpoint, Arc<Link>>>,
    again: Notify,
    stop: CancellationToken,
}

/// What a node says of the cluster.
struct View {
    is_up: bool,
    epoch: u64,
    map: SlotMap,
}

impl Cluster {
    /// Connects to all nodes of the cluster at an address; `None` when what is there is none.
    pub(super) async fn find(settings: &RedisSettings, keys: &Keys) -> Result<Option<Self>, StoreError> {
        let Some(view) = first_view(settings).await? else { return Ok(None) };
        if settings.address.database() != 0 {
            return Err(RedisFault::Address("a Redis Cluster has no database but 0".to_owned()).into());
        }
        let shared = Arc::new(Shared {
            settings: settings.clone(),
            keys: keys.clone(),
            map: watch::Sender::new(Arc::new(view)),
            links: Mutex::new(HashMap::new()),
            again: Notify::new(),
            stop: CancellationToken::new(),
        });
        let waiting = time::timeout(FORMING, shared.forms());
        waiting.await.unwrap_or_else(|_| shared.is_covered())?;
        shared.connect().await?;
        let task = TaskTracker::new();
        task.spawn(shared.clone().keep());
        task.close();
        Ok(Some(Self { shared, task }))
    }

    /// The connection to the node of a slot. Where it is being looked for, it is waited for, two seconds at most.
    pub(super) async fn lines(&self, slot: u16) -> Result<(Arc<Link>, Arc<Lines>), StoreError> {
        let mut map = self.shared.map.subscribe();
        let found = time::timeout(REACH, async {
            loop {
                let owner = map.borrow_and_update().owner(slot).map(|node| self.shared.link(node));
                let Some(link) = owner else {
                    let _ = map.changed().await;
                    continue;
                };
                tokio::select! {
                    () = link.settled() => return link,
                    _ = map.changed() => {}
                }
            }
        });
        let owner = || self.shared.map().owner(slot).map(|node| self.shared.link(node));
        let link = found.await.ok().or_else(owner).ok_or_else(|| self.shared.uncovered(slot))?;
        let lines = link.now().inspect_err(|_| self.look_again())?;
        Ok((link, lines))
    }

    /// The connection to the node of a slot, if there is one now.
    pub(super) fn now(&self, slot: u16) -> Result<Arc<Lines>, StoreError> {
        let map = self.shared.map();
        let owner = map.owner(slot).ok_or_else(|| self.shared.uncovered(slot))?;
        self.shared.link(owner).now()
    }

    /// The link to a node.
    pub(super) fn link(&self, node: &Endpoint) -> Arc<Link> {
        self.shared.link(node)
    }

    /// Notes that a node said who serves a slot.
    pub(super) fn moved(&self, slot: u16, node: Endpoint) {
        if self.shared.map().owner(slot) != Some(&node) {
            self.shared.map.send_modify(|map| Arc::make_mut(map).moved(slot, node));
        }
        self.look_again();
    }

    /// Has the map asked for.
    pub(super) fn look_again(&self) {
        self.shared.again.notify_one();
    }

    /// What is known to be wrong: with any node that serves slots, or with a slot that none serves.
    pub(super) fn healthy(&self) -> Result<(), StoreError> {
        let map = self.shared.map();
        self.shared.is_covered()?;
        map.owners().try_for_each(|node| self.shared.link(node).healthy())
    }

    /// What is known to be wrong with the node of a slot.
    pub(super) fn serves(&self, slot: u16) -> Result<(), StoreError> {
        let map = self.shared.map();
        let owner = map.owner(slot).ok_or_else(|| self.shared.uncovered(slot))?;
        self.shared.link(owner).healthy()
    }

    /// Ends the connections.
    pub(super) async fn close(&self) {
        self.shared.stop.cancel();
        self.task.wait().await;
        let links: Vec<Arc<Link>> = self.shared.links.lock().values().cloned().collect();
        future::join_all(links.iter().map(|link| link.close())).await;
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Shared {
    fn map(&self) -> Arc<SlotMap> {
        self.map.borrow().clone()
    }

    fn link(&self, node: &Endpoint) -> Arc<Link> {
        let mut links = self.links.lock();
        let link = links.entry(node.clone()).or_insert_with(|| {
            let target = Target::Member(node.clone(), self.map.subscribe());
            Arc::new(Link::begin(self.settings.clone(), self.keys.clone(), target))
        });
        link.clone()
    }

    fn uncovered(&self, slot: u16) -> RedisFault {
        let server = self.settings.address.name().to_owned();
        RedisFault::ClusterDown { server, detail: format!("no node serves slot {slot}") }
    }

    fn is_covered(&self) -> Result<(), StoreError> {
        self.map().uncovered().map_or(Ok(()), |slot| Err(self.uncovered(slot).into()))
    }

    /// Connects to all nodes that serve slots. One that is away is looked for further on: what the others have is served
    /// meanwhile. One that is there must fit.
    async fn connect(&self) -> Result<(), StoreError> {
        let (mut reached, mut missed) = (false, None);
        for node in self.map().owners() {
            let target = Target::Member(node.clone(), self.map.subscribe());
            match Link::open(self.settings.clone(), self.keys.clone(), target).await {
                Ok(link) => {
                    reached = true;
                    self.links.lock().insert(node.clone(), Arc::new(link));
                }
                Err(StoreError::Redis(fault @ RedisFault::Unreachable { .. })) => {
                    tracing::warn!(%fault, "a node of the Redis Cluster is away; its sessions cannot be served yet");
                    missed = Some(fault);
                    self.link(node);
                }
                Err(error) => return Err(error),
            }
        }
        missed.filter(|_| !reached).map_or(Ok(()), |fault| Err(fault.into()))
    }

    /// Waits until every slot has a node.
    async fn forms(&self) -> Result<(), StoreError> {
        while self.is_covered().is_err() {
            tracing::info!(
                cluster = self.settings.address.name(),
                "some slots of the Redis Cluster have no node; waiting"
            );
            time::sleep(REFRESH.1).await;
            self.refresh().await;
        }
        Ok(())
    }

    /// Looks after the map until the store is closed.
    async fn keep(self: Arc<Self>) {
        let stop = self.stop.clone();
        let _ = stop.run_until_cancelled(self.look_after()).await;
    }

    async fn look_after(&self) {
        let (seldom, often) = REFRESH;
        loop {
            let ails = self.map().owners().any(|node| self.link(node).now().is_err());
            let pause = if ails { often } else { seldom };
            let _ = time::timeout(pause, self.again.notified()).await;
            self.refresh().await;
            time::sleep(often).await;
        }
    }

    /// Asks all nodes for the map. The one with the newest epoch counts.
    async fn refresh(&self) {
        let links: Vec<(Endpoint, Arc<Link>)> =
            self.links.lock().iter().map(|(node, link)| (node.clone(), link.clone())).collect();
        let told =
            links.iter().filter_map(|(node, link)| Some((node, link.now().ok()?))).map(|(node, lines)| async move {
                let told = time::timeout(TELLING, View::of(&mut lines.connection(), node)).await;
                told.ok()?.ok()?
            });
        let mut views: Vec<View> = future::join_all(told).await.into_iter().flatten().collect();
        if views.is_empty() {
            views.extend(self.ask_others().await);
        }
        let Some(newest) = views.into_iter().max_by_key(|view| (view.is_up, view.epoch)) else { return };
        let map = Arc::new(newest.map);
        if map == self.map() {
            return;
        }
        tracing::info!(
            cluster = self.settings.address.name(),
            nodes = map.owners().count(),
            "the Redis Cluster has changed"
        );
        self.map.send_replace(map.clone());
        // What a node has left open is closed when it serves again: its link begins anew then.
        let owners: Vec<&Endpoint> = map.owners().collect();
        self.links.lock().retain(|node, link| owners.contains(&node) || link.now().is_ok());
    }

    /// Asks nodes that there is no connection to: replicas, and those that the settings name.
    async fn ask_others(&self) -> Option<View> {
        let map = self.map();
        for node in map.replicas().iter().chain(self.settings.address.nodes()) {
            if let Ok(Some(view)) = view_at(&self.settings, node).await {
                return Some(view);
            }
        }
        None
    }
}

/// The map of the first node at an address that answers; `None` when it is none of a cluster.
async fn first_view(settings: &RedisSettings) -> Result<Option<SlotMap>, StoreError> {
    let mut failure = RedisFault::Address("it names no host".to_owned());
    for node in settings.address.nodes() {
        match view_at(settings, node).await {
            Ok(view) => return Ok(view.map(|view| view.map)),
            Err(fault) => failure = fault,
        }
    }
    Err(failure.into())
}

async fn view_at(settings: &RedisSettings, node: &Endpoint) -> Result<Option<View>, RedisFault> {
    let name = settings.address.name_of(node);
    let client = settings.address.client_of_any(node)?;
    let mut connection = dial(&client, &name, settings.address.secrets()).await?;
    let failed = |error: RedisError| RedisFault::of(&error, &name, settings.address.secrets(), "");
    View::of(&mut connection, node).await.map_err(failed)
}

impl View {
    /// What a node says; `None` when it is none of a cluster.
    async fn of(connection: &mut MultiplexedConnection, node: &Endpoint) -> Result<Option<Self>, RedisError> {
        let server: String = redis::cmd("INFO").arg("server").query_async(connection).await?;
        if !server.lines().any(|line| line.trim_end() == "redis_mode:cluster") {
            return Ok(None);
        }
        let info: String = redis::cmd("CLUSTER").arg("INFO").query_async(connection).await?;
        let field = |key: &str| info.lines().find_map(|line| line.trim_end().strip_prefix(key)?.strip_prefix(':'));
        let slots: Value = redis::cmd("CLUSTER").arg("SLOTS").query_async(connection).await?;
        let map = SlotMap::read(&slots, node);
        let unread =
            || RedisError::from((redis::ErrorKind::UnexpectedReturnType, "the answer to CLUSTER SLOTS cannot be read"));
        Ok(Some(Self {
            is_up: field("cluster_state") == Some("ok"),
            epoch: field("cluster_current_epoch").and_then(|epoch| epoch.parse().ok()).unwrap_or(0),
            map: map.ok_or_else(unread)?,
        }))
    }
}

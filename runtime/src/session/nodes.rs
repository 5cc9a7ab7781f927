//! One of several processes on a store: its lease, what others tell it, and the sessions that nobody serves any more.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use rolecall_wire::close;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::error::SessionError;
use super::event::Command;
use super::places::{Attempt, Found};
use super::registry::Deps;
use crate::clock;
use crate::ids::SessionId;
use crate::store::{Interrupted, Lease, Node, Nodes, Ring, StoreError};

/// How often this process listens for what others tell it.
const LISTEN: Duration = Duration::from_millis(50);
/// Things heard that are seen to at once; others wait.
const HEARD: usize = 1_024;
/// Sessions looked at or taken over at once.
const AT_ONCE: usize = 64;
/// How often a process that hands its sessions over looks whether all have gone.
const GONE: Duration = Duration::from_millis(50);
/// Sessions whose unfinished reply cannot go on, and which are not tried again.
const HOPELESS: usize = 10_000;

/// What a process knows of itself among others.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Since when it has had its lease without a gap, ms of the process's clock.
    held_since_ms: Mutex<Option<u64>>,
    hopeless: Mutex<HashSet<SessionId>>,
}

impl Deps {
    /// Takes part: from here on others know that this process lives, and ask it before they take its sessions.
    pub(super) async fn join(&self) -> Result<(), StoreError> {
        let Some(nodes) = self.store.nodes() else { return Ok(()) };
        nodes.renew(true).await?;
        *self.standing.held_since_ms.lock() = Some(clock::monotonic_ms());
        Ok(())
    }

    /// Starts what a process does that is one of several, until it stops.
    pub(super) fn take_part(self: &Arc<Self>) {
        if self.store.nodes().is_none() {
            return;
        }
        let (listening, leasing) = (Arc::clone(self), Arc::clone(self));
        self.shutdown.spawn(async move {
            let stop = listening.stop.clone();
            let _ = stop.run_until_cancelled(Box::pin(listening.listen())).await;
        });
        self.shutdown.spawn(async move {
            let stop = leasing.stop.clone();
            let _ = stop.run_until_cancelled(Box::pin(leasing.live())).await;
        });
    }

    /// Hears what others say.
    async fn listen(self: &Arc<Self>) {
        let Some(nodes) = self.store.nodes() else { return };
        let places = Arc::new(Semaphore::new(HEARD));
        loop {
            sleep(LISTEN).await;
            // A store that does not answer is told of by others.
            for ring in nodes.rings().await.unwrap_or_default() {
                let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
                let (deps, stop) = (Arc::clone(self), self.stop.clone());
                // Each by itself: one session that takes its time keeps no other waiting.
                self.shutdown.spawn(async move {
                    let _ = stop.run_until_cancelled(Box::pin(deps.heard(ring))).await;
                    drop(place);
                });
            }
        }
    }

    async fn heard(self: &Arc<Self>, ring: Ring) {
        match ring {
            Ring::Posted(id, urgent) => self.hand_over(&id, Command::Posted(urgent)).await,
            Ring::Release(id, instance, attempt) => self.let_go(&id, Attempt { instance, attempt }).await,
            Ring::Taken(id) => self.look_at(&id).await,
            Ring::Everything => self.look_at_everything().await,
        }
    }

    /// A connection of a session came to another process.
    async fn let_go(self: &Arc<Self>, id: &SessionId, to: Attempt) {
        let found = self.places.lock().find(id);
        match found {
            Found::Awake(mailbox) => drop(mailbox.send(Command::Release(to)).await),
            Found::Asleep(_) => {
                let stays = |latest: Option<Attempt>| latest.is_some_and(|latest| to.is_before(latest));
                let asleep = self.places.lock().take_asleep(id, |_, asleep| !stays(asleep.latest));
                let Some(asleep) = asleep else { return };
                let fence = asleep.outbox.fence();
                let (code, reason) = to.farewell(asleep.latest);
                asleep.let_go(&self.metrics, code, reason);
                self.release(id, fence).await;
            }
            Found::Nowhere => {}
        }
    }

    /// Looks whether a session is this process's still, and whether messages wait for it.
    async fn look_at(self: &Arc<Self>, id: &SessionId) {
        let found = self.places.lock().find(id);
        match found {
            Found::Awake(mailbox) => drop(mailbox.send(Command::Look).await),
            Found::Asleep(_) => {
                let row = match self.store.session(id).await {
                    Ok(Some(row)) => row,
                    Ok(None) => return self.is_gone(id).await,
                    Err(_) => return,
                };
                let asleep = self.places.lock().take_asleep(id, |_, asleep| !asleep.is_of(&row));
                if let Some(asleep) = asleep {
                    asleep.let_go(&self.metrics, close::HANDOVER, "another server has the session now");
                } else if self.store.inbox(id, clock::unix_ms(), 1).await.is_ok_and(|waiting| !waiting.is_empty()) {
                    self.hand_over(id, Command::Posted(false)).await;
                }
            }
            Found::Nowhere => {}
        }
    }

    /// After a time in which others may have taken this process for dead, or what it was told was lost.
    async fn look_at_everything(self: &Arc<Self>) {
        let ids = self.places.lock().ids();
        tracing::info!(sessions = ids.len(), "looking which sessions are this server's still");
        stream::iter(ids).for_each_concurrent(AT_ONCE, |id| async move { self.look_at(&id).await }).await;
    }

    /// Renews the lease, and looks for sessions that nobody serves any more.
    async fn live(self: &Arc<Self>) {
        let Some(nodes) = self.store.nodes() else { return };
        let pause = nodes.lease().checked_div(3).unwrap_or_default();
        let mut renewals = 0u32;
        loop {
            sleep(pause).await;
            self.renew(nodes).await;
            renewals = renewals.wrapping_add(1);
            if renewals.is_multiple_of(3) {
                self.sweep().await.unwrap_or_else(|error| {
                    tracing::debug!(%error, "cannot look for unfinished replies now");
                    0
                });
            }
        }
    }

    async fn renew(self: &Arc<Self>, nodes: &dyn Nodes) {
        match nodes.renew(false).await {
            Ok(Lease::Held) => {
                self.standing.held_since_ms.lock().get_or_insert_with(clock::monotonic_ms);
            }
            Ok(Lease::Lapsed) => {
                *self.standing.held_since_ms.lock() = Some(clock::monotonic_ms());
                tracing::warn!("this server's lease had lapsed; others may have taken its sessions");
                let deps = Arc::clone(self);
                self.shutdown.spawn(async move {
                    let stop = deps.stop.clone();
                    let _ = stop.run_until_cancelled(Box::pin(deps.look_at_everything())).await;
                });
            }
            Ok(Lease::Foreign(other)) => {
                *self.standing.held_since_ms.lock() = None;
                let node = self.store.node();
                tracing::error!(
                    name = node.name(),
                    other,
                    "another running server has this node-id, and takes this one's sessions; give each its own"
                );
            }
            Err(error) => tracing::debug!(%error, "the lease cannot be renewed now"),
        }
    }

    /// Sends all clients to other processes, one after the other over so long, and waits until they have gone or that time
    /// is over. Each is served until it goes; nobody new is let in.
    pub(super) async fn hand_all_over(&self, over: Duration) {
        if self.store.nodes().is_none() || self.stop.is_cancelled() || over.is_zero() {
            return;
        }
        self.leaving.store(true, Ordering::SeqCst);
        let ids = self.places.lock().ids();
        tracing::info!(sessions = ids.len(), ?over, "handing sessions over to the other servers");
        let slots = u32::try_from(ids.len()).unwrap_or(u32::MAX).max(1);
        let slot = over.checked_div(slots).unwrap_or_default();
        for (nth, id) in (0u32..).zip(ids) {
            let after_ms = u32::try_from(slot.saturating_mul(nth).as_millis()).unwrap_or(u32::MAX);
            let found = self.places.lock().find(&id);
            match found {
                Found::Awake(mailbox) => drop(mailbox.try_send(Command::Leave(after_ms))),
                Found::Asleep(_) => self.places.lock().tell_asleep(&id, after_ms),
                Found::Nowhere => {}
            }
        }
        let began_ms = clock::monotonic_ms();
        let over_ms = u64::try_from(over.as_millis()).unwrap_or(u64::MAX);
        while self.attached.load(Ordering::SeqCst) > 0 && clock::monotonic_ms().saturating_sub(began_ms) < over_ms {
            sleep(GONE).await;
        }
    }

    /// Goes on with unfinished replies that nobody makes. Says with how many.
    pub(super) async fn sweep(self: &Arc<Self>) -> Result<usize, StoreError> {
        let mut living: HashMap<Node, bool> = HashMap::new();
        let mut abandoned = Vec::new();
        for interrupted in self.store.interrupted().await? {
            if self.is_abandoned(&interrupted, &mut living).await? {
                abandoned.push(interrupted);
            }
        }
        let adopted = stream::iter(abandoned).map(|interrupted| self.adopt(interrupted)).buffer_unordered(AT_ONCE);
        Ok(adopted.filter(|adopted| std::future::ready(*adopted)).count().await)
    }

    /// Whether nobody sees to an unfinished reply.
    async fn is_abandoned(
        &self,
        interrupted: &Interrupted,
        living: &mut HashMap<Node, bool>,
    ) -> Result<bool, StoreError> {
        let here = !matches!(self.places.lock().find(&interrupted.id), Found::Nowhere);
        if here || self.standing.hopeless.lock().contains(&interrupted.id) {
            return Ok(false);
        }
        let (Some(owner), Some(nodes)) = (&interrupted.owner, self.store.nodes()) else { return Ok(true) };
        let node = self.store.node();
        // What an earlier process of this node has: two of them would have one lease, and it is this one's.
        let predecessor = owner.name() == node.name() && self.standing.held_since_ms.lock().is_some();
        if owner == node || predecessor {
            return Ok(true);
        }
        if !self.may_judge(nodes) {
            return Ok(false);
        }
        if !living.contains_key(owner) {
            living.insert(owner.clone(), nodes.lives(owner).await?);
        }
        Ok(!living.get(owner).copied().unwrap_or_default())
    }

    /// Whether it says something about another process that it has no lease. Where this one's had lapsed too, the store was
    /// away, and the others may renew theirs a moment later.
    fn may_judge(&self, nodes: &dyn Nodes) -> bool {
        let since_ms = *self.standing.held_since_ms.lock();
        let lease_ms = u64::try_from(nodes.lease().as_millis()).unwrap_or(u64::MAX);
        since_ms.is_some_and(|since| clock::monotonic_ms().saturating_sub(since) >= lease_ms)
    }

    /// Takes a session over whose owner is gone, unless another process is quicker.
    async fn adopt(self: &Arc<Self>, interrupted: Interrupted) -> bool {
        let Interrupted { id, owner } = interrupted;
        match self.adopted(&id, owner.as_ref()).await {
            Ok(()) => return true,
            Err(SessionError::Store(StoreError::Owned { .. }) | SessionError::ShuttingDown) => {}
            Err(error) => {
                tracing::error!(session = %id, %error, "an unfinished reply cannot go on");
                let mut hopeless = self.standing.hopeless.lock();
                if matches!(error, SessionError::Store(StoreError::Corrupt { .. })) && hopeless.len() < HOPELESS {
                    hopeless.insert(id);
                }
            }
        }
        false
    }
}

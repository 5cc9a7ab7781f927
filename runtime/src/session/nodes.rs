//! One of several processes on a store: its lease, what others tell it, and the sessions that nobody serves any more.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use tokio::sync::Semaphore;
use tokio::time::sleep;

use super::error::SessionError;
use super::event::Command;
use super::looks::Looks;
use super::places::{Attempt, Found};
use super::registry::Deps;
use crate::clock;
use crate::ids::SessionId;
use crate::store::jobs::JobClaim;
use crate::store::{HEARD_AT_ONCE, Interrupted, Lease, Node, Nodes, Ring, StoreError};

/// How often this process listens for what others tell it.
const LISTEN: Duration = Duration::from_millis(50);
/// Things heard that are seen to at once; others wait.
const HEARD: usize = 1_024;
/// Sessions taken over at once.
const AT_ONCE: usize = 64;
/// How often a process that hands its sessions over looks whether all have gone.
const GONE: Duration = Duration::from_millis(50);
/// The longest time between two sessions that are handed over: a few need not wait for each other.
const SLOT: Duration = Duration::from_millis(100);
/// Sessions whose unfinished reply cannot go on, and which are not tried again.
const HOPELESS: usize = 10_000;

/// What a process knows of itself among others.
#[derive(Debug, Default)]
pub(super) struct Standing {
    /// Since when it has had its lease without a gap, ms of the process's clock.
    held_since_ms: Mutex<Option<u64>>,
    pub(super) looks: Looks,
    hopeless: Mutex<HashSet<SessionId>>,
}

impl Deps {
    /// Takes part: from here on others know that this process lives, and ask it before they take its sessions.
    pub(super) async fn join(&self) -> Result<(), StoreError> {
        let Some(nodes) = self.store.nodes() else { return Ok(()) };
        match nodes.renew(true).await {
            Ok(lease) => {
                *self.standing.held_since_ms.lock() = Some(clock::monotonic_ms());
                if let Lease::Taken(other) = lease {
                    let name = self.store.node().name();
                    tracing::warn!(
                        name,
                        other,
                        "another process has had this node-id until now; unless it was killed, it runs, and each needs its own"
                    );
                }
            }
            // The node of a cluster that keeps the lease is away: it is renewed when that one is back.
            Err(error) if self.store.healthy().is_err() => tracing::warn!(%error, "this server has no lease yet"),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Starts what a process does that is one of several, until it stops.
    pub(super) fn take_part(self: &Arc<Self>) {
        if self.store.nodes().is_none() {
            return;
        }
        let (listening, looking, leasing) = (Arc::clone(self), Arc::clone(self), Arc::clone(self));
        self.shutdown.spawn(async move {
            let stop = listening.stop.clone();
            let _ = stop.run_until_cancelled(Box::pin(listening.listen())).await;
        });
        self.shutdown.spawn(async move {
            let stop = looking.stop.clone();
            let _ = stop.run_until_cancelled(Box::pin(looking.keep_looking())).await;
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
        let (mut deaf, mut more) = (false, false);
        loop {
            // Only what there is to hear decides how much is heard: a full batch has others behind it.
            if !more {
                sleep(LISTEN).await;
            }
            let rings = match nodes.rings().await {
                Ok(rings) => rings,
                Err(error) => {
                    if !std::mem::replace(&mut deaf, true) {
                        tracing::warn!(%error, "cannot hear what other servers say; every session is looked at when that is over");
                    }
                    more = false;
                    continue;
                }
            };
            // What an answer had that never came is gone, and nobody says it again.
            if std::mem::take(&mut deaf) {
                self.standing.looks.all();
            }
            more = rings.len() >= HEARD_AT_ONCE;
            for ring in rings {
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
            Ring::Cancel(id, turn) => self.hand_over(&id, Command::Cancel(turn)).await,
            Ring::Job(session, id, token) => self.jobs.take(JobClaim { session, id, token }),
            Ring::Everything => self.standing.looks.all(),
        }
    }

    /// A connection of a session came to another process.
    async fn let_go(self: &Arc<Self>, id: &SessionId, to: Attempt) {
        loop {
            let found = self.places.lock().find(id);
            match found {
                Found::Awake(mailbox) => {
                    // Otherwise it fell asleep, or ended, just then.
                    if mailbox.send(Command::Release(to)).await.is_ok() {
                        return;
                    }
                }
                Found::Asleep(nap) => {
                    let mut stays = false;
                    let asleep = self.places.lock().take_asleep(id, |_, asleep| {
                        stays = asleep.latest.is_some_and(|latest| to.is_before(latest));
                        !stays
                    });
                    if let Some(asleep) = asleep {
                        let fence = asleep.outbox.fence();
                        let (code, reason) = to.farewell(asleep.latest);
                        asleep.let_go(&self.metrics, code, reason);
                        return self.release(id, fence).await;
                    }
                    if stays {
                        // It writes down that it stays. Where it cannot, whoever asks does not learn of it.
                        match self.woken(id, nap).await {
                            Ok(Some(mailbox)) if mailbox.send(Command::Release(to)).await.is_ok() => return,
                            Ok(_) => {}
                            Err(error) => {
                                return tracing::debug!(session = %id, %error, "a late attempt is told nothing");
                            }
                        }
                    }
                }
                Found::Nowhere => {
                    if self.give_back(id).await {
                        return;
                    }
                }
            }
        }
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
            Ok(Lease::Lapsed | Lease::Taken(_)) => {
                *self.standing.held_since_ms.lock() = Some(clock::monotonic_ms());
                tracing::warn!("this server's lease had lapsed; others may have taken its sessions");
                self.standing.looks.all();
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
            Err(error) => return tracing::debug!(%error, "the lease cannot be renewed now"),
        }
        self.standing.looks.store_answers();
    }

    /// Sends all clients to other processes, one after the other over so long, and waits until they have gone or that time
    /// is over. Each is served until it goes; nobody new is let in.
    pub(super) async fn hand_all_over(&self, over: Duration) {
        if self.store.nodes().is_none() || self.stop.is_cancelled() || over.is_zero() {
            return;
        }
        self.leaving.store(true, Ordering::SeqCst);
        let ids = self.places.lock().ids();
        let slot = slot(over, ids.len());
        tracing::info!(sessions = ids.len(), ?over, ?slot, "handing sessions over to the other servers");
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
            if self.is_abandoned(&interrupted, &mut living).await {
                abandoned.push(interrupted);
            }
        }
        let adopted = stream::iter(abandoned).map(|interrupted| self.adopt(interrupted)).buffer_unordered(AT_ONCE);
        Ok(adopted.filter(|adopted| std::future::ready(*adopted)).count().await)
    }

    /// Whether nobody sees to an unfinished reply.
    async fn is_abandoned(&self, interrupted: &Interrupted, living: &mut HashMap<Node, bool>) -> bool {
        let here = !matches!(self.places.lock().find(&interrupted.id), Found::Nowhere);
        if here || self.standing.hopeless.lock().contains(&interrupted.id) {
            return false;
        }
        let (Some(owner), Some(nodes)) = (&interrupted.owner, self.store.nodes()) else { return true };
        if owner == self.store.node() || self.is_predecessor(owner) {
            return true;
        }
        if !self.may_judge(nodes) {
            return false;
        }
        if !living.contains_key(owner) {
            let lives = nodes.lives(owner).await.unwrap_or_else(|error| {
                tracing::debug!(%owner, %error, "whether a server lives cannot be told now");
                true
            });
            living.insert(owner.clone(), lives);
        }
        !living.get(owner).copied().unwrap_or_default()
    }

    /// Whether it is an earlier process of this node: two of them would have one lease, and it is this one's.
    pub(super) fn is_predecessor(&self, owner: &Node) -> bool {
        owner.name() == self.store.node().name() && self.standing.held_since_ms.lock().is_some()
    }

    /// Whether it says something about another process that it has no lease. Where this one's had lapsed too, the store was
    /// away, and the others may renew theirs a moment later.
    pub(super) fn may_judge(&self, nodes: &dyn Nodes) -> bool {
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
                if error.is_lasting() && hopeless.len() < HOPELESS {
                    hopeless.insert(id);
                }
            }
        }
        false
    }
}

/// The time between two of so many sessions that are handed over. The last tenth of the time is left to those whose
/// clients are slow to go: whom the end finds there is told to come back within seconds, not at once.
fn slot(over: Duration, sessions: usize) -> Duration {
    let sessions = u32::try_from(sessions).unwrap_or(u32::MAX).max(1);
    let planned = over.saturating_sub(over.checked_div(10).unwrap_or_default());
    planned.checked_div(sessions).unwrap_or_default().min(SLOT)
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when the last client's time is at the end of all, where the server does not wait for it any more; when a few
    // clients hold a restart up for as long as many; or when nobody is divided by.
    #[test]
    fn clients_leave_within_the_time_and_a_few_at_once() {
        let over = Duration::from_secs(15);
        assert_eq!(slot(over, 2_700), Duration::from_millis(5));
        for many in [200, 2_500, 1_000_000] {
            assert!(slot(over, many) * u32::try_from(many).unwrap() <= Duration::from_millis(13_500), "{many}");
        }
        assert!([0, 1, 10, 100].into_iter().all(|few| slot(over, few) == SLOT));
        assert_eq!(slot(Duration::from_secs(1), 10), Duration::from_millis(90));
    }
}

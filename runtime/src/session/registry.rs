//! What sessions share, and how they come into memory and leave it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};

use parking_lot::Mutex;
use rolecall_wire::close;
use tokio::sync::mpsc::error::SendError;
use tokio::sync::{Semaphore, mpsc};
use tokio_util::sync::CancellationToken;

use super::actor::Actor;
use super::error::SessionError;
use super::event::Command;
use super::jobs::Handed;
use super::nodes::Standing;
use super::ownership::{Loads, Owned, Visitor};
use super::places::{Asleep, Found, Nap, Places};
use super::releases::Releases;
use super::saved::Saved;
use super::state::ConnectionId;
use super::turn::Turns;
use crate::contracts::Contracts;
use crate::ids::SessionId;
use crate::offline::{Assembly, Window};
use crate::outbox::ReplyText;
use crate::shutdown::Shutdown;
use crate::store::{Fence, Lineage, Node, SessionRow, Store, StoreError};
use crate::telemetry::Metrics;

/// Sessions with an actor at once. More are refused as busy; one that sleeps and cannot be woken for it loses its
/// connection, and its client comes back later. Those that sleep are bounded by their connections.
const ACTORS: usize = 100_000;
/// Commands that may wait for an actor; further ones wait in their callers.
const MAILBOX: usize = 32;

/// What sessions share.
pub(super) struct Deps {
    pub(super) store: Arc<dyn Store>,
    pub(super) turns: Turns,
    pub(super) contracts: Contracts,
    pub(super) assembly: Assembly,
    pub(super) metrics: Metrics,
    pub(super) shutdown: Shutdown,
    pub(super) stop: CancellationToken,
    /// Replies being made at once; others wait.
    pub(super) slots: Arc<Semaphore>,
    pub(super) places: Mutex<Places>,
    /// Who loads a session just now.
    pub(super) loads: Loads,
    /// Sessions to be given back.
    pub(super) releases: Releases,
    pub(super) standing: Standing,
    /// Jobs that other processes hand to this one.
    pub(super) jobs: Handed,
    /// Connections that have a session.
    pub(super) attached: AtomicUsize,
    /// This process hands its sessions over, and lets nobody in.
    pub(super) leaving: AtomicBool,
    /// Counts the connections of all sessions: one that its session has forgotten is no other's.
    pub(super) connections: AtomicU64,
}

/// A session as an actor begins with it.
pub(super) struct Loaded {
    pub(super) row: SessionRow,
    /// What this process's writes to it are known by.
    pub(super) fence: Fence,
    /// The line of copies in which it was read.
    pub(super) known_in: Arc<str>,
    pub(super) saved: Saved,
    /// What an interrupted reply had said; `None` when that is not known any more.
    pub(super) said: Option<ReplyText>,
}

/// An actor's place among those in memory, which it leaves however it ends, also by a panic.
pub(super) struct Presence {
    deps: Arc<Deps>,
    id: SessionId,
    sender: mpsc::WeakSender<Command>,
}

impl Drop for Presence {
    fn drop(&mut self) {
        // Without a sender it has left already.
        let Some(sender) = self.sender.upgrade() else { return };
        self.deps.places.lock().leave(&self.id, &sender);
    }
}

impl Deps {
    /// The mailbox of a session's actor. If there is none, it is started; a session that is not in memory is taken over for
    /// this visitor first.
    pub(super) async fn actor(
        self: &Arc<Self>,
        id: &SessionId,
        visitor: Option<Visitor<'_>>,
    ) -> Result<mpsc::Sender<Command>, SessionError> {
        loop {
            let found = self.places.lock().find(id);
            if let Found::Awake(mailbox) = found {
                return Ok(mailbox);
            }
            let _turn = self.loads.enter(id).await;
            let found = self.places.lock().find(id);
            match found {
                Found::Awake(mailbox) => return Ok(mailbox),
                Found::Asleep(nap) => {
                    if let Some(mailbox) = self.wake(id, nap).await? {
                        return Ok(mailbox);
                    }
                }
                Found::Nowhere => {
                    self.may_start(id)?;
                    let owned = self.take_over(id, visitor).await?;
                    return self.begin(owned).await;
                }
            }
        }
    }

    /// Goes on with an unfinished reply whose owner was this one or nobody.
    pub(super) async fn adopted(self: &Arc<Self>, id: &SessionId, from: Option<&Node>) -> Result<(), SessionError> {
        let _turn = self.loads.enter(id).await;
        let found = self.places.lock().find(id);
        if !matches!(found, Found::Nowhere) {
            return Ok(());
        }
        self.may_start(id)?;
        let owned = self.claim(id, from).await?;
        self.begin(owned).await.map(|_| ())
    }

    /// Wakes a session that sleeps as `nap` says. `None` when it does so no longer, be it because it is another process's.
    async fn wake(self: &Arc<Self>, id: &SessionId, nap: Nap) -> Result<Option<mpsc::Sender<Command>>, SessionError> {
        self.may_start(id)?;
        let row = self.store.session(id).await?.ok_or_else(|| SessionError::NoSession(id.clone()))?;
        // Behind the read: it is not older than what was read.
        let lineage = self.store.lineage(id)?;
        // Also where nobody has it, since the store lost the claim or another process gave it back: otherwise it would stay
        // as it is, and whoever finds it so would try for ever.
        if !self.is_ours(id, &row, &lineage) {
            return Ok(None);
        }
        let Some(fence) = row.fence() else { return Ok(None) };
        let loaded = self.load(Owned { row, fence }, &lineage).await?;
        self.start(id, Some(nap), loaded)
    }

    /// Whether a session that sleeps is as this process left it. If not, its connection is let go: its client comes back,
    /// and finds the session as it is.
    fn is_ours(self: &Arc<Self>, id: &SessionId, row: &SessionRow, lineage: &Lineage) -> bool {
        let mut places = self.places.lock();
        let lost = places.take_asleep(id, |_, asleep| !asleep.is_of(row) || asleep.is_doubted(lineage));
        drop(places);
        let Some(asleep) = lost else { return true };
        if asleep.is_of(row) {
            tracing::warn!(session = %id, head = row.head, "the store went over to a copy while a session slept; it is read again");
            let fence = asleep.outbox.fence();
            asleep.let_go(
                &self.metrics,
                close::TRY_LATER,
                "the store went over to a copy; the session begins an epoch",
            );
            self.release_soon(id, fence);
            return false;
        }
        let owner = row.hold.as_ref().map(|hold| hold.owner.as_str());
        tracing::warn!(session = %id, head = row.head, owner, "a session is not this server's any more since it fell asleep here");
        asleep.let_go(&self.metrics, close::HANDOVER, "another server has the session now");
        false
    }

    /// Starts the actor of a session that was claimed just now.
    async fn begin(self: &Arc<Self>, owned: Owned) -> Result<mpsc::Sender<Command>, SessionError> {
        let (id, fence) = (owned.row.created.id.clone(), owned.fence);
        // Behind the claim: it is not older than what was read.
        let loaded = match self.store.lineage(&id) {
            Ok(lineage) => self.load(owned, &lineage).await,
            Err(error) => Err(error.into()),
        };
        let started = match loaded {
            // Only who has the turn to load a session changes that it is nowhere.
            Ok(loaded) => self.start(&id, None, loaded).and_then(|mailbox| mailbox.ok_or(SessionError::Busy)),
            Err(error) => Err(error),
        };
        if started.is_err() {
            self.release(&id, fence).await;
        }
        started
    }

    fn may_start(&self, id: &SessionId) -> Result<(), SessionError> {
        if self.stop.is_cancelled() {
            return Err(SessionError::ShuttingDown);
        }
        if self.places.lock().awake() >= ACTORS {
            return Err(SessionError::Busy);
        }
        // On a store that stopped writing, a session could answer nothing and would only ask the model again.
        Ok(self.store.serves(id)?)
    }

    /// Hands a command to a session's actor, wherever the session is in memory; one that sleeps is woken. Waits while
    /// the mailbox is full. The command is dropped when the session is not in memory: it has no client then.
    pub(super) async fn hand_over(self: &Arc<Self>, id: &SessionId, mut command: Command) {
        loop {
            let found = self.places.lock().find(id);
            let mailbox = match found {
                Found::Awake(mailbox) => mailbox,
                // Boxed: every connection's future has a place for this one, and hardly ever needs it.
                Found::Asleep(nap) => match Box::pin(self.woken(id, nap)).await {
                    Ok(Some(mailbox)) => mailbox,
                    Err(error) if self.give_up(id, nap, &error) => return,
                    // It is not as it was any more: another caller has woken it, or it is another process's.
                    Ok(None) | Err(_) => continue,
                },
                Found::Nowhere => return,
            };
            match mailbox.send(command).await {
                Ok(()) => return,
                // It fell asleep, or ended, just then.
                Err(SendError(back)) => command = back,
            }
        }
    }

    /// [`wake`](Self::wake), one at a time.
    pub(super) async fn woken(
        self: &Arc<Self>,
        id: &SessionId,
        nap: Nap,
    ) -> Result<Option<mpsc::Sender<Command>>, SessionError> {
        let _turn = self.loads.enter(id).await;
        self.wake(id, nap).await
    }

    /// [`hand_over`](Self::hand_over) for an actor, whose own future must not contain those of others.
    pub(super) fn pass_on(
        self: Arc<Self>,
        id: SessionId,
        command: Command,
    ) -> Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move { self.hand_over(&id, command).await })
    }

    /// Whether a session has an actor.
    #[cfg(test)]
    pub(super) fn is_awake(&self, id: &SessionId) -> bool {
        matches!(self.places.lock().find(id), Found::Awake(_))
    }

    /// The next connection's number.
    pub(super) fn next_connection(&self) -> ConnectionId {
        self.connections.fetch_add(1, Ordering::Relaxed).wrapping_add(1)
    }

    /// Takes a session out of memory, unless somebody asks for it just now. Says whether it did.
    pub(super) fn unload(&self, presence: &Presence, mailbox: &mut mpsc::Receiver<Command>) -> bool {
        let mut places = self.places.lock();
        if !mailbox.is_empty() {
            return false;
        }
        if let Some(sender) = presence.sender.upgrade() {
            places.leave(&presence.id, &sender);
        }
        // Whoever holds a sender finds it closed, and asks for the session again.
        mailbox.close();
        true
    }

    /// Leaves of a session only the hold that its connection has, unless somebody asks for it just now: then what
    /// was to stay comes back.
    pub(super) fn sleep(
        &self,
        id: &SessionId,
        mailbox: &mut mpsc::Receiver<Command>,
        asleep: Box<Asleep>,
    ) -> Result<(), Box<Asleep>> {
        let mut places = self.places.lock();
        // A connection that is gone looks for its session here behind this look, or is seen by it.
        if !mailbox.is_empty() || asleep.attached.teller.is_alone() {
            return Err(asleep);
        }
        places.sleep(id, asleep);
        mailbox.close();
        self.metrics.session_entered("asleep");
        Ok(())
    }

    /// A connection is gone. Where its session sleeps, nobody else sees to it. What the connection has learned meanwhile,
    /// such as that silence killed it, is for the next one: then the session wakes, and waits for that as if it had
    /// been awake.
    pub(super) fn gone(self: &Arc<Self>, id: &SessionId, connection: ConnectionId) {
        let mut places = self.places.lock();
        let mut learned = false;
        let left = places.take_asleep(id, |_, asleep| {
            let theirs = asleep.attached.id == connection;
            learned = theirs && asleep.lessons.are_new();
            theirs && !learned
        });
        drop(places);
        if let Some(asleep) = left {
            self.metrics.session_left("asleep");
            self.release_soon(id, asleep.outbox.fence());
        } else if learned && !self.stop.is_cancelled() {
            self.shutdown.spawn(self.clone().pass_on(id.clone(), Command::Wake));
        }
    }

    /// Makes a session's waiting messages ready for delivery.
    pub(super) fn assemble(
        &self,
        id: &SessionId,
        role: &str,
    ) -> Pin<Box<dyn Future<Output = Result<Window, StoreError>> + Send>> {
        let (assembly, id, contract) = (self.assembly.clone(), id.clone(), self.contracts.get(role));
        Box::pin(async move {
            match contract {
                Some(contract) => assembly.window(&id, &contract).await,
                // They wait until the role is back.
                None => Ok(Window::default()),
            }
        })
    }

    /// Starts the actor of a session that was loaded while it was as `nap` says, or finds the one that another caller
    /// has started meanwhile. `None` when it was used and left memory in between: what was loaded is old then.
    fn start(
        self: &Arc<Self>,
        id: &SessionId,
        nap: Option<Nap>,
        loaded: Loaded,
    ) -> Result<Option<mpsc::Sender<Command>>, SessionError> {
        let mut places = self.places.lock();
        match (places.find(id), nap) {
            (Found::Awake(mailbox), _) => return Ok(Some(mailbox)),
            (Found::Asleep(now), Some(then)) if now == then => {}
            (Found::Nowhere, None) => {}
            (Found::Asleep(_) | Found::Nowhere, _) => return Ok(None),
        }
        if places.awake() >= ACTORS {
            return Err(SessionError::Busy);
        }
        let (sender, mailbox) = mpsc::channel(MAILBOX);
        let asleep = places.wake(id, sender.clone());
        drop(places);
        let presence = Presence { deps: self.clone(), id: id.clone(), sender: sender.downgrade() };
        let (actor, start) = Actor::new(self.clone(), loaded, mailbox, presence, asleep);
        self.shutdown.spawn(Box::pin(actor.run(start)));
        Ok(Some(sender))
    }

    /// A session that sleeps cannot be woken: its client is told to come back. Says whether it still slept.
    pub(super) fn give_up(self: &Arc<Self>, id: &SessionId, nap: Nap, error: &SessionError) -> bool {
        let asleep = self.places.lock().take_asleep(id, |now, _| now == nap);
        let Some(asleep) = asleep else { return false };
        // A process that goes down tells its connections itself.
        if !self.stop.is_cancelled() {
            tracing::error!(session = %id, %error, "a session cannot be woken");
        }
        let fence = asleep.outbox.fence();
        let (code, reason) = match error {
            SessionError::NoSession(_) => (close::SESSION_GONE, "the session does not exist any more"),
            _ => (close::TRY_LATER, "the session cannot be woken now"),
        };
        asleep.let_go(&self.metrics, code, reason);
        self.release_soon(id, fence);
        true
    }

    /// Loads a session that was read in this line of copies, or an earlier one.
    async fn load(&self, owned: Owned, lineage: &Lineage) -> Result<Loaded, SessionError> {
        let Owned { mut row, fence } = owned;
        let id = &row.created.id.clone();
        let mut saved = Saved::decode_stored(&row.state, id)?;
        // One that nothing was ever written to may have lost all that was.
        let written_in = if saved.lineage().is_empty() { &row.born_in } else { saved.lineage() };
        if lineage.doubts(written_in) {
            self.begin_behind_a_loss(&mut row, &mut saved, lineage).await?;
        }
        let said = self.said(&row, &saved).await?;
        Ok(Loaded { row, fence, known_in: lineage.id.as_str().into(), saved, said })
    }
}

//! Sessions: one actor each, outliving connections.
//!
//! A session lives in the store; while it is used, an actor in memory owns it. The actor's `select!`
//! only classifies ([`event`]), a plain value decides ([`state`]), and effects follow: commits through
//! the [`crate::outbox`], turns in tasks of their own ([`generation`]), frames to the one
//! attached connection ([`attach`], [`mod@line`]). A newer connection takes over from an older one. Idle actors
//! leave memory, also under an attached connection, whose hold on the session stays ([`places`]) and wakes it
//! ([`registry`]). Of several processes on one store, one owns a session at a time ([`ownership`], [`nodes`]).

mod actor;
mod attach;
mod cancel;
mod error;
mod event;
mod forks;
mod generation;
mod job_mark;
mod jobs;
mod keeping;
mod line;
mod looks;
mod lost;
mod nodes;
mod ownership;
mod place;
mod places;
mod receipts;
mod registry;
mod releases;
mod saved;
mod spoken;
mod state;
#[cfg(test)]
mod tests;
pub mod turn;
mod watermark;

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use rolecall_dsl::Contract;
use rolecall_dsl::contract::DEFAULT_EXPIRE;
use rolecall_wire::frame::{Hello, Message};
use tokio::sync::{Semaphore, oneshot};

pub use attach::{Attachment, Control, Resume};
pub use cancel::Cancelled;
pub use error::SessionError;
use event::Command;
pub use forks::Stand;
pub use jobs::{JobEnd, JobRun};
pub use line::Listener;
use nodes::Standing;
use ownership::{Loads, Visitor};
use places::Places;
pub use receipts::MessageStanding;
use registry::Deps;
use releases::Releases;
use saved::Saved;
use turn::Turns;

use crate::clock;
use crate::contracts::Contracts;
use crate::enforce;
use crate::ids::{Epoch, Seq, SessionId, TokenGeneration};
use crate::offline::{self, Assembly, Merger};
use crate::outbox;
use crate::plugin::{OfflineMessage, PluginHost};
use crate::shutdown::Shutdown;
use crate::store::{Enqueued, NewSession, Receipt, Ring, SessionRow, Store, StoreError};
use crate::telemetry::Metrics;

/// Replies made at once; further turns wait for their slot.
const TURNS: usize = 256;
/// Bytes of text in a page of messages.
const PAGE_BYTES: usize = 1_024 * 1_024;
/// Messages read from the store at once.
const PAGE: usize = 64;
/// How often an attachment is tried again when it meets an actor that is just leaving memory.
const ATTEMPTS: usize = 3;
/// The priority from which on a message is delivered without waiting for others.
const URGENT: u8 = 2;

/// All sessions of the process. Cloning shares them.
#[derive(Clone)]
pub struct Sessions(Arc<Deps>);

/// A session that was just created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// Its id.
    pub id: SessionId,
    /// Its epoch.
    pub epoch: Epoch,
    /// The sequence id of its first message to come.
    pub next_seq: Seq,
}

/// Where a session's log stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The epoch of the sequence ids.
    pub epoch: Epoch,
    /// The last committed message.
    pub head: Seq,
    /// Everything up to here is no longer kept.
    pub floor: Seq,
    /// The role that answers.
    pub role: String,
    /// The highest generation of the tokens that connections were opened with.
    pub token_generation: TokenGeneration,
}

impl Position {
    fn of(row: SessionRow, token_generation: TokenGeneration) -> Self {
        Self { epoch: row.epoch, head: row.head, floor: row.floor, role: row.created.role, token_generation }
    }

    /// Refuses a token that was renewed, once the new one was used.
    ///
    /// # Errors
    /// [`SessionError::Replayed`].
    pub fn admit(&self, generation: TokenGeneration) -> Result<(), SessionError> {
        saved::admit(self.token_generation, generation)
    }

    /// Refuses a place that no server can have given: one that a connection could not open with either.
    ///
    /// # Errors
    /// [`SessionError::Impossible`].
    pub fn check(&self, epoch: Epoch, last_seq: Seq) -> Result<(), SessionError> {
        place::check((epoch, last_seq), (self.epoch, self.head))
    }
}

/// What became of a posted message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Posted {
    /// It will be delivered.
    Queued,
    /// It was posted before and waits.
    Waiting,
    /// It was posted before and delivered by this message.
    Delivered(Seq),
}

impl Sessions {
    /// The sessions of a store. Their tasks belong to `shutdown`.
    #[must_use]
    pub fn new(
        store: Arc<dyn Store>,
        turns: Turns,
        contracts: Contracts,
        plugins: PluginHost,
        metrics: Metrics,
        shutdown: Shutdown,
    ) -> Self {
        Self::with_merger(store, turns, contracts, Arc::new(plugins), metrics, shutdown)
    }

    /// The same with offline messages merged by anybody, such as a double in tests.
    #[must_use]
    pub fn with_merger(
        store: Arc<dyn Store>,
        turns: Turns,
        contracts: Contracts,
        merger: Arc<dyn Merger>,
        metrics: Metrics,
        shutdown: Shutdown,
    ) -> Self {
        let assembly = Assembly { store: store.clone(), merger, turns: turns.clone(), metrics: metrics.clone() };
        let slots = Arc::new(Semaphore::new(TURNS));
        let (stop, places, connections) = (shutdown.signal(), Mutex::new(Places::default()), AtomicU64::new(0));
        let (loads, standing) = (Loads::default(), Standing::default());
        Self(Arc::new(Deps {
            store,
            turns,
            contracts,
            assembly,
            metrics,
            shutdown,
            stop,
            slots,
            places,
            loads,
            releases: Releases::default(),
            standing,
            jobs: jobs::Handed::default(),
            attached: AtomicUsize::new(0),
            leaving: AtomicBool::new(false),
            connections,
        }))
    }

    /// Begins to serve: goes on with the replies that an earlier process, or one that is gone, left unfinished, and says how
    /// many. Where several processes share the store, takes part from here on: they know of this one, ask it for sessions,
    /// and it goes on with what any of them leaves behind. Sessions whose state is damaged are logged and left alone.
    ///
    /// # Errors
    /// When the store cannot list them.
    pub async fn begin(&self) -> Result<usize, StoreError> {
        self.0.join().await?;
        let recovered = self.0.sweep().await?;
        self.0.take_part();
        self.0.begin_keeping();
        Ok(recovered)
    }

    /// Where several processes share the store: sends all clients to the others, each at a time of its own within `over`, and
    /// waits until they have gone or that is over. From here on nobody is let in.
    pub async fn hand_over(&self, over: Duration) {
        self.0.hand_all_over(over).await;
    }

    /// Whether clients are let in.
    #[must_use]
    pub fn is_open(&self) -> bool {
        !self.0.leaving.load(Ordering::SeqCst)
    }

    /// Takes part no longer, once nothing is served any more: others take what is left without asking.
    pub async fn leave(&self) {
        let Some(nodes) = self.0.store.nodes() else { return };
        if let Err(error) = nodes.leave().await {
            tracing::debug!(%error, "this server's lease lapses by itself");
        }
    }

    /// Creates a session for a user of a role.
    ///
    /// # Errors
    /// When the role has no contract, or the store refuses.
    pub async fn create(&self, role: &str, user: &str) -> Result<Created, SessionError> {
        if self.0.contracts.get(role).is_none() {
            return Err(SessionError::NoRole(role.to_owned()));
        }
        let id = SessionId::random().map_err(|error| SessionError::Random(error.to_string()))?;
        let (role, user) = (role.to_owned(), user.to_owned());
        self.0.store.create(NewSession { id: id.clone(), role, user, created_ms: clock::unix_ms() }).await?;
        Ok(Created { id, epoch: 1, next_seq: 1 })
    }

    /// Attaches a connection, taking over from an older one. The token was verified before, and is of this generation.
    ///
    /// # Errors
    /// When there is no such session or role, a newer token was used, the client claims an impossible place,
    /// or the store refuses.
    pub async fn attach(
        &self,
        id: &SessionId,
        hello: &Hello,
        generation: TokenGeneration,
    ) -> Result<Attachment, SessionError> {
        // On a store that stopped writing, a session could answer nothing and would only ask the model again.
        self.0.store.serves(id)?;
        if !self.is_open() {
            return Err(SessionError::ShuttingDown);
        }
        let visitor = Visitor { hello, generation };
        for _ in 0..ATTEMPTS {
            let mailbox = match self.0.actor(id, Some(visitor)).await {
                Err(SessionError::Store(error)) if error.is_stale() => continue,
                outcome => outcome?,
            };
            let (answer, attached) = oneshot::channel();
            if mailbox.send(Command::Attach(Box::new(hello.clone()), generation, answer)).await.is_err() {
                continue;
            }
            match attached.await {
                // This process was the owner no longer, or the store another one or gone back, and its actor did not know it yet.
                Ok(Err(SessionError::Store(error))) if error.is_stale() => {}
                Err(_) => {}
                Ok(outcome) => return outcome,
            }
        }
        Err(if self.0.stop.is_cancelled() { SessionError::ShuttingDown } else { SessionError::Busy })
    }

    /// Where a session's log stands.
    ///
    /// # Errors
    /// When there is no such session, or the store cannot be read.
    pub async fn position(&self, id: &SessionId) -> Result<Position, SessionError> {
        let row = self.0.store.session(id).await?.ok_or_else(|| SessionError::NoSession(id.clone()))?;
        let token_generation = Saved::stored_generation(&row.state, id)?;
        Ok(Position::of(row, token_generation))
    }

    /// The same, and how a client with everything up to `last_seq` of `epoch` stands to it; read at once.
    ///
    /// # Errors
    /// When there is no such session, or the store cannot be read.
    pub async fn stand(&self, id: &SessionId, client: (Epoch, Seq)) -> Result<(Position, Stand), SessionError> {
        let row = self.0.store.session(id).await?.ok_or_else(|| SessionError::NoSession(id.clone()))?;
        let saved = Saved::decode_stored(&row.state, id)?;
        let stand = saved.stand((row.epoch, row.head), client);
        Ok((Position::of(row, saved.token_generation()), stand))
    }

    /// Committed messages from `from` on, in order, at most `limit`, and of at most 1 MiB of text unless
    /// the first alone has more.
    ///
    /// # Errors
    /// [`SessionError::Gone`] when the first of them is no longer kept; when there is no such session,
    /// or the store cannot be read.
    pub async fn read(&self, id: &SessionId, from: Seq, limit: usize) -> Result<Vec<Message>, SessionError> {
        let (mut messages, mut next, mut bytes) = (Vec::new(), from, 0usize);
        while messages.len() < limit && bytes < PAGE_BYTES {
            let entries = self.0.store.read(id, next, PAGE.min(limit.saturating_sub(messages.len()))).await?;
            let Some(last) = entries.last() else { break };
            next = last.seq.saturating_add(1);
            for entry in &entries {
                bytes = bytes.saturating_add(entry.bytes.len());
                messages.push(outbox::decode(entry)?);
            }
        }
        // Behind the reading: what was dropped meanwhile is no hole that goes without a name.
        let floor = self.position(id).await?.floor;
        if from <= floor && floor > 0 {
            return Err(SessionError::Gone { floor });
        }
        outbox::within(&mut messages, PAGE_BYTES);
        Ok(messages)
    }

    /// Takes a message for a user who may be away. Posting a `biz_id` again has no effect, also where the contract
    /// forbids what it says by now.
    ///
    /// # Errors
    /// When the message is malformed, breaks a contract under which it would be said as it is, there
    /// is no such session or role, or the inbox is full.
    pub async fn post(&self, id: &SessionId, message: OfflineMessage) -> Result<Posted, SessionError> {
        offline::validate(&message).map_err(SessionError::BadMessage)?;
        let role = self.position(id).await?.role;
        let contract = self.0.contracts.get(&role).ok_or_else(|| SessionError::NoRole(role.clone()))?;
        let now_ms = clock::unix_ms();
        let count = |outcome| self.0.metrics.offline(offline::bucket(message.created_at_ms, now_ms), outcome);
        let enqueued = match self.judge(&contract, &message).await {
            Ok(()) => {
                let keep = contract.delivery.expire.unwrap_or(DEFAULT_EXPIRE);
                let expires_ms = now_ms.saturating_add(u64::try_from(keep.as_millis()).unwrap_or(u64::MAX));
                self.0.store.enqueue(id, offline::encode(&message, expires_ms)).await?
            }
            Err(refused) => match self.0.store.receipt(id, &message.biz_id).await?.1 {
                Receipt::Waiting => Enqueued::Waiting,
                Receipt::Delivered { seq, .. } => Enqueued::Delivered(seq),
                Receipt::Unknown => {
                    count("refused");
                    return Err(refused);
                }
            },
        };
        count(if enqueued == Enqueued::Fresh { "queued" } else { "duplicate" });
        // Also of one that was posted before: whoever posted it may have gone down before the owner was told.
        if !matches!(enqueued, Enqueued::Delivered(_)) {
            self.tell_of_post(id, message.priority >= URGENT).await?;
        }
        Ok(match enqueued {
            Enqueued::Fresh => Posted::Queued,
            Enqueued::Waiting => Posted::Waiting,
            Enqueued::Delivered(seq) => Posted::Delivered(seq),
        })
    }

    /// Tells the owner of a session that a message waits for it. A session that is in nobody's memory has no client; the
    /// next one finds the message.
    async fn tell_of_post(&self, id: &SessionId, urgent: bool) -> Result<(), SessionError> {
        if let Some(nodes) = self.0.store.nodes() {
            let hold = self.0.store.session(id).await?.and_then(|row| row.hold);
            if let Some(hold) = hold.filter(|hold| hold.owner != *self.0.store.node()) {
                nodes.ring(&hold.owner, &Ring::Posted(id.clone(), urgent)).await?;
            }
        }
        self.0.hand_over(id, Command::Posted(urgent)).await;
        Ok(())
    }

    /// Refuses a message that would be said as it is and breaks the contract.
    async fn judge(&self, contract: &Arc<Contract>, message: &OfflineMessage) -> Result<(), SessionError> {
        if contract.delivery.policy.is_some() {
            return Ok(());
        }
        let admitted = self.0.turns.admit_delivery(contract, &message.text).await;
        admitted
            .map(|_| ())
            .map_err(|hits| SessionError::Violation { role: contract.name.clone(), hits: enforce::outward(hits) })
    }
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("in_memory", &self.0.places.lock().len()).finish_non_exhaustive()
    }
}

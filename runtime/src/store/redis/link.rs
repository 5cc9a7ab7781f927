//! The connection to the server: one for all reads and writes, and the way back to another.
//!
//! Commands of all callers share the connection, each sent at once behind the others and answered in order. A connection
//! that breaks or is silent for too long is given up with everything that is under way on it, whose outcome nobody knows
//! then. Before another one serves anybody, the server is told to close the old one: what it had not read of it by then,
//! it never does, and what it had done is there to be read. So an outcome that was unknown is decided.

use std::sync::Arc;
use std::time::Duration;

use futures_util::future;
use redis::aio::MultiplexedConnection;
use redis::{AsyncConnectionConfig, Client, RedisError};
use tokio::sync::{Notify, watch};
use tokio::time;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

use super::address::Service;
use super::lines::{Lines, Trace};
use super::sentinel;
use super::server::{self, Unfit, Wanted};
use super::settling::{Settler, Unsettled};
use super::slots::{Endpoint, SlotMap};
use super::spot::Spot;
use super::{RedisFault, RedisSettings};
use crate::store::StoreError;
use crate::store::redis::keys::Keys;

/// How long connecting may take.
const CONNECT: Duration = Duration::from_secs(3);
/// How long an answer may take; then its connection is given up.
const ANSWER: Duration = Duration::from_secs(5);
/// How long a call waits for a connection that is being looked for. It has sent nothing yet.
const REACH: Duration = Duration::from_secs(2);
/// How often an idle connection is looked at, and how long it may take to answer then.
const LOOK: Duration = Duration::from_secs(1);
const LOOK_ANSWER: Duration = Duration::from_secs(3);
/// Between two tries to connect: doubled from the first to the second.
const BACKOFF: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));
/// How long a start waits for a server that loads its data.
const LOADING: Duration = Duration::from_secs(60);
/// Commands that may wait for the connection; further ones wait in their callers.
const QUEUE: usize = 1_024;

/// The connection, while there is one. Its task ends with [`close`](Self::close).
pub(super) struct Link {
    shared: Arc<Shared>,
    task: TaskTracker,
}

/// Which server a link leads to.
pub(super) enum Target {
    /// One alone.
    Server(Endpoint),
    /// A node of a cluster.
    Member(Endpoint, watch::Receiver<Arc<SlotMap>>),
    /// The one that sentinels name.
    Primary(Box<Service>),
}

struct Shared {
    target: Target,
    settings: RedisSettings,
    keys: Keys,
    state: watch::Sender<State>,
    stop: CancellationToken,
}

#[derive(Clone)]
enum State {
    Up(Arc<Lines>),
    Down(RedisFault),
    Closed,
}

impl Link {
    /// Connects and looks at the server. A server that loads its data is waited for, a minute at most.
    pub(super) async fn open(settings: RedisSettings, keys: Keys, target: Target) -> Result<Self, StoreError> {
        let shared = Shared::new(settings, keys, target);
        let waiting = time::timeout(LOADING, async {
            loop {
                match shared.connect(None).await {
                    Err(RedisFault::Loading { server }) => tracing::info!(%server, "Redis loads its data; waiting"),
                    other => return other,
                }
                time::sleep(LOOK).await;
            }
        });
        let server = shared.target.name(&shared.settings);
        let lines = waiting.await.unwrap_or(Err(RedisFault::Loading { server }))?;
        shared.state.send_replace(State::Up(Arc::new(lines)));
        Ok(Self::keep(shared))
    }

    /// Begins to connect.
    pub(super) fn begin(settings: RedisSettings, keys: Keys, target: Target) -> Self {
        Self::keep(Shared::new(settings, keys, target))
    }

    fn keep(shared: Arc<Shared>) -> Self {
        let task = TaskTracker::new();
        task.spawn(shared.clone().keep());
        task.close();
        Self { shared, task }
    }

    /// The connection. Where another one is being looked for, it is waited for, two seconds at most.
    pub(super) async fn lines(&self) -> Result<Arc<Lines>, StoreError> {
        let _ = time::timeout(REACH, self.settled()).await;
        self.now()
    }

    /// Waits until there is a connection, or a reason against it that does not pass by itself.
    pub(super) async fn settled(&self) {
        let is_led = matches!(self.shared.target, Target::Primary(_));
        let passes = |state: &State| match state {
            State::Down(RedisFault::Unreachable { .. } | RedisFault::Loading { .. }) => true,
            // One that is no primary any more: the sentinels are about to name another.
            State::Down(RedisFault::ReadOnly { .. }) => is_led,
            _ => false,
        };
        let _ = self.shared.state.subscribe().wait_for(|state| !passes(state)).await;
    }

    /// The connection, if there is one.
    pub(super) fn now(&self) -> Result<Arc<Lines>, StoreError> {
        match self.shared.state() {
            State::Up(lines) => Ok(lines),
            State::Down(fault) => Err(fault.into()),
            State::Closed => Err(StoreError::Closed),
        }
    }

    /// The node, unless it may be any.
    pub(super) fn node(&self) -> Option<&Endpoint> {
        match &self.shared.target {
            Target::Server(node) | Target::Member(node, _) => Some(node),
            Target::Primary(_) => None,
        }
    }

    /// What is known to be wrong.
    pub(super) fn healthy(&self) -> Result<(), StoreError> {
        match self.shared.state() {
            State::Up(lines) => lines.ailing().map_or(Ok(()), |fault| Err(fault.into())),
            State::Down(fault) => Err(fault.into()),
            State::Closed => Err(StoreError::Closed),
        }
    }

    /// What a failed command on a key means, for its caller and for the connection.
    pub(super) fn failed(&self, lines: &Lines, error: &RedisError, key: &str) -> RedisFault {
        self.shared.failed(lines, error, key)
    }

    /// What it means that something is not known to be durable.
    pub(super) fn unsettled(&self, lines: &Lines, unsettled: &Unsettled) -> RedisFault {
        let fault = match unsettled {
            Unsettled::Missed(detail) => {
                RedisFault::NotDurable { server: lines.server().to_owned(), detail: detail.clone() }
            }
            Unsettled::Failed(error) => self.shared.failed(lines, error, ""),
        };
        if fault.lasts() {
            lines.ails(fault.clone());
        }
        fault
    }

    /// Ends the connection.
    pub(super) async fn close(&self) {
        self.shared.state.send_replace(State::Closed);
        self.shared.stop.cancel();
        self.task.wait().await;
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.shared.stop.cancel();
    }
}

impl Target {
    /// What the server is called.
    fn name(&self, settings: &RedisSettings) -> String {
        match self {
            Self::Server(node) | Self::Member(node, _) => settings.address.name_of(node),
            Self::Primary(_) => settings.address.name().to_owned(),
        }
    }

    /// Finds the server.
    async fn find(&self, settings: &RedisSettings) -> Result<(Client, String), RedisFault> {
        let named;
        let node = match self {
            Self::Server(node) | Self::Member(node, _) => node,
            Self::Primary(service) => {
                named = sentinel::primary(settings, service).await?;
                &named
            }
        };
        Ok((settings.address.client(node)?, settings.address.name_of(node)))
    }

    /// What makes it a node of a cluster.
    fn member(&self) -> Option<(Endpoint, watch::Receiver<Arc<SlotMap>>)> {
        match self {
            Self::Server(_) | Self::Primary(_) => None,
            Self::Member(node, map) => Some((node.clone(), map.clone())),
        }
    }
}

impl Shared {
    fn new(settings: RedisSettings, keys: Keys, target: Target) -> Arc<Self> {
        let (server, detail) = (target.name(&settings), "not connected yet".to_owned());
        let (state, _) = watch::channel(State::Down(RedisFault::Unreachable { server, detail }));
        Arc::new(Self { target, settings, keys, state, stop: CancellationToken::new() })
    }

    fn state(&self) -> State {
        self.state.borrow().clone()
    }

    fn failed(&self, lines: &Lines, error: &RedisError, key: &str) -> RedisFault {
        let fault = RedisFault::of(error, lines.server(), self.settings.address.secrets(), key);
        if fault.needs_another_connection() {
            self.give_up(lines, &fault);
        } else if fault.lasts() {
            lines.ails(fault.clone());
        }
        fault
    }

    /// Gives a connection up, unless there is another one already.
    fn give_up(&self, lines: &Lines, fault: &RedisFault) {
        let given_up = self.state.send_if_modified(|state| {
            let current = matches!(state, State::Up(current) if current.is(lines));
            if current {
                *state = State::Down(fault.clone());
            }
            current
        });
        if given_up {
            tracing::warn!(%fault, "the connection to Redis is given up; looking for another");
        }
    }

    /// Looks after the connection until the store is closed.
    async fn keep(self: Arc<Self>) {
        let stop = self.stop.clone();
        let _ = stop.run_until_cancelled(future::join(self.look_after(), self.follow())).await;
    }

    /// Leaves a primary that sentinels say is none any more, though it may not know yet: what it takes is lost.
    async fn follow(&self) {
        let Target::Primary(service) = &self.target else { return };
        let heard = Notify::new();
        let looking = async {
            loop {
                heard.notified().await;
                self.leave_old(service).await;
            }
        };
        future::join(sentinel::follow(&self.settings, service, &heard), looking).await;
    }

    async fn leave_old(&self, service: &Service) {
        let State::Up(lines) = self.state() else { return };
        let Ok(primary) = sentinel::primary(&self.settings, service).await else { return };
        let named = self.settings.address.name_of(&primary);
        if named != lines.server() {
            let (server, detail) = (lines.server().to_owned(), format!("the sentinels name {named} as primary"));
            self.give_up(&lines, &RedisFault::Unreachable { server, detail });
        }
    }

    async fn look_after(&self) {
        let mut changes = self.state.subscribe();
        let mut trace = None;
        loop {
            let state = changes.borrow_and_update().clone();
            match state {
                State::Closed => return,
                State::Up(lines) => {
                    trace = Some(lines.trace());
                    if time::timeout(LOOK, changes.changed()).await.is_err() {
                        self.look(&lines).await;
                    }
                }
                State::Down(_) => self.reconnect(trace.as_ref()).await,
            }
        }
    }

    /// Whether the server answers, and whether what ailed it is over.
    async fn look(&self, lines: &Lines) {
        match time::timeout(LOOK_ANSWER, lines.look()).await {
            Ok(Ok(true)) => lines.try_again().await,
            // The next connection is refused with what mends it.
            Ok(Ok(false)) => {
                let server = lines.server().to_owned();
                let detail = "its settings were changed: `appendonly`, `appendfsync`, `maxmemory-policy`".to_owned();
                self.give_up(lines, &RedisFault::NotDurable { server, detail });
            }
            Ok(Err(error)) => drop(self.failed(lines, &error, "")),
            Err(_) => {
                let server = lines.server().to_owned();
                let detail = format!("no answer for {LOOK_ANSWER:?}");
                self.give_up(lines, &RedisFault::Unreachable { server, detail });
            }
        }
    }

    async fn reconnect(&self, before: Option<&Trace>) {
        let ((mut pause, longest), mut told) = (BACKOFF, None);
        loop {
            let fault = match self.connect(before).await {
                Ok(lines) => {
                    tracing::info!(server = lines.server(), "connected to Redis");
                    self.replace(State::Up(Arc::new(lines)));
                    return;
                }
                Err(fault) => fault,
            };
            let kind = std::mem::discriminant(&fault);
            if told.replace(kind) != Some(kind) && !fault.passes() {
                tracing::error!(%fault, "no connection to Redis yet");
            } else {
                tracing::debug!(%fault, "no connection to Redis yet");
            }
            self.replace(State::Down(fault));
            time::sleep(pause).await;
            pause = pause.saturating_mul(2).min(longest);
        }
    }

    /// Changes the state, unless the store was closed.
    fn replace(&self, next: State) {
        self.state.send_if_modified(|state| {
            let open = !matches!(state, State::Closed);
            if open {
                *state = next;
            }
            open
        });
    }

    async fn connect(&self, before: Option<&Trace>) -> Result<Lines, RedisFault> {
        let (client, name) = self.target.find(&self.settings).await?;
        let secrets = || self.settings.address.secrets();
        let failed = |error: RedisError| RedisFault::of(&error, &name, secrets(), "");
        let (mut work, mut waits) = (dial(&client, &name, secrets()).await?, dial(&client, &name, secrets()).await?);
        let member = self.target.member();
        let wanted = Wanted {
            durability: self.settings.durability,
            is_member: member.is_some(),
            is_alone: matches!(self.target, Target::Server(_)),
        };
        let inspected = server::inspect(&mut work, &name, self.keys.prefix(), wanted).await;
        let found = inspected.map_err(|unfit| match unfit {
            Unfit::Failed(error) => failed(error),
            Unfit::Unsuitable(fault) => fault,
        })?;
        if !server::is_the_same(&mut waits, &found).await.map_err(failed)? {
            let detail = "two connections to it came to two servers".to_owned();
            return Err(RedisFault::Unreachable { server: name, detail });
        }
        for warning in found.warnings.iter().filter(|_| before.is_none()) {
            tracing::warn!(server = name, "{warning}");
        }
        let settler = Settler::new(waits, Spot::new(self.keys.clone(), member), found.wait);
        let lines = Lines::new(work, settler, found, &self.keys.connection_name()).await.map_err(failed)?;
        lines.close_earlier(before, &self.keys.connection_name()).await.map_err(failed)?;
        Ok(lines)
    }
}

/// Connects to a server of this name.
pub(super) async fn dial<'a>(
    client: &Client,
    name: &str,
    secrets: impl Iterator<Item = &'a str>,
) -> Result<MultiplexedConnection, RedisFault> {
    let config = AsyncConnectionConfig::new()
        .set_connection_timeout(Some(CONNECT))
        .set_response_timeout(Some(ANSWER))
        .set_pipeline_buffer_size(QUEUE);
    let dialled = client.get_multiplexed_async_connection_with_config(&config);
    // The client's own limit is for the socket; authentication may hang, too.
    match time::timeout(CONNECT.saturating_add(ANSWER), dialled).await {
        Ok(dialled) => dialled.map_err(|error| RedisFault::of(&error, name, secrets, "")),
        Err(_) => {
            let detail = "no answer to the first words".to_owned();
            Err(RedisFault::Unreachable { server: name.to_owned(), detail })
        }
    }
}

//! The application's handle to a session.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rolecall_wire::client::{self as wire, Config, Position, State};
use rolecall_wire::server::Encoding;
use serde::{Deserialize, Serialize};
use tokio::sync::{Notify, mpsc, oneshot};

use crate::driver::{Command, Driver, Way};
use crate::trust::Trust;
use crate::{Error, Event, Transport, link};

/// Events that wait for the application. When they are this many, the socket is not read until
/// the application reads on.
const EVENTS: usize = 256;

/// Commands that wait for the task.
const COMMANDS: usize = 64;

/// A session with a role. Clones share it; when the last one is dropped the connection is closed.
///
/// The events must be read ([`next_event`](Self::next_event)), or the socket is not read either
/// once 256 of them wait: [`send`](Self::send) then stands still too, and after the heartbeat
/// timeout the server ends the connection. Nothing is lost; reading on resumes.
#[derive(Debug, Clone)]
pub struct Session {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    encoding: Encoding,
    commands: mpsc::Sender<Command>,
    events: tokio::sync::Mutex<mpsc::Receiver<Event>>,
    shared: Arc<Shared>,
    task: tokio::sync::Mutex<Option<tokio::task::JoinHandle<()>>>,
}

/// What the handle and the task share.
#[derive(Debug)]
pub(crate) struct Shared {
    /// The highest sequence id handed to the application.
    pub(crate) processed: AtomicU64,
    /// Tells the task that it moved.
    pub(crate) moved: Notify,
    published: Mutex<Published>,
}

#[derive(Debug)]
struct Published {
    status: Status,
    saved: Saved,
}

/// A session as it can be saved: give it to [`Session::resume`] in another process. Holds a
/// secret, the token.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Saved {
    /// Where to connect.
    pub ws_url: String,
    /// Where to go on.
    pub position: Position,
}

/// A session at a glance.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Status {
    /// The state of the connection.
    pub state: State,
    /// The latest round trip.
    pub rtt: Option<Duration>,
    /// The highest sequence id received.
    pub last_seq: u64,
    /// The epoch; 0 before the first connection.
    pub epoch: u32,
    /// Messages of ours that wait for acceptance.
    pub unaccepted: usize,
}

impl Session {
    /// Goes on with a saved session, with default settings; for others see
    /// [`Client::resume`](crate::Client::resume). Must be called within a tokio runtime.
    ///
    /// # Errors
    /// When the saved URL cannot be used.
    pub fn resume(saved: Saved) -> Result<Self, Error> {
        Self::start(saved, Config::default(), Transport::default(), None)
    }

    pub(crate) fn start(
        saved: Saved,
        mut config: Config,
        transport: Transport,
        trust: Option<Trust>,
    ) -> Result<Self, Error> {
        link::install_tls();
        let mut seed = [0; 8];
        getrandom::fill(&mut seed)?;
        let encoding = transport.encoding(config.encoding);
        config.encoding = encoding;
        let machine = wire::Client::new(config, saved.position.clone(), u64::from_le_bytes(seed));
        let status = Status::of(&machine);
        let processed = AtomicU64::new(saved.position.last_seq);
        let ws_url = saved.ws_url.clone();
        let published = Mutex::new(Published { status, saved });
        let shared = Arc::new(Shared { processed, moved: Notify::new(), published });
        let (commands, command_receiver) = mpsc::channel(COMMANDS);
        let (event_sender, events) = mpsc::channel(EVENTS);
        let way = Way { ws_url, encoding, trust };
        let driver = Driver::new(machine, way, transport, Arc::clone(&shared), command_receiver, event_sender)?;
        #[allow(
            clippy::disallowed_methods,
            reason = "the task is owned by this handle: it ends when the last clone is dropped, and `close` waits for it"
        )]
        let task = tokio::spawn(driver.run());
        let (events, task) = (tokio::sync::Mutex::new(events), tokio::sync::Mutex::new(Some(task)));
        Ok(Self { inner: Arc::new(Inner { encoding, commands, events, shared, task }) })
    }

    /// Says something and waits until it is committed; returns its sequence id. Dropping the
    /// future does not take it back.
    ///
    /// # Errors
    /// When it cannot be queued, the server refuses it, or the session ends first.
    pub async fn send(&self, text: &str) -> Result<u64, Error> {
        let (answer, outcome) = oneshot::channel();
        self.command(Command::Send { id: random_id()?, text: text.to_owned(), answer }).await?;
        outcome.await.map_err(|_| Error::Ended)?
    }

    /// Stops the running reply of a turn.
    ///
    /// # Errors
    /// When the session has ended. Without a live connection nothing happens.
    pub async fn cancel(&self, turn: u64) -> Result<(), Error> {
        self.command(Command::Cancel(turn)).await
    }

    /// Tells the server the network type.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn set_network(&self, network: crate::Network) -> Result<(), Error> {
        self.command(Command::Network(network)).await
    }

    /// The next event; `None` after the end. Counts as processed by being returned. Cancel-safe.
    pub async fn next_event(&self) -> Option<Event> {
        let event = self.inner.events.lock().await.recv().await?;
        if let Some(seq) = event.seq() {
            self.inner.shared.processed.fetch_max(seq, Ordering::AcqRel);
            self.inner.shared.moved.notify_one();
        }
        Some(event)
    }

    /// The session at a glance.
    #[must_use]
    pub fn status(&self) -> Status {
        self.inner.shared.read(|p| p.status.clone())
    }

    /// The session as of the last event returned.
    #[must_use]
    pub fn saved(&self) -> Saved {
        let mut saved = self.inner.shared.read(|p| p.saved.clone());
        let processed = self.inner.shared.processed.load(Ordering::Acquire);
        saved.position.last_seq = saved.position.last_seq.max(processed);
        saved
    }

    /// Goes on over another transport, in the middle of whatever is said: nothing is lost and nothing comes
    /// twice. A session that began over a WebSocket in BSP cannot.
    ///
    /// # Errors
    /// When the session has ended, or speaks BSP and the transport does not.
    pub async fn set_transport(&self, transport: Transport) -> Result<(), Error> {
        if transport.encoding(self.inner.encoding) != self.inner.encoding {
            let detail = "the session speaks BSP; begin it with Encoding::JsonV1 to move it to HTTP".to_owned();
            return Err(Error::Url { url: self.saved().ws_url, detail });
        }
        self.command(Command::Transport(transport)).await
    }

    /// Cuts the TCP connection without a close frame, as a lost network does. The client
    /// reconnects by itself.
    ///
    /// # Errors
    /// When the session has ended.
    pub async fn drop_connection(&self) -> Result<(), Error> {
        self.command(Command::Cut).await
    }

    /// Ends this client's part for good and waits for its task. The session itself stays on the
    /// server: what is [`saved`](Self::saved) before or after can be resumed.
    pub async fn close(&self) {
        // An error says that the task has ended.
        let _ = self.command(Command::Close).await;
        if let Some(task) = self.inner.task.lock().await.take() {
            let _ = task.await;
        }
    }

    async fn command(&self, command: Command) -> Result<(), Error> {
        self.inner.commands.send(command).await.map_err(|_| Error::Ended)
    }
}

impl Shared {
    /// Shows the machine's state to the handles.
    pub(crate) fn publish(&self, machine: &wire::Client) {
        let mut published = self.published.lock().unwrap_or_else(PoisonError::into_inner);
        published.status = Status::of(machine);
        published.saved.position = machine.position();
    }

    fn read<T>(&self, read: impl FnOnce(&Published) -> T) -> T {
        read(&self.published.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Status {
    fn of(machine: &wire::Client) -> Self {
        Self {
            state: machine.state(),
            rtt: machine.rtt_ms().map(Duration::from_millis),
            last_seq: machine.last_seq(),
            epoch: machine.epoch(),
            unaccepted: machine.unaccepted(),
        }
    }
}

/// 128 random bits in hexadecimal.
fn random_id() -> Result<String, Error> {
    let mut bytes = [0; 16];
    getrandom::fill(&mut bytes)?;
    Ok(format!("{:032x}", u128::from_be_bytes(bytes)))
}

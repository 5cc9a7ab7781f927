//! The task that owns the socket: a thin driver of the machine.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use rolecall_wire::client::{self as wire, State, Transmit};
use rolecall_wire::close::HANDSHAKE_TIMEOUT;
use rolecall_wire::frame::{Hello, Network};
use rolecall_wire::server::Encoding;
use tokio::sync::{mpsc, oneshot};

use crate::clock::Clock;
use crate::link::{self, Choice, Incoming, Link, Opening, Outgoing, Transport};
use crate::session::Shared;
use crate::trust::Trust;
use crate::{Error, Event};

/// What a handle asks for.
#[derive(Debug)]
pub(crate) enum Command {
    Send { id: String, text: String, answer: Answer },
    Cancel(u64),
    Network(Network),
    Transport(Transport),
    Cut,
    Close,
}

type Answer = oneshot::Sender<Result<u64, Error>>;

/// The connection, as far as there is one.
enum Held {
    None,
    Opening(Opening),
    Open(Link),
}

/// What woke the task.
enum Wake {
    Command(Option<Command>),
    Room,
    Incoming(Incoming),
    Timeout,
    Processed,
}

/// How the session's server is reached.
#[derive(Debug)]
pub(crate) struct Way {
    pub(crate) ws_url: String,
    pub(crate) encoding: Encoding,
    /// Whose certificates are trusted, besides the system's.
    pub(crate) trust: Option<Trust>,
}

pub(crate) struct Driver {
    machine: wire::Client,
    clock: Clock,
    way: Way,
    choice: Choice,
    link: Held,
    shared: Arc<Shared>,
    commands: mpsc::Receiver<Command>,
    events: mpsc::Sender<Event>,
    /// Events that the application has no room for yet. While there are any, neither the socket
    /// nor the timers are looked at, so that it stays small.
    outbox: VecDeque<Event>,
    answers: HashMap<String, Answer>,
    closing: bool,
}

impl Driver {
    pub(crate) fn new(
        machine: wire::Client,
        way: Way,
        transport: Transport,
        shared: Arc<Shared>,
        commands: mpsc::Receiver<Command>,
        events: mpsc::Sender<Event>,
    ) -> Result<Self, Error> {
        let position = machine.position();
        let hello = Hello { token: position.token, ..Hello::default() };
        drop(link::open(transport, &way, &hello)?);
        Ok(Self {
            machine,
            clock: Clock::start(),
            way,
            choice: Choice::new(transport),
            link: Held::None,
            shared,
            commands,
            events,
            outbox: VecDeque::new(),
            answers: HashMap::new(),
            closing: false,
        })
    }

    /// Runs until the session ends or the last handle is dropped.
    pub(crate) async fn run(mut self) {
        self.machine.connect(self.clock.now_ms());
        loop {
            self.drain().await;
            let over = self.machine.state() == State::Closed;
            if over && (self.closing || self.outbox.is_empty()) {
                break;
            }
            let wake = self.wait().await;
            self.handle(wake).await;
        }
        // What the application had no room for is not processed, and comes again on resume; the
        // end itself is told if it can be.
        if let Some(end) = self.outbox.pop_back() {
            let _ = self.events.try_send(end);
        }
    }

    async fn wait(&mut self) -> Wake {
        let room = self.outbox.is_empty();
        let deadline = self.machine.poll_timeout();
        let sleep = tokio::time::sleep_until(self.clock.at(deadline.unwrap_or(u64::MAX)));
        tokio::select! {
            command = self.commands.recv() => Wake::Command(command),
            () = self.shared.moved.notified() => Wake::Processed,
            incoming = self.link.next(), if room => Wake::Incoming(incoming),
            () = sleep, if room && deadline.is_some() => Wake::Timeout,
            _ = self.events.reserve(), if !room => Wake::Room,
        }
    }

    async fn handle(&mut self, wake: Wake) {
        let now = self.clock.now_ms();
        match wake {
            Wake::Command(Some(command)) => self.command(now, command),
            // The last handle is gone.
            Wake::Command(None) => self.close(),
            Wake::Processed => {
                let processed = self.shared.processed.load(Ordering::Acquire);
                self.machine.processed(now, processed);
            }
            Wake::Incoming(incoming) => self.incoming(now, incoming).await,
            Wake::Timeout => self.machine.handle_timeout(now),
            Wake::Room => self.flush(),
        }
    }

    fn command(&mut self, now: u64, command: Command) {
        match command {
            Command::Send { id, text, answer } => match self.machine.send(&id, &text) {
                Ok(()) => drop(self.answers.insert(id, answer)),
                // Nobody may wait any more.
                Err(error) => drop(answer.send(Err(error.into()))),
            },
            // Without a connection there is nothing to stop.
            Command::Cancel(turn) => drop(self.machine.cancel(turn)),
            Command::Network(network) => self.machine.set_network(now, network),
            Command::Transport(transport) => {
                self.choice = Choice::new(transport);
                self.machine.migrate(now);
            }
            Command::Cut => self.cut(now),
            Command::Close => self.close(),
        }
    }

    fn cut(&mut self, now: u64) {
        if !matches!(self.link, Held::None) {
            self.link = Held::None;
            self.machine.handle_input(now, wire::Input::Gone);
        }
    }

    fn close(&mut self) {
        self.closing = true;
        self.machine.close();
    }

    async fn incoming(&mut self, now: u64, incoming: Incoming) {
        let incoming = self.choice.judge(incoming);
        let was_live = self.machine.state() == State::Active;
        if let Some(input) = incoming.input() {
            self.machine.handle_input(now, input);
        }
        match incoming {
            Incoming::Opened(link) => self.link = Held::Open(link),
            Incoming::Closed(_) => {
                if let Held::Open(link) = std::mem::replace(&mut self.link, Held::None) {
                    link.answer_close().await;
                }
            }
            Incoming::Refused(_) => self.link = Held::None,
            Incoming::Gone => {
                if !was_live {
                    self.choice.unanswered();
                }
                self.link = Held::None;
            }
            Incoming::Binary(_) | Incoming::Text(_) | Incoming::Ping(_) | Incoming::Nothing => {}
        }
    }

    /// Does and tells what the machine wants done and told.
    async fn drain(&mut self) {
        while let Some(transmit) = self.machine.poll_transmit() {
            match transmit {
                Transmit::Connect(hello) => self.connect(&hello),
                Transmit::Binary(bytes) => self.write(Outgoing::Binary(bytes)).await,
                Transmit::Text(text) => self.write(Outgoing::Text(text)).await,
                Transmit::Close { code, reason } => {
                    if code == HANDSHAKE_TIMEOUT {
                        self.choice.unanswered();
                    }
                    if let Held::Open(link) = std::mem::replace(&mut self.link, Held::None) {
                        link.close(code, reason).await;
                    }
                }
            }
        }
        if self.machine.state() == State::Active {
            self.choice.answered();
        }
        while let Some(event) = self.machine.poll_event() {
            self.answer(&event);
            self.outbox.extend(Event::from_wire(event));
        }
        // First: who hears of a new token saves the session with it.
        self.shared.publish(&self.machine);
        self.flush();
    }

    fn connect(&mut self, hello: &Hello) {
        match link::open(self.choice.current(), &self.way, hello) {
            Ok(opening) => self.link = Held::Opening(opening),
            // Checked at the start, and only numbers differ.
            Err(error) => tracing::error!(%error, "a session's URL went bad"),
        }
    }

    async fn write(&mut self, outgoing: Outgoing) {
        let alive = match &mut self.link {
            Held::Open(link) => link.send(outgoing).await,
            Held::None | Held::Opening(_) => return,
        };
        if !alive {
            self.link = Held::None;
            self.machine.handle_input(self.clock.now_ms(), wire::Input::Gone);
        }
    }

    /// Tells the caller of `send` what became of its message.
    fn answer(&mut self, event: &wire::Event) {
        let (id, outcome) = match event {
            wire::Event::Accepted { id, seq } => (id, Ok(*seq)),
            wire::Event::Refused { id, code, message } => {
                (id, Err(Error::Refused { status: 0, code: code.clone(), message: message.clone() }))
            }
            _ => return,
        };
        if let Some(answer) = self.answers.remove(id) {
            // Nobody may wait any more.
            drop(answer.send(outcome));
        }
    }

    /// Hands the application what it has room for.
    fn flush(&mut self) {
        while let Some(event) = self.outbox.pop_front() {
            match self.events.try_send(event) {
                Err(mpsc::error::TrySendError::Full(event)) => {
                    self.outbox.push_front(event);
                    return;
                }
                // The last handle is gone, which the commands tell too.
                Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => {}
            }
        }
    }
}

impl Held {
    /// The next thing that comes; never, without a link. Cancel-safe.
    async fn next(&mut self) -> Incoming {
        match self {
            Self::None => std::future::pending().await,
            Self::Opening(opening) => opening.await,
            Self::Open(link) => link.next().await,
        }
    }
}

//! The client's side of a session as a value: it outlives connections.
//!
//! The driver opens a socket when told to ([`Transmit::Connect`]), hands in what arrives, and tells
//! the machine what the application has processed. Reconnecting, resuming, acknowledging,
//! repeating unaccepted messages and giving up are decided here.

mod active;
mod backoff;
mod coder;
mod config;
mod io;
mod migrate;
mod position;
mod pulse;
mod queue;
mod receive;

use alloc::collections::VecDeque;
use alloc::string::{String, ToString};

use self::active::Active;
pub use self::backoff::Backoff;
pub use self::config::{Config, NotActive, SendError};
pub use self::io::{Event, Input, State, Transmit};
pub use self::position::{Position, Unaccepted};
use self::queue::Queue;
use crate::close::{self, Advice};
use crate::codec::{self, ClientEnd, Coder};
use crate::frame::{ClientFrame, Hello, Network};
use crate::limits;
pub use crate::server::{Encoding, Millis};
use crate::timer::Timers;

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Client {
    config: Config,
    coder: Coder<ClientEnd>,
    phase: Phase,
    hello: Hello,
    /// The network type that the attempt under way presented; it may change before the `Welcome`.
    presented: Network,
    session_id: String,
    /// The highest sequence id received; `hello.last_seq` at the next attempt.
    received: u64,
    /// The highest sequence id the application has processed.
    processed: u64,
    queue: Queue,
    retry: backoff::Retry,
    /// When the server asked to be called again.
    come_back_at: Option<Millis>,
    connected_before: bool,
    rtt_ms: Option<u64>,
    timers: Timers<Timer>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

/// Each state with the data only it has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase {
    Idle,
    Connecting,
    Handshaking,
    Active(Active),
    Waiting,
    Over,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Timer {
    /// Opening and greeting took too long.
    Connect,
    /// The next regular `Beat`.
    Beat,
    /// A `Beat` out of turn, because the server has been silent for most of the timeout.
    Probe,
    /// The server has been silent for the timeout.
    Expiry,
    /// A processed message has waited long enough for its `Ack`.
    Ack,
    /// The next attempt.
    Reconnect,
    /// The server asked us to leave and come back now.
    Migrate,
}

impl Client {
    /// A client at a position, not connected. `seed` is a random number: all jitter follows from
    /// it, so it must differ between clients.
    #[must_use]
    pub fn new(config: Config, position: Position, seed: u64) -> Self {
        let hello = Hello {
            token: position.token,
            last_seq: position.last_seq,
            epoch: position.epoch,
            network: config.network,
            // From a stream of its own, so that the jitter stays what it was.
            instance: if config.number_attempts { crate::random::next(&mut !seed) | 1 } else { 0 },
            attempt: 0,
            window: config.window,
            rollup_ms: config.rollup_ms,
            refresh: true,
        };
        Self {
            phase: Phase::Idle,
            presented: hello.network,
            connected_before: position.last_seq > 0,
            session_id: position.session_id,
            received: hello.last_seq,
            processed: hello.last_seq,
            hello,
            queue: Queue::new(position.next_client_seq, position.unaccepted, config.max_unaccepted),
            retry: backoff::Retry::new(seed),
            coder: Coder::new(config.encoding),
            config,
            come_back_at: None,
            rtt_ms: None,
            timers: Timers::new(),
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Starts; later calls, also in other states, do nothing.
    pub fn connect(&mut self, now: Millis) {
        if matches!(self.phase, Phase::Idle) {
            self.open(now);
        }
    }

    /// Takes one input from the socket. Never fails: a peer's fault closes with a code.
    pub fn handle_input(&mut self, now: Millis, input: Input<'_>) {
        match (&self.phase, input) {
            (Phase::Connecting, Input::Opened) => self.phase = Phase::Handshaking,
            (Phase::Connecting, Input::Refused { status }) => {
                let reason = alloc::format!("the server answered the upgrade with HTTP {status}");
                let (code, advice) = close::for_status(status);
                self.lost(now, code, &reason, advice);
            }
            (Phase::Connecting | Phase::Handshaking | Phase::Active(_), Input::Gone) => {
                self.lost(now, close::ABNORMAL, "the connection was lost", Advice::Resume);
            }
            (Phase::Handshaking | Phase::Active(_), Input::Closed { code }) => {
                self.lost(now, code, "the server closed the connection", close::advice(code));
            }
            (Phase::Handshaking | Phase::Active(_), Input::Ping(payload)) => self.on_ping(now, payload),
            (Phase::Handshaking | Phase::Active(_), Input::Binary(bytes)) => {
                let frames = self.coder.binary(bytes, self.config.max_payload);
                self.on_decoded(now, frames);
            }
            (Phase::Handshaking | Phase::Active(_), Input::Text(text)) => {
                let frames = self.coder.text(text, self.config.max_payload);
                self.on_decoded(now, frames);
            }
            _ => {}
        }
    }

    /// Lets the timers that are due act.
    pub fn handle_timeout(&mut self, now: Millis) {
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Connect => self.abandon(now, close::HANDSHAKE_TIMEOUT, "connecting took too long"),
                Timer::Beat | Timer::Probe => self.regular_beat(now),
                Timer::Expiry => self.abandon(now, close::EXPIRED, "no sign of life for the timeout"),
                Timer::Ack => self.ack(),
                Timer::Reconnect => self.open(now),
                Timer::Migrate => self.abandon(now, close::MIGRATE, "the server asked to come back now"),
            }
        }
    }

    /// Queues a message; it is sent as soon as there is a live connection, until it is accepted or
    /// refused.
    ///
    /// # Errors
    /// When it cannot be queued; nothing happened then.
    pub fn send(&mut self, id: &str, text: &str) -> Result<(), SendError> {
        if matches!(self.phase, Phase::Over) {
            return Err(SendError::Ended);
        }
        self.check_escaped(id, text)?;
        self.queue.push(id, text)?;
        self.pump();
        Ok(())
    }

    /// The application has processed everything up to `seq`. Acknowledged in batches.
    pub fn processed(&mut self, now: Millis, seq: u64) {
        self.processed = self.processed.max(seq.min(self.received));
        let Phase::Active(active) = &self.phase else { return };
        match self.processed.saturating_sub(active.acked) {
            0 => {}
            n if n >= self.config.ack_every => self.ack(),
            _ => self.timers.set_if_unset(Timer::Ack, now + u64::from(self.config.ack_after_ms)),
        }
    }

    /// Stops the running reply of a turn.
    ///
    /// # Errors
    /// Without a live connection.
    pub fn cancel(&mut self, turn: u64) -> Result<(), NotActive> {
        if !matches!(self.phase, Phase::Active(_)) {
            return Err(NotActive);
        }
        self.transmit(&ClientFrame::Cancel { turn });
        Ok(())
    }

    /// The network type is this now. Told at once, or as soon as there is a connection.
    pub fn set_network(&mut self, now: Millis, network: Network) {
        if core::mem::replace(&mut self.hello.network, network) != network {
            self.beat(now, Some(network));
        }
    }

    /// Ends for good: no timer and no input brings the connection back.
    pub fn close(&mut self) {
        if !matches!(self.phase, Phase::Over) {
            self.transmit_close(close::NORMAL, "closed by the client");
            self.over(close::NORMAL, "closed by the client", Advice::Stop);
        }
    }

    /// The next thing to do.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        self.events.pop_front()
    }

    /// When `handle_timeout` must be called, on the caller's clock.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Millis> {
        self.timers.next()
    }

    /// The state.
    #[must_use]
    pub const fn state(&self) -> State {
        match self.phase {
            Phase::Idle => State::Idle,
            Phase::Connecting => State::Connecting,
            Phase::Handshaking => State::Handshaking,
            Phase::Active(_) => State::Active,
            Phase::Waiting => State::Waiting,
            Phase::Over => State::Closed,
        }
    }

    /// What a later client needs to go on exactly here: after the last *processed* message.
    #[must_use]
    pub fn position(&self) -> Position {
        Position {
            session_id: self.session_id.clone(),
            token: self.hello.token.clone(),
            last_seq: self.processed,
            epoch: self.hello.epoch,
            next_client_seq: self.queue.next_client_seq(),
            unaccepted: self.queue.waiting(),
        }
    }

    /// The highest sequence id received.
    #[must_use]
    pub const fn last_seq(&self) -> u64 {
        self.received
    }

    /// The epoch of the sequence ids; 0 before the first `Welcome`.
    #[must_use]
    pub const fn epoch(&self) -> u32 {
        self.hello.epoch
    }

    /// The latest round trip, by our own beats.
    #[must_use]
    pub const fn rtt_ms(&self) -> Option<u64> {
        self.rtt_ms
    }

    /// How many messages of ours wait for acceptance.
    #[must_use]
    pub fn unaccepted(&self) -> usize {
        self.queue.len()
    }

    fn open(&mut self, now: Millis) {
        self.phase = Phase::Connecting;
        self.coder = Coder::new(self.config.encoding);
        self.come_back_at = None;
        self.timers.clear_all();
        self.timers.set(Timer::Connect, now + u64::from(self.config.connect_timeout_ms));
        self.hello.last_seq = self.received;
        if self.config.number_attempts {
            self.hello.attempt = self.hello.attempt.saturating_add(1);
        }
        self.presented = self.hello.network;
        self.transmits.push_back(Transmit::Connect(self.hello.clone()));
    }

    /// Leaves a connection of our own accord and comes back.
    fn abandon(&mut self, now: Millis, code: u16, reason: &str) {
        self.transmit_close(code, reason);
        self.lost(now, code, reason, close::advice(code));
    }

    /// The connection ended: comes back or not.
    fn lost(&mut self, now: Millis, code: u16, reason: &str, advice: Advice) {
        if matches!(advice, Advice::Stop | Advice::Reauthenticate) {
            return self.over(code, reason, advice);
        }
        if let Phase::Active(active) = &self.phase {
            self.retry.had_connection(now.saturating_sub(active.since));
        }
        let told = self.come_back_at.map(|at| at.saturating_sub(now));
        let retry_in_ms = told.unwrap_or_else(|| self.retry.delay_ms(&self.config.backoff, advice));
        self.phase = Phase::Waiting;
        self.timers.clear_all();
        self.timers.set(Timer::Reconnect, now.saturating_add(retry_in_ms));
        self.events.push_back(Event::Disconnected { code, reason: reason.into(), retry_in_ms });
    }

    fn over(&mut self, code: u16, reason: &str, advice: Advice) {
        self.phase = Phase::Over;
        self.timers.clear_all();
        self.events.push_back(Event::Ended { code, reason: reason.into(), advice });
    }

    fn beat(&mut self, now: Millis, network: Option<Network>) {
        let Phase::Active(active) = &mut self.phase else { return };
        let ack = self.processed;
        active.acked = ack;
        active.beat_sent(now);
        self.beat_again(now);
        self.timers.clear(Timer::Ack);
        self.transmit(&ClientFrame::Beat { ack, sent_ms: now, network });
    }

    fn ack(&mut self) {
        let Phase::Active(active) = &mut self.phase else { return };
        active.acked = self.processed;
        self.timers.clear(Timer::Ack);
        self.transmit(&ClientFrame::Ack { seq: self.processed });
    }

    /// Sends the first waiting message, when none is under way. One at a time: a refusal then
    /// concerns the last number used, which the next message takes.
    fn pump(&mut self) {
        let Phase::Active(active) = &mut self.phase else { return };
        if active.caught_up
            && !active.sending
            && let Some(frame) = self.queue.first()
        {
            active.sending = true;
            self.transmit(&frame);
        }
    }

    /// Text that is short enough may still be too long as JSON, where some characters take six bytes.
    fn check_escaped(&self, id: &str, text: &str) -> Result<(), SendError> {
        if self.config.encoding != Encoding::JsonV1 || limits::check_send(id, text).is_err() {
            return Ok(());
        }
        let frame = ClientFrame::Send { id: id.into(), client_seq: u64::MAX, text: text.into() };
        match codec::to_json(&frame) {
            Err(codec::EncodeError::TooLarge { len, .. }) => Err(limits::Illegal::Escaped(len).into()),
            Ok(_) | Err(_) => Ok(()),
        }
    }

    fn transmit(&mut self, frame: &ClientFrame) {
        match self.coder.encode(frame) {
            Ok(transmit) => self.transmits.push_back(transmit),
            // Every message was checked when it was queued.
            Err(error) => self.events.push_back(Event::Error { code: "internal".into(), message: error.to_string() }),
        }
    }

    fn transmit_close(&mut self, code: u16, reason: &str) {
        if matches!(self.phase, Phase::Connecting | Phase::Handshaking | Phase::Active(_)) {
            self.transmits.push_back(Transmit::Close { code, reason: limits::reason(reason) });
        }
    }
}

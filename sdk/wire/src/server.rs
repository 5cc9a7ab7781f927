//! The server's side of one connection as a value.

mod active;
mod budget;
mod coder;
mod config;
mod io;
mod pulse;
mod rollup;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::string::ToString;

use self::active::Active;
use self::budget::Budget;
use self::config::Standing;
pub use self::config::{Config, Encoding};
pub use self::io::{Event, Input, State, Transmit};
use self::rollup::Rollup;
use crate::codec::{Coder, ServerEnd};
use crate::frame::{ClientFrame, Hello, Message, Network, ServerFrame};
use crate::heartbeat::Adaptive;
use crate::timer::Timers;
use crate::{close, limits};

/// Milliseconds on the caller's monotonic clock.
pub type Millis = u64;

/// The machine.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Server {
    phase: Phase,
    coder: Coder<ServerEnd>,
    rollup: Rollup,
    config: Standing,
    budget: Budget,
    /// How many messages the client lets us be ahead of its acknowledgements.
    window: u64,
    /// What is learned, in the adaptive mode. It outlives the phases: how a connection ends is the
    /// most that is learned from it.
    adaptive: Option<Box<Adaptive>>,
    /// The latest time that we were told.
    now: Millis,
    timers: Timers<Timer>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<Event>,
}

/// Each state with the data only it has.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
enum Phase {
    Handshaking { network: Network },
    Active(Active),
    Over(State),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Timer {
    /// The next regular Ping.
    Ping,
    /// A Ping out of turn, because the client has been silent for most of the timeout.
    Probe,
    /// The client has been silent for the timeout, or the application has looked for the session
    /// that long.
    Expiry,
    /// The client has acknowledged nothing for so long that what it lets us send is used up.
    Slow,
    /// The first piece of a reply that waits for others has waited long enough.
    Flush,
}

impl Server {
    /// An upgraded connection in `Handshaking`.
    #[must_use]
    pub fn new(config: Config, encoding: Encoding, hello: &Hello, now: Millis) -> Self {
        let mut timers = Timers::new();
        timers.set(Timer::Expiry, now + u64::from(config.timeout_ms));
        Self {
            phase: Phase::Handshaking { network: hello.network },
            coder: Coder::new(encoding),
            rollup: Rollup::new(if encoding == Encoding::BspV2 { hello.rollup_ms } else { 0 }),
            budget: Budget::new(&config, now),
            window: if hello.window == 0 { u64::MAX } else { hello.window.into() },
            adaptive: pulse::adaptive(&config, hello.network, now),
            now,
            config: config.into(),
            timers,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Takes one input from the socket. Never fails: a peer's fault closes with a code.
    #[allow(clippy::needless_pass_by_value, reason = "an input is given away")]
    pub fn handle_input(&mut self, now: Millis, input: Input<'_>) {
        self.now = now;
        if let Phase::Over(state) = &mut self.phase {
            if matches!((&input, *state), (Input::Gone, State::Expired)) {
                *state = State::Closed;
            }
            return;
        }
        if matches!(input, Input::Gone) {
            return self.gone();
        }
        self.note_life(now);
        if let Input::Pong(payload) = input {
            return if self.budget.take(now) { self.on_pong(now, payload) } else { self.flooded() };
        }
        match self.coder.decode(&input, self.config.max_payload) {
            Ok(frame) if self.is_free(&frame) || self.budget.take(now) => self.on_frame(now, frame),
            Ok(_) => self.flooded(),
            Err(error) => self.close(error.close_code(), &error.to_string()),
        }
    }

    /// Lets the timers that are due act.
    pub fn handle_timeout(&mut self, now: Millis) {
        self.now = now;
        while let Some(timer) = self.timers.pop(now) {
            match timer {
                Timer::Ping => {
                    self.ping(now);
                    self.rearm_ping(now);
                }
                Timer::Probe => self.ping(now),
                Timer::Expiry => self.expire(),
                Timer::Flush => self.flush_pieces(),
                Timer::Slow => self.close(close::SLOW, "the client takes no more messages"),
            }
        }
    }

    /// Sends a frame. The first must be `Welcome`, which makes the connection `Active`; its
    /// `heartbeat_ms` and `timeout_ms` are filled in by the machine. Every `Message` must follow
    /// the one before without a hole (or with a `Skipped` that names it), the first being
    /// `Welcome.resume_from`. A breach of either is
    /// our own bug and closes with [`close::INTERNAL`], so that no client takes a hole for the
    /// truth. In place of a message that no frame carries, `Skipped` is sent and reported. After the end of the connection, frames are dropped.
    pub fn send(&mut self, now: Millis, frame: &ServerFrame) {
        let sent = match (&mut self.phase, frame) {
            (Phase::Over(_), _) => return,
            (Phase::Handshaking { network }, ServerFrame::Welcome { resume_from, .. }) => {
                let network = *network;
                return self.welcome(now, network, *resume_from, frame);
            }
            (Phase::Handshaking { .. }, _) => Err("a frame before the Welcome"),
            (Phase::Active(_), ServerFrame::Welcome { .. }) => Err("a second Welcome"),
            (Phase::Active(active), ServerFrame::Message(message)) => active.note_sent(message.seq),
            (Phase::Active(active), ServerFrame::Skipped { from, to }) => active.note_skipped(*from, *to),
            (Phase::Active(_), _) => Ok(()),
        };
        match sent {
            Ok(()) => {
                self.transmit_in_order(now, frame);
                self.note_debt(now, frame);
                if self.room() == 0 {
                    // Nothing more comes that pieces could wait for.
                    self.flush_pieces();
                    self.timers.set_if_unset(Timer::Slow, now + u64::from(self.config.slow_ms));
                }
            }
            Err(bug) => self.close(close::INTERNAL, bug),
        }
    }

    /// Closes with a code of the range plan.
    pub fn close(&mut self, code: u16, reason: &str) {
        self.end(State::Closed, code, reason);
    }

    /// The same, and says when: a connection that is replaced in a long silence was lost to it, and
    /// the adaptive mode learns from that.
    pub fn close_at(&mut self, now: Millis, code: u16, reason: &str) {
        self.now = now;
        self.close(code, reason);
    }

    /// The next thing to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        pop(&mut self.transmits)
    }

    /// The next thing to know.
    pub fn poll_event(&mut self) -> Option<Event> {
        pop(&mut self.events)
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
            Phase::Handshaking { .. } => State::Handshaking,
            Phase::Active(_) => State::Active,
            Phase::Over(state) => state,
        }
    }

    /// Milliseconds between beats now.
    #[must_use]
    pub fn heartbeat_ms(&self) -> u32 {
        if let Some(adaptive) = &self.adaptive {
            return adaptive.interval_ms();
        }
        let network = match &self.phase {
            Phase::Handshaking { network } => *network,
            Phase::Active(active) => return active.interval_ms(&self.config),
            Phase::Over(_) => Network::Other,
        };
        self.config.heartbeat_ms.unwrap_or_else(|| self.config.table.base_ms(network))
    }

    /// How many messages may be sent now: what the client's window leaves of them, and none but on a live
    /// connection. The application sends no more; what is beyond stays in its log.
    #[must_use]
    pub const fn room(&self) -> u64 {
        match &self.phase {
            Phase::Active(active) => self.window.saturating_sub(active.unacknowledged()),
            Phase::Handshaking { .. } | Phase::Over(_) => 0,
        }
    }

    /// Everything up to here was acknowledged by the client; 0 before the `Welcome`.
    #[must_use]
    pub const fn acked(&self) -> u64 {
        match &self.phase {
            Phase::Active(active) => active.acked,
            Phase::Handshaking { .. } | Phase::Over(_) => 0,
        }
    }

    /// Whether a frame counts towards no limit: whoever replays a long log acknowledges much at once, as it must.
    fn is_free(&self, frame: &ClientFrame) -> bool {
        match (&self.phase, frame) {
            (Phase::Active(active), ClientFrame::Ack { seq }) => active.settles(*seq),
            _ => false,
        }
    }

    fn flooded(&mut self) {
        self.close(close::TOO_MANY_FRAMES, "more frames than the limit");
    }

    fn on_frame(&mut self, now: Millis, frame: ClientFrame) {
        if let Err(illegal) = limits::check(&frame) {
            return self.close(close::PROTOCOL, &illegal.to_string());
        }
        let Phase::Active(active) = &mut self.phase else {
            return self.close(close::PROTOCOL, "a frame before the Welcome");
        };
        match frame {
            ClientFrame::Ack { seq } => self.on_ack(seq),
            ClientFrame::Beat { ack, sent_ms, network } => {
                let changed = network.filter(|n| active.change_network(*n));
                self.note_beat(changed);
                self.on_ack(ack);
                self.on_beat(now, sent_ms, changed);
            }
            frame @ (ClientFrame::Send { .. } | ClientFrame::Cancel { .. }) => {
                self.events.push_back(Event::Frame(frame));
            }
        }
    }

    fn on_ack(&mut self, seq: u64) {
        let Phase::Active(active) = &mut self.phase else { return };
        match active.take_ack(seq) {
            Ok(true) => {
                self.timers.clear(Timer::Slow);
                self.events.push_back(Event::Frame(ClientFrame::Ack { seq }));
                self.note_ack();
            }
            Ok(false) => {}
            Err(sent) => {
                let reason = alloc::format!("acknowledged {seq}, but only {sent} was sent");
                self.close(close::PROTOCOL, &reason);
            }
        }
    }

    fn on_beat(&mut self, now: Millis, echo_ms: u64, changed: Option<Network>) {
        if !matches!(self.phase, Phase::Active(_)) {
            return;
        }
        let heartbeat_ms = self.heartbeat_ms();
        if let Some(network) = changed {
            self.events.push_back(Event::Network(network));
            self.rearm_ping(now);
        }
        self.transmit(&ServerFrame::Beat { echo_ms, heartbeat_ms });
    }

    fn on_pong(&mut self, now: Millis, payload: &[u8]) {
        let Phase::Active(active) = &mut self.phase else { return };
        if let Some(rtt_ms) = active.take_pong(now, payload) {
            self.note_rtt(rtt_ms);
            self.events.push_back(Event::Rtt { rtt_ms });
        }
    }

    fn welcome(&mut self, now: Millis, network: Network, resume_from: u64, frame: &ServerFrame) {
        self.phase = Phase::Active(Active::new(network, resume_from));
        let mut frame = frame.clone();
        if let ServerFrame::Welcome { heartbeat_ms, timeout_ms, .. } = &mut frame {
            (*heartbeat_ms, *timeout_ms) = (self.heartbeat_ms(), self.config.timeout_ms);
        }
        self.note_life(now);
        self.transmit(&frame);
        // At once, for a first round trip.
        self.ping(now);
        self.rearm_ping(now);
    }

    fn ping(&mut self, now: Millis) {
        // A Ping tells what was sent; the client takes what has not come by then for lost.
        self.flush_pieces();
        if let Phase::Active(active) = &mut self.phase {
            self.transmits.push_back(Transmit::Ping(active.ping(now)));
            self.note_asked(now);
        }
    }

    fn expire(&mut self) {
        match self.phase {
            Phase::Handshaking { .. } => self.close(close::HANDSHAKE_TIMEOUT, "the session was not found in time"),
            Phase::Active(_) => self.end(State::Expired, close::EXPIRED, "no sign of life for the timeout"),
            Phase::Over(_) => {}
        }
    }

    /// Sends a frame behind the messages before it. Answers and signs of life may overtake pieces that wait.
    fn transmit_in_order(&mut self, now: Millis, frame: &ServerFrame) {
        match frame {
            ServerFrame::Message(message) if self.waits(now, message) => return,
            ServerFrame::Message(_) | ServerFrame::Skipped { .. } | ServerFrame::Resumed { .. } => self.flush_pieces(),
            _ => {}
        }
        self.transmit(frame);
    }

    fn transmit(&mut self, frame: &ServerFrame) {
        match (self.coder.encode(frame), frame) {
            (Ok(transmit), _) => self.transmits.push_back(transmit),
            // Closing would bring the client back to the same message, for ever.
            (Err(error), ServerFrame::Message(Message { seq, .. })) => {
                self.events.push_back(Event::Unsendable { seq: *seq, reason: error.to_string() });
                if let Phase::Active(active) = &mut self.phase {
                    active.note_unsendable(*seq);
                }
                self.transmit(&ServerFrame::Skipped { from: *seq, to: *seq });
            }
            (Err(error), _) => self.close(close::INTERNAL, &error.to_string()),
        }
    }

    fn gone(&mut self) {
        let state = if matches!(self.phase, Phase::Active(_)) { State::Idle } else { State::Closed };
        self.over(state, close::ABNORMAL, "the socket ended");
    }

    fn end(&mut self, state: State, code: u16, reason: &str) {
        if !matches!(self.phase, Phase::Over(_)) {
            self.flush_pieces();
            self.transmits.push_back(Transmit::Close { code, reason: limits::reason(reason) });
            self.over(state, code, reason);
        }
    }

    fn over(&mut self, state: State, code: u16, reason: &str) {
        self.note_end(code);
        self.phase = Phase::Over(state);
        self.timers.clear_all();
        self.events.push_back(Event::Ended { code, reason: reason.into() });
    }
}

/// The first in a queue. One that is drained gives its memory back, for most connections are idle.
fn pop<T>(queue: &mut VecDeque<T>) -> Option<T> {
    let first = queue.pop_front();
    if first.is_none() {
        *queue = VecDeque::new();
    }
    first
}

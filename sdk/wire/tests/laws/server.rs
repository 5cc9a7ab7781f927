//! Laws of the server's machine, whatever its client and its application do.

use arbitrary::Arbitrary;
use rolecall_wire::frame::{Body, ClientFrame, Hello, Message, Network, ServerFrame};
use rolecall_wire::heartbeat::{Learned, Mode, Table};
use rolecall_wire::limits::{self, MAX_REASON};
use rolecall_wire::server::{Config, Event, Input, Server, State, Transmit};

use super::far::{FarClient, FarServer, Payload};
use super::steps::Steps;
use super::wording::Wording;

/// What one call may make the machine say; a driver drains it in between.
const MOST_SAID: usize = 8;

/// A connection, and what happens to it.
#[derive(Debug, Arbitrary)]
pub struct Life {
    wording: Wording,
    adaptive: bool,
    seed: u64,
    network: Network,
    bases: [u32; 5],
    floor: u32,
    timeout_ms: u32,
    last_seq: u64,
    window: u8,
    rollup_ms: u16,
    steps: Steps<Step>,
}

#[derive(Debug, Arbitrary)]
enum Step {
    /// What an application says that keeps the rules.
    Welcome,
    Next(Body),
    Skip(u8),
    /// What one says that does not.
    Say(ServerFrame),
    Close(u16, String),
    /// The Pong to a Ping: the latest, or an earlier one.
    Echo(u8),
    Pong(Vec<u8>),
    Frame(ClientFrame),
    Ack(u8),
    Binary(Vec<u8>),
    Text(String),
    Gone,
}

struct Checked {
    server: Server,
    client: FarClient,
    /// Reads what anybody says in the client's name: in version 2 the server may refer to it.
    others: FarServer,
    /// Somebody else said what the client would have said otherwise: it cannot follow any more.
    lost: bool,
    remembers: bool,
    now: u64,
    first: u64,
    /// The highest sequence id sent.
    sent: u64,
    acked: u64,
    greeted: bool,
    ended: bool,
    pings: Vec<Vec<u8>>,
}

/// Lives it, and checks after every step.
pub fn live(life: Life) {
    // What a contract's `heartbeat {}` may set.
    let seconds = |from: u32, to: u32, any: u32| from * 1_000 + any % ((to - from) * 1_000 + 1);
    let [four_g, three_g, two_g, slow_two_g, other] = life.bases.map(|base| seconds(1, 600, base));
    let mode = if life.adaptive { Mode::Adaptive } else { Mode::Table };
    let config = Config {
        timeout_ms: seconds(5, 600, life.timeout_ms),
        mode,
        table: Table { four_g, three_g, two_g, slow_two_g, other, floor: seconds(1, 60, life.floor) },
        learned: Learned::default(),
        seed: life.seed,
        ..Config::default()
    };
    let hello =
        Hello { token: "t".into(), last_seq: life.last_seq, epoch: 1, network: life.network, ..Hello::default() };
    let hello = Hello { window: life.window.into(), rollup_ms: life.rollup_ms.into(), ..hello };
    let mut checked = Checked {
        server: Server::new(config, life.wording.into(), &hello, 0),
        client: FarClient::new(life.wording.into()),
        others: FarServer::new(life.wording.into()),
        lost: false,
        remembers: matches!(life.wording, Wording::Two),
        now: 0,
        first: life.last_seq.saturating_add(1),
        sent: life.last_seq,
        acked: 0,
        greeted: false,
        ended: false,
        pings: Vec::new(),
    };
    for (pause, step) in life.steps.0 {
        checked.now = pause.after(checked.now, checked.server.poll_timeout());
        checked.step(step);
        if checked.lost {
            // Whoever spoke in the client's name alone knows what it is told now.
            return;
        }
        checked.drain();
        if checked.server.poll_timeout().is_some_and(|at| at <= checked.now) {
            checked.server.handle_timeout(checked.now);
            checked.drain();
            let due = checked.server.poll_timeout();
            assert!(due.is_none_or(|at| at > checked.now), "due at {due:?} again, at {}", checked.now);
        }
        assert!(checked.server.acked() <= checked.sent, "acknowledged before it was sent");
        assert!(checked.ended || checked.server.poll_timeout().is_some(), "a connection that nothing ends");
    }
}

impl Checked {
    fn step(&mut self, step: Step) {
        let now = self.now;
        let server = &mut self.server;
        match step {
            Step::Welcome => {
                let welcome = self.welcome();
                self.server.send(now, &welcome);
            }
            Step::Next(body) => {
                let seq = self.sent.saturating_add(1);
                server.send(now, &ServerFrame::Message(Message { seq, turn: 1, at_ms: now, body }));
            }
            Step::Skip(more) => {
                let from = self.sent.saturating_add(1);
                server.send(now, &ServerFrame::Skipped { from, to: from.saturating_add(u64::from(more)) });
            }
            Step::Say(frame) => server.send(now, &frame),
            Step::Close(code, reason) => server.close_at(now, code, &reason),
            Step::Echo(back) => {
                let at = self.pings.len().saturating_sub(1 + usize::from(back));
                let payload = self.pings.get(at).cloned().unwrap_or_default();
                server.handle_input(now, Input::Pong(&payload));
            }
            Step::Pong(payload) => server.handle_input(now, Input::Pong(&payload)),
            Step::Binary(bytes) => self.others_say(&Payload::Binary(bytes.into())),
            Step::Text(text) => server.handle_input(now, Input::Text(&text)),
            Step::Gone => server.handle_input(now, Input::Gone),
            Step::Ack(behind) => self.frame(&ClientFrame::Ack { seq: self.sent.saturating_sub(u64::from(behind)) }),
            Step::Frame(frame) => self.frame(&frame),
        }
    }

    fn welcome(&self) -> ServerFrame {
        ServerFrame::Welcome {
            session_id: "s".into(),
            role: "r".into(),
            epoch: 1,
            next_seq: self.first,
            resume_from: self.first,
            client_seq: 0,
            heartbeat_ms: 0,
            timeout_ms: 0,
        }
    }

    fn frame(&mut self, frame: &ClientFrame) {
        let Ok(said) = self.client.say(frame) else { return };
        assert_eq!(self.others.hear(said.clone()).as_ref(), Ok(frame));
        self.server.handle_input(self.now, (&said).into());
    }

    fn others_say(&mut self, said: &Payload) {
        if let Ok(frame) = self.others.hear(said.clone()) {
            let same = self.client.say(&frame).as_ref() == Ok(said);
            // The other encodings have no memory.
            self.lost |= !same && self.remembers;
        }
        self.server.handle_input(self.now, said.into());
    }

    fn drain(&mut self) {
        let (was_ended, mut said) = (self.ended, 0);
        while let Some(transmit) = self.server.poll_transmit() {
            assert!(!was_ended, "{transmit:?} behind the end");
            self.transmit(transmit);
            said += 1;
        }
        while let Some(event) = self.server.poll_event() {
            assert!(!self.ended, "{event:?} behind the end");
            self.event(event);
            said += 1;
        }
        assert!(said <= MOST_SAID, "{said} things at once");
        if self.ended {
            assert!(!matches!(self.server.state(), State::Handshaking | State::Active));
            assert_eq!(self.server.poll_timeout(), None);
        }
    }

    fn transmit(&mut self, transmit: Transmit) {
        let frames = match transmit {
            Transmit::Ping(payload) => {
                assert!(self.greeted && payload.len() == 16, "a Ping of {} bytes", payload.len());
                assert!(payload.ends_with(&self.sent.to_be_bytes()), "another sequence id than was sent");
                return self.pings.push(payload.to_vec());
            }
            Transmit::Close { reason, .. } => return assert!(reason.len() <= MAX_REASON),
            said => self.client.hear(said.try_into().expect("a message")),
        };
        for frame in frames.expect("a frame that reads") {
            self.said(&frame);
        }
    }

    fn said(&mut self, frame: &ServerFrame) {
        assert_ne!(self.greeted, matches!(frame, ServerFrame::Welcome { .. }), "one Welcome, and first: {frame:?}");
        match frame {
            ServerFrame::Welcome { resume_from, heartbeat_ms, timeout_ms, .. } => {
                assert!(*heartbeat_ms > 0 && *timeout_ms > 0);
                self.greeted = true;
                self.sent = resume_from.saturating_sub(1);
            }
            ServerFrame::Message(Message { seq, .. }) => {
                assert_eq!(Some(*seq), self.sent.checked_add(1), "a hole");
                self.sent = *seq;
            }
            ServerFrame::Skipped { from, to } => {
                assert!(Some(*from) == self.sent.checked_add(1) && to >= from, "a hole");
                self.sent = *to;
            }
            _ => {}
        }
    }

    fn event(&mut self, event: Event) {
        match event {
            Event::Frame(ClientFrame::Ack { seq }) => {
                assert!(seq > self.acked && seq <= self.sent, "acknowledged {seq} behind {}", self.acked);
                self.acked = seq;
            }
            Event::Frame(frame) => assert_eq!(limits::check(&frame), Ok(()), "{frame:?}"),
            Event::Ended { .. } => self.ended = true,
            Event::Rtt { .. } | Event::Network(_) | Event::Unsendable { .. } => {}
        }
    }
}

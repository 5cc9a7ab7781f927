//! Laws of the client's machine, whatever its server does.

use arbitrary::Arbitrary;
use rolecall_wire::client::{Client, Config, Encoding, Event, Input, Position, State, Transmit};
use rolecall_wire::frame::{Body, ClientFrame, Message, Network, ServerFrame};
use rolecall_wire::heartbeat::Mode;
use rolecall_wire::limits::{self, MAX_REASON};

use super::far::FarServer;
use super::steps::Steps;
use super::wording::Wording;

/// What one call may make the machine say; a driver drains it in between.
const MOST_SAID: usize = 8;

/// A client, and what happens to it.
#[derive(Debug, Arbitrary)]
pub struct Life {
    position: Option<Position>,
    wording: Wording,
    adaptive: bool,
    window: u8,
    rollup_ms: u16,
    steps: Steps<Step>,
}

#[derive(Debug, Arbitrary)]
enum Step {
    Connect,
    Opened,
    Refused(u16),
    Closed(u16),
    Gone,
    /// A greeting as an honest server gives it.
    Welcome {
        missed: u8,
        client_seq: u64,
        heartbeat_ms: u32,
        timeout_ms: u32,
        new_epoch: bool,
        lost: u8,
    },
    /// The message that follows.
    Next(Body),
    CaughtUp,
    /// The answer to what is under way, under the client's own id or another.
    Accepted {
        id: u8,
        client_seq: u64,
    },
    Frame(ServerFrame),
    Binary(Vec<u8>),
    Text(String),
    Ping(Vec<u8>),
    Send(u8, String),
    Processed(u64),
    Cancel(u64),
    Network(Network),
    Migrate,
    Close,
}

struct Checked {
    client: Client,
    encoding: Encoding,
    server: FarServer,
    session: String,
    epoch: u32,
    now: u64,
    /// The highest sequence id that the application has.
    shown: u64,
    live: bool,
    ended: bool,
}

/// Lives it, and checks after every step.
pub fn live(life: Life) {
    let mut position = life.position.unwrap_or_else(|| Position::start("s".into(), "t".into()));
    // A position was saved by a client, which queued no message that it could not send.
    position.unaccepted.retain(|waiting| limits::check_send(&waiting.id, &waiting.text).is_ok());
    let mode = if life.adaptive { Mode::Adaptive } else { Mode::Table };
    let most = Config::default().max_unaccepted.max(position.unaccepted.len());
    let config = Config {
        encoding: life.wording.into(),
        mode,
        window: life.window.into(),
        rollup_ms: life.rollup_ms.into(),
        ..Config::default()
    };
    let mut checked = Checked {
        session: position.session_id.clone(),
        epoch: position.epoch,
        shown: position.last_seq,
        client: Client::new(config, position, 1),
        encoding: life.wording.into(),
        server: FarServer::new(life.wording.into()),
        now: 0,
        live: false,
        ended: false,
    };
    for (pause, step) in life.steps.0 {
        checked.now = pause.after(checked.now, checked.client.poll_timeout());
        checked.step(step);
        checked.drain();
        if checked.client.poll_timeout().is_some_and(|at| at <= checked.now) {
            checked.client.handle_timeout(checked.now);
            checked.drain();
            let due = checked.client.poll_timeout();
            assert!(due.is_none_or(|at| at > checked.now), "due at {due:?} again, at {}", checked.now);
        }
        assert!(checked.client.unaccepted() <= most, "{} wait, {most} may", checked.client.unaccepted());
        assert_eq!(checked.client.last_seq(), checked.shown, "what was received and what was shown");
        assert!(checked.client.position().last_seq <= checked.shown, "processed before it was shown");
    }
}

impl Checked {
    fn step(&mut self, step: Step) {
        let now = self.now;
        let client = &mut self.client;
        match step {
            Step::Connect => client.connect(now),
            Step::Opened => client.handle_input(now, Input::Opened),
            Step::Refused(status) => client.handle_input(now, Input::Refused { status }),
            Step::Closed(code) => client.handle_input(now, Input::Closed { code }),
            Step::Gone => client.handle_input(now, Input::Gone),
            Step::Binary(bytes) => client.handle_input(now, Input::Binary(&bytes)),
            Step::Text(text) => client.handle_input(now, Input::Text(&text)),
            Step::Ping(payload) => client.handle_input(now, Input::Ping(&payload)),
            Step::Frame(frame) => self.frame(&frame),
            Step::Send(id, text) => drop(client.send(&id.to_string(), &text)),
            Step::Processed(seq) => client.processed(now, seq),
            Step::Cancel(turn) => drop(client.cancel(turn)),
            Step::Network(network) => client.set_network(now, network),
            Step::Migrate => client.migrate(now),
            Step::Close => client.close(),
            Step::CaughtUp => self.frame(&ServerFrame::Resumed { from: self.shown, to: self.shown }),
            Step::Next(body) => {
                let seq = self.shown.saturating_add(1);
                self.frame(&ServerFrame::Message(Message { seq, turn: 1, at_ms: now, body }));
            }
            Step::Accepted { id, client_seq } => {
                self.frame(&ServerFrame::Accepted { id: id.to_string(), client_seq, seq: 1, duplicate: false });
            }
            Step::Welcome { missed, client_seq, heartbeat_ms, timeout_ms, new_epoch, lost } => {
                let epoch = self.epoch.saturating_add(u32::from(new_epoch)).max(1);
                let resume_from =
                    self.shown.saturating_add(1).saturating_add(if new_epoch { u64::from(lost) } else { 0 });
                let next_seq = resume_from.saturating_add(u64::from(missed));
                let (session_id, role) = (self.session.clone(), "r".into());
                self.epoch = epoch;
                self.frame(&ServerFrame::Welcome {
                    session_id,
                    role,
                    epoch,
                    next_seq,
                    resume_from,
                    client_seq,
                    heartbeat_ms,
                    timeout_ms,
                });
            }
        }
    }

    fn frame(&mut self, frame: &ServerFrame) {
        if let Ok(said) = self.server.say(frame) {
            self.client.handle_input(self.now, (&said).into());
        }
    }

    fn drain(&mut self) {
        let (was_live, was_ended) = (self.live, self.ended);
        let (mut said, mut lives) = (0, was_live);
        while let Some(event) = self.client.poll_event() {
            assert!(!self.ended, "{event:?} behind the end");
            self.event(&event);
            lives |= self.live;
            said += 1;
        }
        while let Some(transmit) = self.client.poll_transmit() {
            assert!(!was_ended, "{transmit:?} behind the end");
            self.transmit(transmit, lives);
            said += 1;
        }
        assert!(said <= MOST_SAID, "{said} things at once");
        if self.ended {
            assert_eq!((self.client.state(), self.client.poll_timeout()), (State::Closed, None));
        }
    }

    fn event(&mut self, event: &Event) {
        match event {
            Event::Message(Message { seq, .. }) => {
                assert_eq!(Some(*seq), self.shown.checked_add(1), "out of order");
                self.shown = *seq;
            }
            Event::Skipped { from, to } => {
                assert!(Some(*from) == self.shown.checked_add(1) && to >= from, "{from}..={to} behind {}", self.shown);
                self.shown = *to;
            }
            Event::Connected { from, .. } => {
                assert!(*from > self.shown || *from == u64::MAX, "shown again from {from}");
                self.live = true;
            }
            Event::Disconnected { .. } => self.live = false,
            Event::Ended { .. } => (self.live, self.ended) = (false, true),
            _ => {}
        }
    }

    fn transmit(&mut self, transmit: Transmit, live: bool) {
        let frame = match transmit {
            Transmit::Connect(hello) => {
                self.live = false;
                self.server = FarServer::new(self.encoding);
                return assert_eq!(hello.last_seq, self.shown, "the place presented");
            }
            Transmit::Close { reason, .. } => return assert!(reason.len() <= MAX_REASON),
            said => self.server.hear(said.try_into().expect("a message")),
        };
        assert!(live, "{frame:?} without a connection");
        match frame {
            Ok(ClientFrame::Ack { seq } | ClientFrame::Beat { ack: seq, .. }) => assert!(seq <= self.shown),
            Ok(frame @ (ClientFrame::Send { .. } | ClientFrame::Cancel { .. })) => {
                assert_eq!(limits::check(&frame), Ok(()), "{frame:?}");
            }
            Err(fault) => panic!("{fault}"),
        }
    }
}

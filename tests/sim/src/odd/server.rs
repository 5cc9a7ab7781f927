//! Servers that break the rules, against the client's machine.

use rolecall_wire::client::{Backoff, Client, Config, Event, Input, Position, State, Transmit};
use rolecall_wire::close::{self, Advice};
use rolecall_wire::codec;
use rolecall_wire::frame::ServerFrame;
use rolecall_wire::server::Encoding;

use super::{delta, garbage};
use crate::chance::Chance;
use crate::count::{Count, Counts};
use crate::property::{Held, hold};

/// A client's machine that is about to hear something wrong.
struct Stand {
    client: Client,
    now: u64,
    last: u64,
    epoch: u32,
}

/// Breaks one rule, or bends one that may be bent.
pub(crate) fn break_a_rule(chance: &mut Chance, counts: &mut Counts) -> Held {
    counts.add(Count::OddServer);
    match chance.below(7) {
        0 => wrong_welcome(chance),
        1 => second_greeting(chance),
        2 => garbage(chance),
        3 => repeat(chance),
        4 => close_code(chance),
        5 => status(chance),
        _ => hole(chance),
    }
}

impl Stand {
    fn opened(chance: &mut Chance) -> Self {
        let (now, last) = (chance.below(1_000_000), chance.below(5));
        let position = Position { last_seq: last, epoch: 3, ..Position::start("s_2".into(), "t".into()) };
        let config = Config { max_payload: 4_096, encoding: Encoding::BspV1, ..Config::default() };
        let mut client = Client::new(config, position, chance.any());
        client.connect(now);
        client.handle_input(now, Input::Opened);
        let mut stand = Self { client, now, last, epoch: 3 };
        stand.drain();
        stand
    }

    fn welcomed(chance: &mut Chance) -> Self {
        let mut stand = Self::opened(chance);
        let welcome = stand.welcome(stand.last + 1, stand.last + 1);
        stand.tell(&welcome);
        for _ in 0..chance.below(3) {
            stand.last += 1;
            let message = delta(stand.last);
            stand.tell(&message);
        }
        stand.drain();
        stand
    }

    fn welcome(&self, resume_from: u64, next_seq: u64) -> ServerFrame {
        ServerFrame::Welcome {
            session_id: "s_2".into(),
            role: "scholar".into(),
            epoch: self.epoch,
            next_seq,
            resume_from,
            client_seq: 0,
            heartbeat_ms: 8_000,
            timeout_ms: 30_000,
        }
    }

    fn tell(&mut self, frame: &ServerFrame) {
        if let Ok(bytes) = codec::encode_server(frame) {
            self.client.handle_input(self.now, Input::Binary(&bytes));
        }
    }

    fn drain(&mut self) -> (Vec<Event>, Vec<Transmit>) {
        let events = std::iter::from_fn(|| self.client.poll_event()).collect();
        (events, std::iter::from_fn(|| self.client.poll_transmit()).collect())
    }

    /// The client closed with this code, for good, and nothing else came of it.
    fn stopped(&mut self, what: &str, code: u16) -> Held {
        let (events, transmits) = self.drain();
        let told = matches!(&events[..], [Event::Ended { code: told, advice: Advice::Stop, .. }] if *told == code);
        hold!(told, P13, "{what}: expected the end with {code} and nothing else, got {events:?}");
        let sent = matches!(&transmits[..], [Transmit::Close { code: sent, .. }] if *sent == code);
        hold!(sent, P13, "{what}: expected a close with {code}, got {transmits:?}");
        hold!(self.client.last_seq() == self.last, P13, "{what}: the client's place moved");
        let over = self.client.state() == State::Closed && self.client.poll_timeout().is_none();
        hold!(over, P13, "{what}: the client goes on");
        Ok(())
    }

    /// The client reconnects from where it was, and nothing else came of it.
    fn asks_again(&mut self, what: &str) -> Held {
        let (events, transmits) = self.drain();
        let told = matches!(&events[..], [Event::Disconnected { code: close::SEQUENCE, .. }]);
        hold!(told, P4, "{what}: expected 4001 and nothing else, got {events:?}");
        let sent = matches!(&transmits[..], [Transmit::Close { code: close::SEQUENCE, .. }]);
        hold!(sent, P4, "{what}: expected a close with 4001, got {transmits:?}");
        let due = self.client.poll_timeout().unwrap_or(u64::MAX);
        self.client.handle_timeout(due);
        let (_, transmits) = self.drain();
        let place =
            transmits.iter().find_map(|t| if let Transmit::Connect(hello) = t { Some(hello.last_seq) } else { None });
        hold!(place == Some(self.last), P4, "{what}: the client resumes from {place:?}, not {}", self.last);
        Ok(())
    }
}

fn wrong_welcome(chance: &mut Chance) -> Held {
    let mut stand = Stand::opened(chance);
    let expected = stand.last + 1;
    let (what, mut welcome) = match chance.below(5) {
        0 => ("a Welcome that leaves out", stand.welcome(expected + 1 + chance.below(9), 90)),
        1 if stand.last > 0 => ("a Welcome that repeats", stand.welcome(expected - 1, 90)),
        2 if stand.last > 0 => ("a Welcome that goes back", stand.welcome(expected, expected - 1)),
        3 => ("a message before the Welcome", delta(expected)),
        _ => ("a Welcome of another session", stand.welcome(expected, expected)),
    };
    if let ServerFrame::Welcome { session_id, .. } = &mut welcome
        && what.ends_with("session")
    {
        *session_id = "s_3".into();
    }
    stand.tell(&welcome);
    stand.stopped(what, close::PROTOCOL)
}

fn second_greeting(chance: &mut Chance) -> Held {
    let mut stand = Stand::welcomed(chance);
    let welcome = stand.welcome(stand.last + 1, stand.last + 1);
    stand.tell(&welcome);
    stand.stopped("a second Welcome", close::PROTOCOL)
}

fn garbage(chance: &mut Chance) -> Held {
    let mut stand = Stand::welcomed(chance);
    if chance.one_in(5) {
        stand.client.handle_input(stand.now, Input::Text("{\"type\":\"beat\",\"echo_ms\":0,\"heartbeat_ms\":1}"));
        return stand.stopped("text where BSP was agreed", close::BAD_FRAME);
    }
    let Ok(bytes) = codec::encode_server(&delta(stand.last + 1)) else { return Ok(()) };
    let (what, bytes, code) = garbage::spoil(chance, &bytes, 4_096);
    stand.client.handle_input(stand.now, Input::Binary(&bytes));
    stand.stopped(what, code)
}

/// A repeat is harmless: it is dropped, and costs nothing.
fn repeat(chance: &mut Chance) -> Held {
    let mut stand = Stand::welcomed(chance);
    if stand.last > 0 {
        let repeat = delta(chance.between(1, stand.last));
        stand.tell(&repeat);
    }
    let (events, transmits) = stand.drain();
    hold!(events.is_empty() && transmits.is_empty(), P2, "a repeat: {events:?}, {transmits:?}");
    hold!(stand.client.state() == State::Active, P2, "a repeat ended the connection");
    hold!(stand.client.last_seq() == stand.last, P2, "a repeat moved the client's place");
    Ok(())
}

fn hole(chance: &mut Chance) -> Held {
    let mut stand = Stand::welcomed(chance);
    let next = stand.last + 1;
    let further = next + 1 + chance.below(5);
    let (what, frame) = match chance.below(5) {
        0 => ("a message behind a hole", delta(further)),
        1 => ("a skip behind a hole", ServerFrame::Skipped { from: further, to: further + 1 }),
        2 => ("a skip of nothing", ServerFrame::Skipped { from: next, to: next - 1 }),
        3 => ("a replay with a hole", ServerFrame::Resumed { from: 1, to: next }),
        _ => {
            let payload = (u128::from(stand.now) << 64 | u128::from(next)).to_be_bytes();
            stand.client.handle_input(stand.now, Input::Ping(&payload));
            return stand.asks_again("a Ping of a lost message");
        }
    };
    stand.tell(&frame);
    stand.asks_again(what)
}

/// What a client does about a close code, by the published plan.
fn close_code(chance: &mut Chance) -> Held {
    let mut stand = Stand::welcomed(chance);
    let code = u16::try_from(chance.pick(4_000, &[1_000, 4_100, 4_200, 4_300, 3_000]) + chance.below(100)).unwrap_or(0);
    let code = chance.pick(code, &[1_001, 1_005, 1_006, 1_009, 1_011, 1_012, 1_013, 4_304]);
    stand.client.handle_input(stand.now, Input::Closed { code });
    let expected = match code {
        1_001 | 1_005 | 1_006 | 1_012 | 4_000..=4_099 => Advice::Resume,
        1_011 | 1_013..=1_015 | 3_000..=3_999 | 4_200..=4_299 => Advice::RetryLater,
        4_100..=4_199 => Advice::Reauthenticate,
        _ => Advice::Stop,
    };
    goes_by(&stand.drain().0, expected, &format!("closed with {code}"))
}

/// What a client does about a refused upgrade.
fn status(chance: &mut Chance) -> Held {
    let config = Config { encoding: Encoding::JsonV1, ..Config::default() };
    let mut client = Client::new(config, Position::start("s_2".into(), "t".into()), chance.any());
    client.connect(0);
    let status = chance.pick(400, &[401, 404, 408, 410, 426, 429, 500, 503]);
    client.handle_input(1, Input::Refused { status });
    let expected = match status {
        408 | 429 | 500..=599 => Advice::RetryLater,
        401 => Advice::Reauthenticate,
        _ => Advice::Stop,
    };
    let events: Vec<Event> = std::iter::from_fn(|| client.poll_event()).collect();
    goes_by(&events, expected, &format!("refused with {status}"))
}

/// A client stops, or comes back when it may: the first bound of delays is that of the default.
fn goes_by(events: &[Event], expected: Advice, what: &str) -> Held {
    let Backoff { base_ms, later_ms, .. } = Backoff::default();
    let as_expected = match (events, expected) {
        ([Event::Disconnected { retry_in_ms, .. }], Advice::Resume) => (0..=base_ms).contains(retry_in_ms),
        ([Event::Disconnected { retry_in_ms, .. }], Advice::RetryLater) => {
            (later_ms..=later_ms + base_ms).contains(retry_in_ms)
        }
        ([Event::Ended { advice, .. }], Advice::Reauthenticate | Advice::Stop) => *advice == expected,
        _ => false,
    };
    hold!(as_expected, P13, "{what}: expected {expected:?} and nothing else, got {events:?}");
    Ok(())
}

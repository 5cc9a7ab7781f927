//! Clients that break the rules, against the server's machine.

use rolecall_wire::close;
use rolecall_wire::codec;
use rolecall_wire::frame::{ClientFrame, Hello, ServerFrame};
use rolecall_wire::server::{Config, Encoding, Event, Input, Server, State, Transmit};

use super::{delta, garbage};
use crate::chance::Chance;
use crate::count::{Count, Counts};
use crate::property::{Held, hold};

/// A server's machine with a log of so many messages, and a client at `last`.
struct Stand {
    server: Server,
    now: u64,
    head: u64,
}

/// Breaks one rule, or bends one that may be bent.
pub(crate) fn break_a_rule(chance: &mut Chance, counts: &mut Counts) -> Held {
    counts.add(Count::OddClient);
    match chance.below(6) {
        0 => illegal_frame(chance),
        1 => garbage(chance),
        2 => flood(chance, counts),
        3 => early(chance),
        4 => harmless(chance),
        _ => own_bug(chance),
    }
}

impl Stand {
    fn new(chance: &mut Chance, config: Config) -> Self {
        let now = chance.below(1_000_000);
        let hello = Hello { token: "t".into(), ..Hello::default() };
        let server = Server::new(config, Encoding::BspV1, &hello, now);
        Self { server, now, head: 0 }
    }

    fn welcomed(chance: &mut Chance, config: Config) -> Self {
        let mut stand = Self::new(chance, config);
        stand.welcome();
        for _ in 0..chance.below(4) {
            stand.head += 1;
            let message = delta(stand.head);
            stand.server.send(stand.now, &message);
        }
        stand.drain();
        stand
    }

    fn welcome(&mut self) {
        let welcome = ServerFrame::Welcome {
            session_id: "s_2".into(),
            role: "scholar".into(),
            epoch: 1,
            next_seq: self.head + 1,
            resume_from: 1,
            client_seq: 0,
            heartbeat_ms: 0,
            timeout_ms: 0,
        };
        self.server.send(self.now, &welcome);
    }

    fn give(&mut self, frame: &ClientFrame) {
        if let Ok(bytes) = codec::encode_client(frame) {
            self.server.handle_input(self.now, Input::Binary(&bytes));
        }
    }

    fn drain(&mut self) -> (Vec<Event>, Vec<Transmit>) {
        let events = std::iter::from_fn(|| self.server.poll_event()).collect();
        (events, std::iter::from_fn(|| self.server.poll_transmit()).collect())
    }

    /// The connection is closed with this code, and nothing else came of it, then or later.
    fn closed(&mut self, what: &str, code: u16) -> Held {
        let (events, transmits) = self.drain();
        let told = matches!(&events[..], [Event::Ended { code: told, .. }] if *told == code);
        hold!(told, P13, "{what}: expected {code} and nothing else, got {events:?}");
        let sent = matches!(&transmits[..], [Transmit::Close { code: sent, .. }] if *sent == code);
        hold!(sent, P13, "{what}: expected a close with {code}, got {transmits:?}");
        self.give(&ClientFrame::Cancel { turn: 1 });
        self.server.send(self.now, &delta(self.head + 1));
        self.server.handle_timeout(self.now + 100_000);
        let (events, transmits) = self.drain();
        let quiet = events.is_empty() && transmits.is_empty() && self.server.poll_timeout().is_none();
        hold!(quiet, P13, "{what}: something follows the end: {events:?}, {transmits:?}");
        Ok(())
    }
}

fn illegal_frame(chance: &mut Chance) -> Held {
    let mut stand = Stand::welcomed(chance, Config::default());
    let ahead = stand.head + 1 + chance.spread(1_000);
    let send = |client_seq, id: &str, text: &str| ClientFrame::Send { id: id.into(), client_seq, text: text.into() };
    let (what, frame) = match chance.below(6) {
        0 => ("an Ack ahead of what was sent", ClientFrame::Ack { seq: ahead }),
        1 => ("a beat ahead of what was sent", ClientFrame::Beat { ack: ahead, sent_ms: 1, network: None }),
        2 => ("client_seq 0", send(0, "a", "b")),
        3 => ("no id", send(1, "", "b")),
        4 => ("a long id", send(1, &"x".repeat(65), "b")),
        _ => ("no text", send(1, "a", "")),
    };
    stand.give(&frame);
    stand.closed(what, close::PROTOCOL)
}

fn garbage(chance: &mut Chance) -> Held {
    let config = Config { max_payload: 4_096, ..Config::default() };
    let mut stand = Stand::welcomed(chance, config);
    if chance.one_in(4) {
        stand.server.handle_input(stand.now, Input::Text("{\"type\":\"ack\",\"seq\":0}"));
        return stand.closed("text where BSP was agreed", close::BAD_FRAME);
    }
    if chance.one_in(4) {
        if let Ok(bytes) = codec::encode_server(&delta(1)) {
            stand.server.handle_input(stand.now, Input::Binary(&bytes));
        }
        return stand.closed("a frame of the other direction", close::BAD_FRAME);
    }
    let frame = ClientFrame::Send { id: "a".into(), client_seq: 1, text: "何如".into() };
    let Ok(bytes) = codec::encode_client(&frame) else { return Ok(()) };
    let (what, bytes, code) = garbage::spoil(chance, &bytes, 4_096);
    stand.server.handle_input(stand.now, Input::Binary(&bytes));
    stand.closed(what, code)
}

/// More frames than the bucket has, with pauses in which it refills.
fn flood(chance: &mut Chance, counts: &mut Counts) -> Held {
    let (burst, rate) = (chance.pick(3, &[20]), chance.pick(2, &[50]));
    let config = Config { frame_burst: burst, frames_per_second: rate, timeout_ms: 600_000, ..Config::default() };
    let mut stand = Stand::welcomed(chance, config);
    let (full, mut left) = (u64::from(burst) * 1_000, u64::from(burst) * 1_000);
    for _ in 0..1_000 {
        let pause = if chance.one_in(6) { chance.spread(2_000) } else { 0 };
        stand.now += pause;
        left = (left + pause * u64::from(rate)).min(full);
        match chance.below(3) {
            0 => stand.server.handle_input(stand.now, Input::Pong(b"?")),
            1 => stand.give(&ClientFrame::Ack { seq: 0 }),
            _ => stand.give(&ClientFrame::Cancel { turn: 1 }),
        }
        if left < 1_000 {
            let events: Vec<Event> = std::iter::from_fn(|| stand.server.poll_event()).collect();
            let last = events.last();
            let told = matches!(last, Some(Event::Ended { code: close::TOO_MANY_FRAMES, .. }));
            hold!(told, P10, "a frame above {burst} and {rate}/s: {last:?}");
            counts.add(Count::Flood);
            return Ok(());
        }
        left -= 1_000;
        hold!(stand.server.state() == State::Active, P10, "closed with {left} thousandths of a frame left");
        let quiet = stand.drain().0.iter().all(|event| matches!(event, Event::Frame(ClientFrame::Cancel { .. })));
        hold!(quiet, P13, "a flood had another effect");
    }
    Ok(())
}

/// Before the `Welcome`: the client must not speak, and the server must not take for ever.
fn early(chance: &mut Chance) -> Held {
    let timeout_ms = chance.pick(3_000, &[30_000]);
    let mut stand = Stand::new(chance, Config { timeout_ms, ..Config::default() });
    if chance.one_in(2) {
        stand.give(&ClientFrame::Cancel { turn: 1 });
        return stand.closed("a frame before the Welcome", close::PROTOCOL);
    }
    stand.now += u64::from(timeout_ms) - 1;
    stand.server.handle_timeout(stand.now);
    hold!(stand.server.state() == State::Handshaking, P11, "a handshake ended too soon");
    stand.now += 1;
    stand.server.handle_timeout(stand.now);
    stand.closed("no Welcome in time", close::HANDSHAKE_TIMEOUT)
}

/// What is odd and allowed: acknowledgements that go back, Pongs that answer nothing or twice, or the ninth
/// Ping from the last.
fn harmless(chance: &mut Chance) -> Held {
    let config = Config { timeout_ms: 600_000, ..Config::default() };
    let mut stand = Stand::welcomed(chance, config);
    for seq in [stand.head, 0, stand.head, stand.head.saturating_sub(1)] {
        stand.give(&ClientFrame::Ack { seq });
        hold!(stand.server.acked() == stand.head, P7, "the watermark is {}, not {}", stand.server.acked(), stand.head);
    }
    let moved = stand.drain().0.len() as u64;
    hold!(moved == stand.head.min(1), P7, "the watermark moved {moved} times");
    let mut pings = Vec::new();
    for _ in 0..chance.between(1, 12) {
        if let Some(at) = stand.server.poll_timeout() {
            stand.now = at;
            stand.server.handle_timeout(at);
        }
        let sent = stand.drain().1.into_iter();
        pings.extend(
            sent.filter_map(|t| if let Transmit::Ping(payload) = t { Some((payload, stand.now)) } else { None }),
        );
    }
    stand.now += chance.spread(500);
    let back = chance.place(pings.len());
    let Some((payload, at)) = pings.iter().rev().nth(back).cloned() else { return Ok(()) };
    stand.server.handle_input(stand.now, Input::Pong(&payload));
    stand.server.handle_input(stand.now, Input::Pong(&payload));
    stand.server.handle_input(stand.now, Input::Pong(&[]));
    let rtts: Vec<Event> = stand.drain().0;
    let rtt_ms = stand.now - at;
    let expected = if back < 8 { vec![Event::Rtt { rtt_ms }] } else { vec![] };
    hold!(rtts == expected, P11, "the Pong of the Ping {back} before the last: {rtts:?}, not {expected:?}");
    hold!(stand.server.state() == State::Active, P13, "what is allowed ended the connection");
    Ok(())
}

/// The server's own side is about to show a hole, or greets twice.
fn own_bug(chance: &mut Chance) -> Held {
    let mut stand = Stand::welcomed(chance, Config::default());
    let next = stand.head + 1;
    let (what, frame) = match chance.below(4) {
        0 => ("a hole", delta(next + 1 + chance.below(3))),
        1 => ("a repeat", delta(next - 1)),
        2 => ("a skip that does not follow", ServerFrame::Skipped { from: next + 1, to: next + 2 }),
        _ => {
            stand.welcome();
            return stand.closed("a second Welcome", close::INTERNAL);
        }
    };
    stand.server.send(stand.now, &frame);
    stand.closed(what, close::INTERNAL)
}

use alloc::string::String;
use alloc::vec::Vec;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::frame::{Body, Hit, Network, Outcome, Secret};

fn text() -> impl Strategy<Value = String> {
    prop_oneof!["[a-z 曰天下合分]{0,12}", "[0-9a-f]{32}", "[0-9a-fA-F]{31,33}"]
}

fn number() -> impl Strategy<Value = u64> {
    prop_oneof![0..4u64, 1_700_000_000_000..1_700_000_000_200u64, any::<u64>()]
}

fn network() -> impl Strategy<Value = Network> {
    use Network::{FourG, Other, SlowTwoG, ThreeG, TwoG};
    proptest::sample::select(&[FourG, ThreeG, TwoG, SlowTwoG, Other][..])
}

fn client_frame() -> impl Strategy<Value = ClientFrame> {
    prop_oneof![
        (text(), number(), text()).prop_map(|(id, client_seq, text)| ClientFrame::Send { id, client_seq, text }),
        number().prop_map(|seq| ClientFrame::Ack { seq }),
        (number(), number(), proptest::option::of(network())).prop_map(|(ack, sent_ms, network)| ClientFrame::Beat {
            ack,
            sent_ms,
            network
        }),
        number().prop_map(|turn| ClientFrame::Cancel { turn }),
    ]
}

fn body() -> impl Strategy<Value = Body> {
    use Outcome::{Cancelled, Complete, Failed, Fallback, Refused, Repaired};
    let outcome = proptest::sample::select(&[Complete, Repaired, Fallback, Refused, Cancelled, Failed][..]);
    let hit = (text(), text(), text()).prop_map(|(rule, action, message)| Hit { rule, action, message });
    prop_oneof![
        (text(), text()).prop_map(|(id, text)| Body::User { id, text }),
        text().prop_map(|text| Body::Delta { text }),
        (text(), outcome, vec(hit, 0..3)).prop_map(|(text, outcome, hits)| Body::Reply { text, outcome, hits }),
        (text(), text(), vec(text(), 0..3)).prop_map(|(text, intent, parts)| Body::Delivery { text, intent, parts }),
    ]
}

fn server_frame() -> impl Strategy<Value = ServerFrame> {
    prop_oneof![
        6 => (number(), number(), number(), body())
            .prop_map(|(seq, turn, at_ms, body)| ServerFrame::Message(Message { seq, turn, at_ms, body })),
        1 => (text(), text(), any::<u32>(), number(), number(), number(), any::<u32>(), any::<u32>()).prop_map(
            |(session_id, role, epoch, next_seq, resume_from, client_seq, heartbeat_ms, timeout_ms)| {
                ServerFrame::Welcome {
                    session_id, role, epoch, next_seq, resume_from, client_seq, heartbeat_ms, timeout_ms,
                }
            }
        ),
        1 => (number(), number()).prop_map(|(from, to)| ServerFrame::Resumed { from, to }),
        2 => (text(), number(), number(), any::<bool>()).prop_map(|(id, client_seq, seq, duplicate)| {
            ServerFrame::Accepted { id, client_seq, seq, duplicate }
        }),
        1 => (number(), 0..3u32).prop_map(|(echo_ms, heartbeat_ms)| ServerFrame::Beat { echo_ms, heartbeat_ms }),
        1 => (text(), text(), proptest::option::of(text()))
            .prop_map(|(code, message, id)| ServerFrame::Error { code, message, id }),
        1 => (number(), number()).prop_map(|(from, to)| ServerFrame::Skipped { from, to }),
        1 => any::<u32>().prop_map(|after_ms| ServerFrame::Goaway { after_ms }),
        1 => text().prop_map(|token| ServerFrame::Token { token: Secret::new(token) }),
    ]
}

/// What one side does next: says any frame, or what an honest server says of what went before.
#[derive(Debug, Clone)]
enum Act {
    Client(ClientFrame),
    Server(ServerFrame),
    /// The user's message, then its reply in so many pieces, of which the end may say something else.
    Turn {
        pieces: usize,
        honest: bool,
        together: bool,
    },
}

fn act() -> impl Strategy<Value = Act> {
    prop_oneof![
        client_frame().prop_map(Act::Client),
        server_frame().prop_map(Act::Server),
        (0..5usize, any::<bool>(), any::<bool>()).prop_map(|(pieces, honest, together)| Act::Turn {
            pieces,
            honest,
            together
        }),
    ]
}

/// Both ends, and where an honest session is.
struct Pair {
    client: ClientEnd,
    server: ServerEnd,
    seq: u64,
    turn: u64,
}

impl Pair {
    fn up(&mut self, frame: &ClientFrame) {
        let bytes = self.client.encode(frame).unwrap();
        assert_eq!(&self.server.decode(&bytes, MAX_PAYLOAD).unwrap(), frame);
    }

    fn down(&mut self, frame: &ServerFrame) -> usize {
        if let ServerFrame::Message(Message { seq, turn, .. }) = frame {
            (self.seq, self.turn) = (*seq, *turn);
        }
        let bytes = self.server.encode(frame).unwrap();
        assert_eq!(self.client.decode(&bytes, MAX_SERVER_PAYLOAD).unwrap(), core::slice::from_ref(frame));
        bytes.len()
    }

    fn next(&mut self, body: Body) -> Message {
        self.seq = self.seq.wrapping_add(1);
        Message { seq: self.seq, turn: self.turn, at_ms: 1_700_000_000_000 + (self.seq & 0xff), body }
    }

    fn turn(&mut self, pieces: usize, honest: bool, together: bool) {
        let (id, said) = ("0123456789abcdef0123456789abcdef", "天下大势如何？");
        self.up(&ClientFrame::Send { id: id.into(), client_seq: self.turn, text: said.into() });
        self.turn = self.turn.wrapping_add(1);
        let user = self.next(Body::User { id: id.into(), text: said.into() });
        self.down(&ServerFrame::Message(user));
        let deltas: Vec<Message> = (0..pieces).map(|_| self.next(Body::Delta { text: "合久必分，".into() })).collect();
        if together && deltas.len() > 1 {
            let bytes = self.server.encode_pieces(&deltas).unwrap();
            let expected: Vec<ServerFrame> = deltas.into_iter().map(ServerFrame::Message).collect();
            assert_eq!(self.client.decode(&bytes, MAX_SERVER_PAYLOAD).unwrap(), expected);
        } else {
            for delta in deltas {
                self.down(&ServerFrame::Message(delta));
            }
        }
        let text = if honest { "合久必分，".repeat(pieces) } else { "另有其文".into() };
        let end = self.next(Body::Reply { text, outcome: Outcome::Complete, hits: Vec::new() });
        let bytes = self.down(&ServerFrame::Message(end));
        assert!(!honest || bytes < 10, "the end of a reply repeats it: {bytes} bytes");
    }
}

fn pair() -> Pair {
    Pair { client: ClientEnd::default(), server: ServerEnd::default(), seq: 0, turn: 0 }
}

proptest! {
    /// Fails if a frame, whatever it is and whatever came before, comes out as another one: the ends differ about
    /// what was said.
    #[test]
    fn what_is_said_is_heard(acts in vec(act(), 1..40)) {
        let mut pair = pair();
        for act in acts {
            match act {
                Act::Client(frame) => pair.up(&frame),
                Act::Server(frame) => drop(pair.down(&frame)),
                Act::Turn { pieces, honest, together } => pair.turn(pieces, honest, together),
            }
        }
    }

    /// Fails if bytes panic either end, whatever it remembers.
    #[test]
    fn no_bytes_panic(acts in vec(act(), 0..6), bytes in vec(any::<u8>(), 0..60), cut in any::<u16>(), flip in any::<u8>()) {
        let mut pair = pair();
        for act in &acts {
            match act {
                Act::Client(frame) => pair.up(frame),
                Act::Server(frame) => drop(pair.down(frame)),
                Act::Turn { pieces, honest, together } => pair.turn(*pieces, *honest, *together),
            }
        }
        let mut honest = match acts.first() {
            Some(Act::Client(frame)) => pair.client.encode(frame).unwrap().to_vec(),
            Some(Act::Server(frame)) => pair.server.encode(frame).unwrap().to_vec(),
            _ => bytes.clone(),
        };
        if !honest.is_empty() {
            let at = usize::from(cut) % honest.len();
            honest[at] ^= flip;
            honest.truncate(honest.len() - usize::from(cut & 1));
        }
        for bytes in [bytes, honest] {
            let _ = pair.client.decode(&bytes, MAX_SERVER_PAYLOAD);
            let _ = pair.server.decode(&bytes, MAX_PAYLOAD);
        }
    }
}

/// Fails if what a connection says all the time grows: a beat, an acknowledgement, a piece of a reply, its end.
#[test]
fn ordinary_frames_are_small() {
    let mut pair = pair();
    pair.down(&ServerFrame::Welcome {
        session_id: "s_1".into(),
        role: "scholar".into(),
        epoch: 1,
        next_seq: 1,
        resume_from: 1,
        client_seq: 0,
        heartbeat_ms: 10_000,
        timeout_ms: 30_000,
    });
    pair.turn(2, true, false);
    let delta = pair.next(Body::Delta { text: "曰".into() });
    assert_eq!(pair.server.encode(&ServerFrame::Message(delta)).unwrap().len(), 1 + 1 + 1 + 2);
    pair.up(&ClientFrame::Beat { ack: 3, sent_ms: 1_000, network: None });
    let mut client = pair.client;
    assert_eq!(client.encode(&ClientFrame::Ack { seq: 5 }).unwrap().len(), 2);
    assert_eq!(client.encode(&ClientFrame::Beat { ack: 6, sent_ms: 9_000, network: None }).unwrap().len(), 4);
    pair.server.encode(&ServerFrame::Beat { echo_ms: 1_000, heartbeat_ms: 10_000 }).unwrap();
    let beat = ServerFrame::Beat { echo_ms: 9_000, heartbeat_ms: 10_000 };
    assert_eq!(pair.server.encode(&beat).unwrap().len(), 3);
}

/// Fails if what is not a run of pieces goes as one, or a lie about lengths is believed.
#[test]
fn only_pieces_of_one_reply_go_together() {
    let piece = |seq, turn, text: &str| Message { seq, turn, at_ms: 9, body: Body::Delta { text: text.into() } };
    let mut server = ServerEnd::default();
    assert!(server.encode_pieces(&[]).is_none() && server.encode_pieces(&[piece(1, 1, "a")]).is_none());
    assert!(server.encode_pieces(&[piece(1, 1, "a"), piece(3, 1, "b")]).is_none(), "a hole");
    assert!(server.encode_pieces(&[piece(1, 1, "a"), piece(2, 2, "b")]).is_none(), "another turn");
    assert!(server.encode_pieces(&[piece(1, 1, "a"), piece(2, 1, "")]).is_none(), "nothing said");
    let many: Vec<Message> = (1..=1_025).map(|seq| piece(seq, 1, "a")).collect();
    assert!(server.encode_pieces(&many).is_none() && server.encode_pieces(&many[1..]).is_some());
    // kind and flags, at_ms, two pieces of one byte, at_ms between them; then the text.
    for (lie, why) in [
        (&[DELTAS | FLAG_A, 0, 2, 1, 0, 1, 2, b'a'][..], "a piece without text"),
        (&[DELTAS | FLAG_A, 0, 1, 1, 2, b'a'], "a piece alone"),
        (&[DELTAS | FLAG_A, 0, 2, 1, 0, 1, 6, b'a', b'b', b'c'], "text without a piece"),
        (&[DELTAS | FLAG_A, 0, 2, 1, 0, 1, 8, 0xf0, 0x9f, 0x8c, 0x8d], "half a character"),
        (&[DELTA | FLAG_A, 0, 6, 0xe6, 0x9b, 0xb0], "a text that is shorter as UTF-16"),
        (&[DELTA | FLAG_A, 0, 3, 0, b'a'], "a text that is shorter as UTF-8"),
        (&[DELTA | FLAG_A, 0, 3, 0xd8, 0x00], "half a pair"),
        (&[DELTAS | FLAG_A, 0, 0, 0], "no pieces"),
        (&[DELTAS | FLAG_A | FLAG_B, 0, 2, 1, 0, 1, 4, b'a', b'b'], "a flag that it does not have"),
        (&[USER | FLAG_A | FLAG_B, 0, 0], "a message that nobody sent"),
        (&[REPLY | FLAG_A | FLAG_B, 0, 1, 0], "a reply that nobody heard"),
        (&[0x80 | ACK, 0], "a flag of the future"),
        (&[0], "no kind"),
        (&[], "nothing"),
    ] {
        assert!(ClientEnd::default().decode(lie, 100).is_err(), "{why}");
    }
}

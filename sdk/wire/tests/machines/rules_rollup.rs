//! How the server lets pieces of a reply wait for each other (`PROTOCOL.md` §13.6).

use rolecall_wire::codec::ClientEnd;
use rolecall_wire::frame::{Body, Hello, Message, Outcome, ServerFrame};
use rolecall_wire::server::{Config, Encoding, Server, Transmit};

use crate::rules_server::{delta, welcome};

/// A server's connection, and what its client reads.
struct Line {
    server: Server,
    client: ClientEnd,
}

impl Line {
    fn new(encoding: Encoding, rollup_ms: u32) -> Self {
        let hello = Hello { rollup_ms, ..Hello::default() };
        let mut line =
            Self { server: Server::new(Config::default(), encoding, &hello, 0), client: ClientEnd::default() };
        line.server.send(0, &welcome(1, 1, 0));
        line
    }

    /// What goes out now: the sequence ids of each frame of messages, and a mark for each Ping and close.
    fn out(&mut self) -> Vec<Vec<u64>> {
        let mut out = Vec::new();
        while let Some(transmit) = self.server.poll_transmit() {
            match transmit {
                Transmit::Binary(bytes) => {
                    let frames = self.client.decode(&bytes, 1 << 20).unwrap();
                    let seqs = frames.iter().filter_map(|frame| match frame {
                        ServerFrame::Message(message) => Some(message.seq),
                        _ => None,
                    });
                    out.push(seqs.collect());
                }
                Transmit::Ping(payload) => out.push(vec![payload[15].into(), 0]),
                Transmit::Close { .. } => out.push(vec![0]),
                Transmit::Text(text) => panic!("{text}"),
            }
        }
        out
    }
}

fn message(seq: u64, turn: u64, body: Body) -> ServerFrame {
    ServerFrame::Message(Message { seq, turn, at_ms: 0, body })
}

fn reply(seq: u64) -> ServerFrame {
    message(seq, 1, Body::Reply { text: "曰".repeat(3), outcome: Outcome::Complete, hits: Vec::new() })
}

/// Fails if the first piece waits, if later ones do not, or wait longer than was asked for.
#[test]
fn pieces_wait_for_each_other_and_no_longer() {
    let mut line = Line::new(Encoding::BspV2, 40);
    assert_eq!(line.out(), [vec![], vec![0, 0]], "the Welcome and a Ping");
    line.server.send(100, &delta(1));
    assert_eq!(line.out(), [vec![1]]);
    line.server.send(110, &delta(2));
    line.server.send(140, &delta(3));
    assert_eq!(line.out(), Vec::<Vec<u64>>::new());
    assert_eq!(line.server.poll_timeout(), Some(150));
    line.server.handle_timeout(150);
    assert_eq!(line.out(), [vec![2, 3]]);
    line.server.send(200, &delta(4));
    line.server.send(201, &reply(5));
    assert_eq!(line.out(), [vec![4], vec![5]], "the end of a reply takes its pieces along");
    line.server.send(300, &message(6, 2, Body::Delta { text: "曰".into() }));
    assert_eq!(line.out(), [vec![6]], "the first of another reply");
}

/// Fails if a Ping tells of pieces that wait, or a close drops them.
#[test]
fn nothing_that_tells_of_pieces_overtakes_them() {
    let mut line = Line::new(Encoding::BspV2, 1_000);
    (1..=3).for_each(|seq| line.server.send(5_000, &delta(seq)));
    line.out();
    let at = line.server.poll_timeout().unwrap();
    line.server.send(at, &ServerFrame::Error { code: "e".into(), message: String::new(), id: None });
    assert_eq!(line.out(), [Vec::<u64>::new()], "an error does not wait");
    (4..=5).for_each(|seq| line.server.send(9_900, &delta(seq)));
    line.server.handle_timeout(10_000);
    assert!(line.out().starts_with(&[vec![2, 3, 4, 5], vec![5, 0]]), "pieces, then the Ping that tells of them");
    line.server.send(10_100, &delta(6));
    line.server.send(10_100, &delta(7));
    line.server.close(1012, "restart");
    assert_eq!(line.out(), [vec![6, 7], vec![0]]);
}

/// Fails if pieces pile up without bound, or wait where they cannot go together.
#[test]
fn waiting_pieces_are_bounded() {
    let mut line = Line::new(Encoding::BspV2, 1_000);
    (1..=66).for_each(|seq| line.server.send(0, &delta(seq)));
    let sizes: Vec<usize> = line.out().iter().map(Vec::len).collect();
    assert_eq!(sizes, [0, 2, 1, 64], "64 pieces");
    let large = Body::Delta { text: "h".repeat(4_096) };
    line.server.send(0, &message(67, 1, large));
    assert_eq!(line.out().concat(), [66, 67], "4,096 bytes");
    let mut plain = Server::new(Config::default(), Encoding::BspV1, &Hello { rollup_ms: 40, ..Hello::default() }, 0);
    plain.send(0, &welcome(1, 1, 0));
    (1..=3).for_each(|seq| plain.send(0, &delta(seq)));
    assert_eq!(std::iter::from_fn(|| plain.poll_transmit()).count(), 5, "version 1 sends each at once");
}

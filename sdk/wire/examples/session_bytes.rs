//! What half an hour of talk costs on the line, in each encoding (`PROTOCOL.md` §2, §4.5, §13).
//!
//! 30 turns: a question of 60 characters, a reply of 25 pieces of 12, an acknowledgement every 250 ms while it comes, beats
//! every 10 s. Bytes are those of the frames with WebSocket headers and masks (RFC 6455 §5.2); below them stand TLS and
//! TCP, at 74 bytes for each WebSocket message. The baseline is JSON over HTTP/1.1: a POST for each frame of the client, with
//! heads as browsers send them (628 and 187 bytes), and server-sent events.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "an example that prints"
)]

use rolecall_wire::codec::{self, ClientEnd, ServerEnd};
use rolecall_wire::frame::{Body, ClientFrame, Message, Outcome, ServerFrame};

const TURNS: u64 = 30;
const TURN_MS: u64 = 60_000;
const PIECES: usize = 25;
const PIECE_MS: u64 = 30;
const BEAT_MS: u32 = 10_000;
const START_MS: u64 = 1_750_000_000_000;
/// TLS 1.3 record (22), TCP with timestamps and IPv4 (52).
const BELOW: usize = 74;
const REQUEST_HEAD: usize = 628;
const RESPONSE_HEAD: usize = 187;

const TALK: &str = "天下大势分久必合合久必分先生问策于我不敢不尽言臣闻明主务闻其过不欲闻其善今齐地方千里百二十城宫妇左右莫不私王\
朝廷之臣莫不畏王四境之内莫不有求于王由此观之王之蔽甚矣夫战胜于朝廷者修政而已矣愿大王熟虑之毋以一时之利忘百年之患诸侯合纵则强散则弱此天下之通理也";

/// One frame, with its direction and when it goes out.
enum Said {
    Client(ClientFrame),
    /// One frame, or pieces that may go together.
    Server(Vec<ServerFrame>),
}

fn text(at: usize, count: usize) -> String {
    TALK.chars().cycle().skip(at * 7).take(count).collect()
}

fn message(seq: &mut u64, turn: u64, at_ms: u64, body: Body) -> ServerFrame {
    *seq += 1;
    ServerFrame::Message(Message { seq: *seq, turn, at_ms, body })
}

/// The session, with `together` pieces of a reply in a frame.
fn session(together: usize) -> Vec<Said> {
    let (mut said, mut seq) = (Vec::new(), 0);
    said.push(Said::Server(vec![ServerFrame::Welcome {
        session_id: "s_0123456789abcdefghjkmnpqrs".into(),
        role: "zhanguoce_scholar".into(),
        epoch: 1,
        next_seq: 1,
        resume_from: 1,
        client_seq: 0,
        heartbeat_ms: BEAT_MS,
        timeout_ms: 30_000,
    }]));
    for (place, turn) in (1..=TURNS).enumerate() {
        let at_ms = START_MS + turn * TURN_MS;
        let (id, question) = (
            format!("{:032x}", u128::from(turn).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_0c2b_11d4_77a3)),
            text(place, 60),
        );
        said.push(Said::Client(ClientFrame::Send { id: id.clone(), client_seq: turn, text: question.clone() }));
        said.push(Said::Server(vec![ServerFrame::Accepted {
            id: id.clone(),
            client_seq: turn,
            seq: seq + 1,
            duplicate: false,
        }]));
        said.push(Said::Server(vec![message(&mut seq, turn, at_ms, Body::User { id, text: question })]));
        let pieces: Vec<ServerFrame> = (0..PIECES)
            .map(|piece| {
                let at_ms = at_ms + 400 + piece as u64 * PIECE_MS;
                message(&mut seq, turn, at_ms, Body::Delta { text: text(place + piece * 2, 12) })
            })
            .collect();
        let whole: String = (0..PIECES).map(|piece| text(place + piece * 2, 12)).collect();
        // The first goes alone; every 250 ms of pieces are acknowledged.
        for (at, group) in std::iter::once(&pieces[..1]).chain(pieces[1..].chunks(together)).enumerate() {
            said.push(Said::Server(group.to_vec()));
            if (at * together).is_multiple_of(8) {
                said.push(Said::Client(ClientFrame::Ack { seq }));
            }
        }
        let end = Body::Reply { text: whole, outcome: Outcome::Complete, hits: Vec::new() };
        said.push(Said::Server(vec![message(&mut seq, turn, at_ms + 1_200, end)]));
        said.push(Said::Client(ClientFrame::Ack { seq }));
        for beat in 0..TURN_MS / u64::from(BEAT_MS) {
            let sent_ms = turn * TURN_MS + beat * u64::from(BEAT_MS);
            said.push(Said::Client(ClientFrame::Beat { ack: seq, sent_ms, network: None }));
            said.push(Said::Server(vec![ServerFrame::Beat { echo_ms: sent_ms, heartbeat_ms: BEAT_MS }]));
        }
    }
    said
}

/// A WebSocket message: its header, and the client's mask.
const fn framed(payload: usize, masked: bool) -> usize {
    let header = match payload {
        0..=125 => 2,
        126..=65_535 => 4,
        _ => 10,
    };
    header + payload + if masked { 4 } else { 0 }
}

struct Cost {
    bytes: usize,
    messages: usize,
}

fn websocket(
    said: &[Said],
    mut client: impl FnMut(&ClientFrame) -> usize,
    mut server: impl FnMut(&[ServerFrame]) -> Vec<usize>,
) -> Cost {
    let mut cost = Cost { bytes: 0, messages: 0 };
    for said in said {
        let sizes = match said {
            Said::Client(frame) => vec![framed(client(frame), true)],
            Said::Server(frames) => server(frames).into_iter().map(|size| framed(size, false)).collect(),
        };
        cost.messages += sizes.len();
        cost.bytes += sizes.iter().sum::<usize>();
    }
    cost
}

fn version_2(said: &[Said]) -> Cost {
    let (mut client, mut server) = (ClientEnd::default(), ServerEnd::default());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    // Both ends take part, in order: each frame depends on those before.
    for said in said {
        match said {
            Said::Client(frame) => {
                let bytes = client.encode(frame).unwrap();
                server.decode(&bytes, usize::MAX).unwrap();
                ours.push(bytes.len());
            }
            Said::Server(frames) => {
                let pieces: Vec<Message> = frames
                    .iter()
                    .filter_map(|f| if let ServerFrame::Message(m) = f { Some(m.clone()) } else { None })
                    .collect();
                let bytes = if frames.len() > 1 {
                    server.encode_pieces(&pieces).unwrap()
                } else {
                    server.encode(&frames[0]).unwrap()
                };
                client.decode(&bytes, usize::MAX).unwrap();
                theirs.push(bytes.len());
            }
        }
    }
    let (mut ours, mut theirs) = (ours.into_iter(), theirs.into_iter());
    websocket(said, |_| ours.next().unwrap(), |_| vec![theirs.next().unwrap()])
}

fn main() {
    let (alone, together) = (session(1), session(3));
    let http: usize = alone
        .iter()
        .map(|said| match said {
            Said::Client(frame) => REQUEST_HEAD + RESPONSE_HEAD + codec::to_json(frame).unwrap().len(),
            Said::Server(frames) => {
                frames.iter().map(|frame| "data: \n\n".len() + codec::to_json(frame).unwrap().len()).sum()
            }
        })
        .sum();
    let json = websocket(
        &alone,
        |f| codec::to_json(f).unwrap().len(),
        |fs| fs.iter().map(|f| codec::to_json(f).unwrap().len()).collect(),
    );
    let first = websocket(
        &alone,
        |f| codec::encode_client(f).unwrap().len(),
        |fs| fs.iter().map(|f| codec::encode_server(f).unwrap().len()).collect(),
    );
    println!(
        "| half an hour, 30 turns | bytes | against HTTP/1.1 | against JSON in WebSocket | WebSocket messages | with TLS and TCP |"
    );
    println!("|---|--:|--:|--:|--:|--:|");
    println!("| JSON over HTTP/1.1 | {http} | | | | |");
    let rows = [
        ("JSON in WebSocket", &json),
        ("BSP version 1", &first),
        ("BSP version 2", &version_2(&alone)),
        ("BSP version 2, three pieces together", &version_2(&together)),
    ];
    for (name, cost) in rows {
        let less = |base: usize| 100.0 * (1.0 - cost.bytes as f64 / base as f64);
        println!(
            "| {name} | {} | −{:.1} % | −{:.1} % | {} | {} |",
            cost.bytes,
            less(http),
            less(json.bytes),
            cost.messages,
            cost.bytes + cost.messages * BELOW
        );
    }
}

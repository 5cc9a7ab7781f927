//! A law of version 2, whose ends remember: a conversation is heard as it was said.

use arbitrary::{Arbitrary, Unstructured};
use rolecall_wire::codec::{ClientEnd, ServerEnd};
use rolecall_wire::frame::{Body, ClientFrame, Message, ServerFrame};
use rolecall_wire::limits::{MAX_PAYLOAD, MAX_SERVER_PAYLOAD};

use super::steps::Steps;

/// What is said next on a connection of version 2.
#[derive(Debug, Arbitrary)]
enum Act {
    Client(ClientFrame),
    Server(ServerFrame),
    /// The pieces of a reply, as a server says them that keeps its numbers.
    Pieces(u8, u8),
    /// What no frame carries: pieces with a hole between them, or of two turns, or one alone; a text above the limit.
    Unsayable(u8),
    /// Bytes that neither has said, at either end. They end the connection, or are what somebody could have said.
    ToServer(Vec<u8>),
    ToClient(Vec<u8>),
}

/// Version 2 on one connection: what is said is what is heard, whatever was said before; and what could not be said has
/// changed nothing.
pub fn talk(input: &[u8]) {
    let Ok(Steps(acts)) = Steps::<Act>::arbitrary(&mut Unstructured::new(input)) else { return };
    let (mut client, mut server, mut seq) = (ClientEnd::default(), ServerEnd::default(), 0);
    for (_, act) in acts {
        match act {
            Act::Client(frame) => {
                let before = client.clone();
                match client.encode(&frame) {
                    Ok(bytes) => assert_eq!(server.decode(&bytes, MAX_PAYLOAD).as_ref(), Ok(&frame)),
                    Err(_) => assert_eq!(client, before, "{frame:?}"),
                }
            }
            Act::Server(frame) => {
                let before = server.clone();
                match server.encode(&frame) {
                    Ok(bytes) => assert_eq!(client.decode(&bytes, MAX_SERVER_PAYLOAD), Ok(vec![frame])),
                    Err(_) => assert_eq!(server, before, "{frame:?}"),
                }
            }
            Act::Pieces(count, length) => {
                let mut piece = |at: u8| {
                    seq += 1;
                    let text = "话".repeat(usize::from(length % 64)) + &at.to_string();
                    Message { seq, turn: 1, at_ms: seq, body: Body::Delta { text } }
                };
                let pieces: Vec<Message> = (0..count % 16).map(&mut piece).collect();
                let before = server.clone();
                match server.encode_pieces(&pieces) {
                    Some(bytes) => {
                        let heard = client.decode(&bytes, MAX_SERVER_PAYLOAD);
                        assert_eq!(heard, Ok(pieces.into_iter().map(ServerFrame::Message).collect()));
                    }
                    None => assert_eq!(server, before),
                }
            }
            Act::Unsayable(what) => unsayable(what, seq, &mut client, &mut server),
            Act::ToServer(bytes) => return drop(server.decode(&bytes, MAX_PAYLOAD)),
            Act::ToClient(bytes) => return drop(client.decode(&bytes, MAX_SERVER_PAYLOAD)),
        }
    }
}

fn unsayable(what: u8, seq: u64, client: &mut ClientEnd, server: &mut ServerEnd) {
    let before = (client.clone(), server.clone());
    let piece = |seq, turn, text: &str| Message { seq, turn, at_ms: seq, body: Body::Delta { text: text.into() } };
    let pieces = match what % 8 {
        0 => vec![piece(seq + 1, 1, "a"), piece(seq + 3, 1, "b")],
        1 => vec![piece(seq + 1, 1, "a"), piece(seq + 2, 2, "b")],
        2 => vec![piece(seq + 1, 1, "a")],
        3 => vec![piece(seq + 1, 1, "a"), piece(seq + 2, 1, "")],
        // It takes long to make, and is tried seldom.
        4 if what == 4 => {
            let text = "x".repeat(MAX_PAYLOAD);
            let refused = client.encode(&ClientFrame::Send { id: "a".into(), client_seq: 1, text });
            assert!(refused.is_err(), "a frame above the limit");
            Vec::new()
        }
        _ => Vec::new(),
    };
    assert_eq!(server.encode_pieces(&pieces), None, "{pieces:?}");
    assert_eq!((&*client, &*server), (&before.0, &before.1), "what was not said left a trace");
}

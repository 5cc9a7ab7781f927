//! Peers that break the rules, each beside the world: whatever they do must end in the right close code
//! and change nothing else.

pub(crate) mod client;
mod garbage;
pub(crate) mod server;

use rolecall_wire::frame::{Body, Message, ServerFrame};

fn delta(seq: u64) -> ServerFrame {
    ServerFrame::Message(Message { seq, turn: 1, at_ms: 0, body: Body::Delta { text: "曰".into() } })
}

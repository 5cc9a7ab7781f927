//! What goes into the server's machine and what comes out.

use alloc::string::String;

use bytes::Bytes;

use crate::frame::{ClientFrame, Network};

/// The article's connection states.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// No connection yet, or none any more while the session stays: the socket went.
    Idle,
    /// Upgraded; the application is looking the session up.
    Handshaking,
    /// Live.
    Active,
    /// No sign of life for the timeout.
    Expired,
    /// Done.
    Closed,
}

/// What arrived from the socket.
#[derive(Debug)]
pub enum Input<'a> {
    /// A WebSocket binary message.
    Binary(&'a [u8]),
    /// A WebSocket text message.
    Text(&'a str),
    /// A WebSocket Pong with its payload. Any other control frame counts as life too: give it as
    /// this; a payload that no Ping of ours carried measures nothing.
    Pong(&'a [u8]),
    /// The socket ended.
    Gone,
}

/// What the socket must send, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transmit {
    /// A WebSocket binary message.
    Binary(Bytes),
    /// A WebSocket text message.
    Text(String),
    /// A WebSocket Ping with its payload (≤ 125 bytes).
    Ping(Bytes),
    /// Close with code and reason, then drop the socket.
    Close {
        /// The WebSocket close code.
        code: u16,
        /// The reason, at most 123 bytes.
        reason: String,
    },
}

/// What the application must know, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Event {
    /// A client's frame, well formed and legal now. (`Beat` is answered by the machine; it arrives
    /// as `Ack` when it moves the watermark.)
    Frame(ClientFrame),
    /// A round trip was measured.
    Rtt {
        /// Milliseconds.
        rtt_ms: u64,
    },
    /// The client's network type changed.
    Network(Network),
    /// A message is larger than any frame; `Skipped` was sent in its place.
    Unsendable {
        /// Its sequence id.
        seq: u64,
        /// Why, for logs.
        reason: String,
    },
    /// The connection ended; nothing follows.
    Ended {
        /// The close code sent or that stands for what happened.
        code: u16,
        /// Why, for logs.
        reason: String,
    },
}

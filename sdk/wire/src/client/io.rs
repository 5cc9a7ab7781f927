//! What goes into the client's machine and what comes out.

use alloc::string::String;

use bytes::Bytes;

use crate::close::Advice;
use crate::frame::{Hello, Message, Secret};

/// Where the client is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum State {
    /// Not started.
    Idle,
    /// A socket is being opened.
    Connecting,
    /// Upgraded; waiting for the `Welcome`.
    Handshaking,
    /// Live.
    Active,
    /// Waiting to reconnect.
    Waiting,
    /// Done; nothing follows.
    Closed,
}

/// What happened to the socket. Inputs that do not fit the state are those of an abandoned
/// connection and are ignored.
#[derive(Debug)]
pub enum Input<'a> {
    /// The upgrade succeeded.
    Opened,
    /// The upgrade was answered with an HTTP status instead.
    Refused {
        /// The status.
        status: u16,
    },
    /// A WebSocket binary message.
    Binary(&'a [u8]),
    /// A WebSocket text message.
    Text(&'a str),
    /// A WebSocket Ping with its payload. The driver or the platform answers it; here it counts as
    /// life, and the sequence id in it shows a message lost on the way.
    Ping(&'a [u8]),
    /// A WebSocket close frame.
    Closed {
        /// Its code; 1005 when it had none.
        code: u16,
    },
    /// The socket ended without a close frame, or could not be opened.
    Gone,
}

/// What the driver must do, in order.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Transmit {
    /// Open a socket and present this.
    Connect(Hello),
    /// Send a WebSocket binary message.
    Binary(Bytes),
    /// Send a WebSocket text message.
    Text(String),
    /// Close with code and reason, then drop the socket, or abandon the attempt to open it.
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
    /// A connection is live.
    Connected {
        /// The role that answers.
        role: String,
        /// Whether it continues an earlier connection or a saved position.
        resumed: bool,
        /// The first sequence id that follows.
        from: u64,
        /// Messages missed meanwhile; they follow.
        missed: u64,
    },
    /// Every missed message has been received; `to < from` when there was none.
    CaughtUp {
        /// First replayed sequence id.
        from: u64,
        /// Last replayed sequence id.
        to: u64,
    },
    /// A committed message: each exactly once, in order.
    Message(Message),
    /// A message of ours is committed.
    Accepted {
        /// Our id of it.
        id: String,
        /// Its sequence id.
        seq: u64,
    },
    /// A message of ours was not taken and will not be repeated.
    Refused {
        /// Our id of it.
        id: String,
        /// A stable code.
        code: String,
        /// What to do, for people.
        message: String,
    },
    /// The server reports an error that answers no message.
    Error {
        /// A stable code.
        code: String,
        /// What to do, for people.
        message: String,
    },
    /// The server's store lost a tail; sequence ids go on in a new epoch.
    EpochChanged {
        /// The epoch before.
        from: u32,
        /// The epoch now.
        to: u32,
    },
    /// These sequence ids never come: the server's store lost them, or dropped them as too old.
    Skipped {
        /// First.
        from: u64,
        /// Last.
        to: u64,
    },
    /// A round trip was measured.
    Rtt {
        /// Milliseconds.
        rtt_ms: u64,
    },
    /// The session has a new token: a saved [`Position`](super::Position) is out of date.
    Token {
        /// The token.
        token: Secret,
    },
    /// The connection ended; the machine reconnects by itself.
    Disconnected {
        /// The close code that stands for what happened.
        code: u16,
        /// Why, for people.
        reason: String,
        /// Milliseconds until the next attempt.
        retry_in_ms: u64,
    },
    /// The session ended for this client; nothing follows.
    Ended {
        /// The close code that stands for what happened.
        code: u16,
        /// Why, for people.
        reason: String,
        /// What the application can do.
        advice: Advice,
    },
}

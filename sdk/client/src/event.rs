//! What the application sees, in order.

use std::time::Duration;

use rolecall_wire::client as wire;
use rolecall_wire::close::Advice;
use rolecall_wire::frame::{Body, Message};

/// Something happened. Messages come each exactly once and in the order of their sequence ids.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
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
        gap: u64,
    },
    /// The missed messages have come; `to < from` when there was none.
    CaughtUp {
        /// First replayed sequence id.
        from: u64,
        /// Last replayed sequence id.
        to: u64,
    },
    /// The next piece of the running reply.
    ReplyDelta {
        /// Sequence id.
        seq: u64,
        /// The turn.
        turn: u64,
        /// The piece.
        text: String,
    },
    /// Any other committed message: the user's, the end of a reply, a delivery.
    Message(Message),
    /// A message of ours is committed. [`Session::send`](crate::Session::send) returns it too;
    /// here it also comes for messages queued before the session was saved.
    Accepted {
        /// Our id of it.
        id: String,
        /// Its sequence id.
        seq: u64,
    },
    /// The connection ended; the client reconnects by itself.
    Disconnected {
        /// The close code that stands for what happened.
        code: u16,
        /// Why, for people.
        reason: String,
        /// Time until the next attempt.
        retry_in: Duration,
    },
    /// The server's store lost a tail: sequence ids go on in a new epoch.
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
    /// The session has a new token. [`Session::saved`](crate::Session::saved) has it. An application that saves the
    /// session saves it now: what was saved before opens it no longer once the client has connected with the new one.
    TokenRenewed,
    /// The server reports an error, or refused a message of ours.
    Error {
        /// Stable code.
        code: String,
        /// What to do, for people.
        message: String,
        /// Our id of the message it refuses.
        id: Option<String>,
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

impl Event {
    /// The sequence id, when it is a committed message.
    #[must_use]
    pub const fn seq(&self) -> Option<u64> {
        match self {
            Self::ReplyDelta { seq, .. } => Some(*seq),
            Self::Message(message) => Some(message.seq),
            _ => None,
        }
    }

    /// The machine's event as the application's; `None` for what only the status shows.
    pub(crate) fn from_wire(event: wire::Event) -> Option<Self> {
        Some(match event {
            wire::Event::Connected { role, resumed, from, missed } => {
                Self::Connected { role, resumed, from, gap: missed }
            }
            wire::Event::CaughtUp { from, to } => Self::CaughtUp { from, to },
            wire::Event::Message(Message { seq, turn, body: Body::Delta { text }, .. }) => {
                Self::ReplyDelta { seq, turn, text }
            }
            wire::Event::Message(message) => Self::Message(message),
            wire::Event::Accepted { id, seq } => Self::Accepted { id, seq },
            wire::Event::Refused { id, code, message } => Self::Error { code, message, id: Some(id) },
            wire::Event::Error { code, message } => Self::Error { code, message, id: None },
            wire::Event::EpochChanged { from, to } => Self::EpochChanged { from, to },
            wire::Event::Skipped { from, to } => Self::Skipped { from, to },
            wire::Event::Token { .. } => Self::TokenRenewed,
            wire::Event::Rtt { .. } => return None,
            wire::Event::Disconnected { code, reason, retry_in_ms } => {
                Self::Disconnected { code, reason, retry_in: Duration::from_millis(retry_in_ms) }
            }
            wire::Event::Ended { code, reason, advice } => Self::Ended { code, reason, advice },
        })
    }
}

//! What the model says in the protocol's words, and back.

use rolecall_wire::frame::{Body, Message, Outcome, ServerFrame};

use crate::actor::{Actor, Answer};
use crate::device::{SESSION, id, parse_id};
use crate::store::{Entry, Said};

/// A committed message as it is sent.
pub(crate) fn message(entry: &Entry) -> ServerFrame {
    let body = match entry.said {
        Said::User { from, nth, .. } => Body::User { id: id(from, nth), text: "x".into() },
        Said::Delta => Body::Delta { text: "y".into() },
        Said::Reply => Body::Reply { text: String::new(), outcome: Outcome::Complete, hits: Vec::new() },
        Said::Delivery => Body::Delivery { text: "z".into(), intent: String::new(), parts: Vec::new() },
    };
    // Clocks stand still here; by the time it is told in which epoch it was written, for messages may look alike.
    ServerFrame::Message(Message { seq: entry.seq.into(), turn: entry.turn.into(), at_ms: entry.epoch.into(), body })
}

/// What a message says, as far as it shows.
pub(crate) fn said_of(message: &Message) -> Option<Said> {
    match &message.body {
        Body::User { id, .. } => parse_id(id).map(|(from, nth)| Said::User { from, nth, number: 0 }),
        Body::Delta { .. } => Some(Said::Delta),
        Body::Reply { .. } => Some(Said::Reply),
        Body::Delivery { .. } => Some(Said::Delivery),
    }
}

impl Said {
    /// Without what a message does not show.
    pub(crate) const fn bare(self) -> Self {
        match self {
            Self::User { from, nth, .. } => Self::User { from, nth, number: 0 },
            other => other,
        }
    }
}

/// An answer as it is sent.
pub(crate) fn answer(answer: Answer) -> ServerFrame {
    match answer {
        Answer::Accepted { from, nth, number, seq, duplicate } => {
            ServerFrame::Accepted { id: id(from, nth), client_seq: number.into(), seq: seq.into(), duplicate }
        }
        Answer::Gap { from, nth } => {
            ServerFrame::Error { code: "client_seq_gap".into(), message: String::new(), id: Some(id(from, nth)) }
        }
    }
}

/// The first frame of a connection.
pub(crate) fn welcome(actor: &Actor, last_seq: u64) -> ServerFrame {
    ServerFrame::Welcome {
        session_id: SESSION.into(),
        role: String::new(),
        epoch: actor.epoch.into(),
        next_seq: u64::from(actor.head) + 1,
        resume_from: last_seq + 1,
        client_seq: actor.client_seq.into(),
        // The machine fills these in.
        heartbeat_ms: 0,
        timeout_ms: 0,
    }
}

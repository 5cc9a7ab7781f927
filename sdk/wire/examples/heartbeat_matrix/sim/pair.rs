//! Both ends of one connection under some policy.

use rolecall_wire::heartbeat::Learned;

/// What travels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) kind: Kind,
    pub(crate) bytes: Vec<u8>,
    /// Whether it is there for the heartbeat alone, and whether it answers one that is.
    pub(crate) beat: bool,
    pub(crate) answer: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Ping,
    Pong,
    Frame,
}

impl Item {
    pub(crate) fn ping(payload: Vec<u8>) -> Self {
        Self { kind: Kind::Ping, bytes: payload, beat: true, answer: false }
    }

    pub(crate) fn pong(payload: Vec<u8>) -> Self {
        Self { kind: Kind::Pong, bytes: payload, beat: true, answer: true }
    }

    pub(crate) fn data(bytes: Vec<u8>) -> Self {
        Self { kind: Kind::Frame, bytes, beat: false, answer: false }
    }
}

/// What the ends send.
#[derive(Debug, Default)]
pub(crate) struct Out {
    pub(crate) up: Vec<Item>,
    pub(crate) down: Vec<Item>,
}

/// Who ended the connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Side {
    Server,
    Client,
}

pub(crate) trait Pair {
    /// When `advance` must be called. Without its client when that is dead.
    fn next(&self, client_lives: bool) -> Option<u64>;
    fn advance(&mut self, now: u64, client_lives: bool, out: &mut Out);
    fn arrive_up(&mut self, now: u64, item: &Item, out: &mut Out);
    fn arrive_down(&mut self, now: u64, item: &Item, out: &mut Out);
    fn user_sends(&mut self, now: u64, out: &mut Out);
    fn server_sends(&mut self, now: u64, out: &mut Out);
    fn ended(&self) -> Option<Side>;
    /// The client came back on another connection; says what this one learned.
    fn replaced(&mut self, now: u64) -> Learned;
}

//! Pieces of a running reply that wait for each other, to leave as one frame (`PROTOCOL.md` §13.6).

use alloc::vec::Vec;

use super::{Millis, Server, Timer};
use crate::frame::{Body, Message, ServerFrame};

/// So many pieces, or bytes of them, leave at once.
const MOST_PIECES: usize = 64;
const MOST_BYTES: usize = 4 * 1024;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Rollup {
    wait_ms: u32,
    /// The turn whose first piece has left.
    turn: Option<u64>,
    pieces: Vec<Message>,
    bytes: usize,
}

impl Rollup {
    /// `wait_ms` 0: every piece leaves at once.
    pub(super) const fn new(wait_ms: u32) -> Self {
        Self { wait_ms, turn: None, pieces: Vec::new(), bytes: 0 }
    }

    /// The bytes of a message that may wait: a piece of a reply whose first piece has left.
    fn takes(&mut self, message: &Message) -> Option<usize> {
        let Body::Delta { text } = &message.body else { return None };
        let first = self.turn.replace(message.turn) != Some(message.turn);
        Some(text.len()).filter(|bytes| self.wait_ms > 0 && !first && *bytes > 0)
    }
}

impl Server {
    /// Lets a message wait for the next pieces of its reply, if it may. Says whether it does, or has left with them.
    pub(super) fn waits(&mut self, now: Millis, message: &Message) -> bool {
        let Some(bytes) = self.rollup.takes(message) else { return false };
        self.rollup.bytes += bytes;
        self.rollup.pieces.push(message.clone());
        if self.rollup.pieces.len() >= MOST_PIECES || self.rollup.bytes >= MOST_BYTES {
            self.flush_pieces();
        } else {
            self.timers.set_if_unset(Timer::Flush, now + u64::from(self.rollup.wait_ms));
        }
        true
    }

    /// Lets the pieces go that wait. Whatever speaks of what was sent goes behind them.
    pub(super) fn flush_pieces(&mut self) {
        self.timers.clear(Timer::Flush);
        self.rollup.bytes = 0;
        let pieces = core::mem::take(&mut self.rollup.pieces);
        match self.coder.encode_pieces(&pieces) {
            Some(transmit) => self.transmits.push_back(transmit),
            None => pieces.into_iter().for_each(|piece| self.transmit(&ServerFrame::Message(piece))),
        }
    }
}

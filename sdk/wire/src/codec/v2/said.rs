//! What the client has said on this connection, so that the server need not repeat it.

use alloc::collections::VecDeque;
use alloc::string::String;

use crate::frame::ClientFrame;

/// `Send`s that the server may name by their number, counted from the newest it has.
const SERVER_KEEPS: usize = 4;
/// `Send`s that the client keeps: those, and as many that may be under way to the server.
const CLIENT_KEEPS: usize = 8;
/// A longer text is repeated, so that connections cost the server little.
const SERVER_TEXT: usize = 4 * 1024;

/// The latest `Send`s, numbered from 0 on each connection.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Said {
    /// The number of the next.
    next: u64,
    kept: VecDeque<Sent>,
    most: usize,
    most_text: usize,
}

/// A `Send`.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Sent {
    pub(super) id: String,
    pub(super) client_seq: u64,
    /// `None` for one that is too long to keep.
    pub(super) text: Option<String>,
}

impl Said {
    pub(super) const fn at_server() -> Self {
        Self { next: 0, kept: VecDeque::new(), most: SERVER_KEEPS, most_text: SERVER_TEXT }
    }

    pub(super) const fn at_client() -> Self {
        Self { next: 0, kept: VecDeque::new(), most: CLIENT_KEEPS, most_text: usize::MAX }
    }

    pub(super) fn note(&mut self, frame: &ClientFrame) {
        let ClientFrame::Send { id, client_seq, text } = frame else { return };
        if self.kept.len() == self.most {
            self.kept.pop_front();
        }
        let text = (text.len() <= self.most_text).then(|| text.clone());
        self.kept.push_back(Sent { id: id.clone(), client_seq: *client_seq, text });
        self.next = self.next.saturating_add(1);
    }

    /// The number of the newest `Send` that is meant.
    pub(super) fn number(&self, meant: impl Fn(&Sent) -> bool) -> Option<u64> {
        let back = self.kept.iter().rev().position(meant)?;
        self.next.checked_sub(back as u64 + 1)
    }

    pub(super) fn get(&self, number: u64) -> Option<&Sent> {
        let back = usize::try_from(self.next.checked_sub(number)?).ok()?;
        self.kept.len().checked_sub(back).and_then(|at| self.kept.get(at))
    }
}

//! Messages of ours that wait for acceptance. A number is given when a message is first sent, so
//! that numbers have no holes whatever is refused before.

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use super::{SendError, Unaccepted};
use crate::frame::ClientFrame;
use crate::limits;

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(super) struct Queue {
    /// The number of the next message that has none. At most the first has one.
    next: u64,
    waiting: VecDeque<Unaccepted>,
    limit: usize,
}

impl Queue {
    pub(super) fn new(next: u64, waiting: Vec<Unaccepted>, limit: usize) -> Self {
        Self { next: next.max(1), waiting: waiting.into(), limit }
    }

    pub(super) fn push(&mut self, id: &str, text: &str) -> Result<(), SendError> {
        limits::check_send(id, text)?;
        if self.waiting.iter().any(|w| w.id == id) {
            return Err(SendError::SameId(id.into()));
        }
        if self.waiting.len() >= self.limit {
            return Err(SendError::Full(self.waiting.len()));
        }
        self.waiting.push_back(Unaccepted { id: id.into(), client_seq: None, text: text.into() });
        Ok(())
    }

    /// Takes the server's high-water mark: our next number follows it. The first message keeps its
    /// number if the server has processed that (its outcome was lost on the way); any higher
    /// number is unknown to the server and is given anew.
    pub(super) fn resume(&mut self, processed: u64) {
        self.next = processed.saturating_add(1);
        for waiting in &mut self.waiting {
            waiting.client_seq = waiting.client_seq.filter(|seq| *seq <= processed);
        }
    }

    /// The first message as a frame, numbered.
    pub(super) fn first(&mut self) -> Option<ClientFrame> {
        let first = self.waiting.front_mut()?;
        let client_seq = *first.client_seq.get_or_insert(self.next);
        self.next = self.next.max(client_seq.saturating_add(1));
        Some(ClientFrame::Send { id: first.id.clone(), client_seq, text: first.text.clone() })
    }

    /// Removes a message that is committed, and says whether it was the first, which alone can be
    /// under way. `None` when it does not wait.
    pub(super) fn settle(&mut self, id: &str) -> Option<bool> {
        let at = self.waiting.iter().position(|w| w.id == id)?;
        self.waiting.remove(at).map(|_| at == 0)
    }

    /// Removes the first message if it is this one, which the server refused; the next message
    /// takes its number if that is `free`.
    pub(super) fn refuse(&mut self, id: &str, free: bool) -> bool {
        let Some(refused) = self.waiting.pop_front_if(|first| first.id == id) else { return false };
        if let Some(seq) = refused.client_seq.filter(|_| free) {
            self.next = seq;
        }
        true
    }

    /// Gives the first message another number, when its number turns out to belong to another
    /// message. `false` when the number is not its.
    pub(super) fn renumber(&mut self, taken: u64) -> bool {
        let Some(first) = self.waiting.front_mut().filter(|f| f.client_seq == Some(taken)) else { return false };
        first.client_seq = None;
        self.next = self.next.max(taken.saturating_add(1));
        true
    }

    pub(super) const fn next_client_seq(&self) -> u64 {
        self.next
    }

    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn waiting(&self) -> Vec<Unaccepted> {
        self.waiting.iter().cloned().collect()
    }
}

//! The last few messages of a session, so that live delivery reads no disk.

use std::collections::VecDeque;

use rolecall_wire::frame::Message;

use super::entry::text_len;
use crate::ids::Seq;

/// Messages kept.
const MESSAGES: usize = 64;
/// Bytes of text kept. One message larger than this is kept alone.
const BYTES: usize = 64 * 1_024;

/// Consecutive messages up to the head. Empty, and without memory, until something is said.
#[derive(Debug, Default)]
pub(super) struct Ring {
    messages: VecDeque<Message>,
    bytes: usize,
}

impl Ring {
    /// Adds messages that were committed from `first` on.
    pub(super) fn push(&mut self, first: Seq, messages: Vec<Message>) {
        for (seq, mut message) in (first..=Seq::MAX).zip(messages) {
            message.seq = seq;
            self.bytes = self.bytes.saturating_add(text_len(&message.body));
            self.messages.push_back(message);
        }
        while self.messages.len() > MESSAGES || (self.bytes > BYTES && self.messages.len() > 1) {
            let Some(oldest) = self.messages.pop_front() else { break };
            self.bytes = self.bytes.saturating_sub(text_len(&oldest.body));
        }
    }

    /// At most `limit` messages from `from` on, or `None` when they begin before the ring.
    pub(super) fn read(&self, from: Seq, limit: usize) -> Option<Vec<Message>> {
        let oldest = self.messages.front()?.seq;
        let skipped = usize::try_from(from.checked_sub(oldest)?).ok()?;
        Some(self.messages.iter().skip(skipped).take(limit).cloned().collect())
    }

    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }
}

//! A connection's place in a session's story.

use std::sync::Arc;

use rolecall_wire::frame::Message;

use super::Shared;
use super::entry::text_len;
use crate::ids::{Epoch, Seq, SessionId};
use crate::store::{LogEntry, StoreError};

/// Bytes of text in one batch, unless its first message alone has more.
const BATCH_BYTES: usize = 256 * 1_024;
/// Messages read from the store at once.
const PAGE: usize = 32;

/// What follows a cursor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Batch {
    /// Messages without a hole, at least one.
    Messages(Vec<Message>),
    /// Sequence ids that never come: the log was trimmed past the cursor, or the store lost a tail.
    Skipped {
        /// The first.
        from: Seq,
        /// The last.
        to: Seq,
    },
}

/// A cursor over committed messages.
#[derive(Debug)]
pub struct Reader {
    shared: Arc<Shared>,
    epoch: Epoch,
    next: Seq,
}

impl Reader {
    pub(super) fn new(shared: Arc<Shared>, epoch: Epoch, next: Seq) -> Self {
        Self { shared, epoch, next }
    }

    /// Whose story it is.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        &self.shared.id
    }

    /// The sequence id of the message that comes next.
    #[must_use]
    pub fn next_seq(&self) -> Seq {
        self.next
    }

    /// Waits until something follows the cursor, then takes it, up to `limit` messages. Cancel-safe:
    /// the cursor moves when the batch is handed out.
    ///
    /// # Errors
    /// When the store cannot be read; [`StoreError::Fenced`] or [`StoreError::Moved`] where it is not as the session's
    /// owner believes, because the session has another owner or the store lost a tail.
    pub async fn next_batch(&mut self, limit: usize) -> Result<Batch, StoreError> {
        let next = self.next;
        let head = self.shared.reached(next).await;
        let recent = self.shared.ring.lock().read(next, limit.max(1)).filter(|messages| !messages.is_empty());
        let mut messages = match recent {
            Some(messages) => messages,
            // Boxed: what an idle connection waits in is the smaller.
            None => Box::pin(self.read_store(head, limit.clamp(1, PAGE))).await?,
        };
        within(&mut messages, BATCH_BYTES);
        let first = messages.first().map_or(head.saturating_add(1), |first| first.seq);
        if first > next {
            self.next = first;
            return Ok(Batch::Skipped { from: next, to: first.saturating_sub(1) });
        }
        self.next = messages.last().map_or(next, |last| last.seq.saturating_add(1));
        Ok(Batch::Messages(messages))
    }

    /// Messages from the cursor on, up to the first hole behind it.
    async fn read_store(&self, head: Seq, limit: usize) -> Result<Vec<Message>, StoreError> {
        let entries = self.shared.store.follow(&self.shared.id, self.epoch, head, self.next, limit).await?;
        let Some(first) = entries.first().map(|entry| entry.seq) else { return Ok(Vec::new()) };
        let dense = (first..=head).zip(&entries).take_while(|(seq, entry)| *seq == entry.seq);
        dense.map(|(_, entry)| decode(entry)).collect()
    }
}

/// Keeps as many messages as have at most so many bytes of text, but at least one.
pub fn within(messages: &mut Vec<Message>, bytes: usize) {
    let mut sum = 0usize;
    let fitting = messages.iter().take_while(|message| {
        sum = sum.saturating_add(text_len(&message.body));
        sum <= bytes
    });
    let kept = fitting.count().max(1);
    messages.truncate(kept);
}

/// The message that a log entry holds.
///
/// # Errors
/// [`StoreError::Corrupt`] when it holds none.
pub fn decode(entry: &LogEntry) -> Result<Message, StoreError> {
    let message = Message::from_bytes(&entry.bytes);
    let message = message
        .map_err(|error| StoreError::Corrupt { what: format!("message {}", entry.seq), detail: error.to_string() })?;
    Ok(Message { seq: entry.seq, ..message })
}

//! What may be said: messages made of permitted content only.

use rolecall_wire::frame::{Body, Hit, Message, Outcome};

use crate::enforce::{self, Permitted, UserText};

/// Bytes of a delta. Longer pieces become several.
pub(super) const DELTA_BYTES: usize = 32 * 1_024;
/// Bytes of a whole reply.
pub const REPLY_BYTES: usize = 1_024 * 1_024;
/// Bytes of what the rules that acted on a reply say; further ones are left out.
const HITS_BYTES: usize = 64 * 1_024;

/// A message on its way to the log; its sequence id comes with the commit.
#[derive(Debug)]
pub struct Entry {
    turn: u64,
    at_ms: u64,
    body: Body,
}

impl Entry {
    /// What the user said.
    #[must_use]
    pub fn user(turn: u64, at_ms: u64, id: String, words: Permitted<UserText>) -> Self {
        Self { turn, at_ms, body: Body::User { id, text: words.into_inner().text } }
    }

    /// A piece of the running reply, in as many messages as its length needs.
    pub fn deltas(turn: u64, at_ms: u64, piece: &Permitted<String>) -> impl Iterator<Item = Self> {
        let mut rest = piece.get().as_str();
        std::iter::from_fn(move || {
            let (text, behind) = rest.split_at_checked(rest.floor_char_boundary(DELTA_BYTES))?;
            rest = behind;
            (!text.is_empty()).then(|| Self { turn, at_ms, body: Body::Delta { text: text.to_owned() } })
        })
    }

    /// The end of a reply: the pieces that were said, and how it ended.
    #[must_use]
    pub fn reply(turn: u64, at_ms: u64, said: ReplyText, outcome: Outcome, hits: Vec<Hit>) -> Self {
        let mut hits = enforce::outward(hits);
        let mut bytes = 0usize;
        hits.retain(|hit| {
            bytes = bytes.saturating_add(hit.rule.len() + hit.action.len() + hit.message.len());
            bytes <= HITS_BYTES
        });
        Self { turn, at_ms, body: Body::Reply { text: said.0, outcome, hits } }
    }

    /// A message that was posted while the user was away.
    #[must_use]
    pub fn delivery(at_ms: u64, text: Permitted<String>, intent: String, parts: Vec<String>) -> Self {
        Self { turn: 0, at_ms, body: Body::Delivery { text: text.into_inner(), intent, parts } }
    }

    /// Lengthens a delta of the same turn by the next piece. Says whether it did.
    pub fn extend(&mut self, turn: u64, piece: &Permitted<String>) -> bool {
        match &mut self.body {
            Body::Delta { text } if self.turn == turn && text.len() + piece.get().len() <= DELTA_BYTES => {
                text.push_str(piece.get());
                true
            }
            _ => false,
        }
    }

    /// Bytes of text.
    #[must_use]
    pub fn len(&self) -> usize {
        text_len(&self.body)
    }

    /// Whether it is short enough for a frame.
    #[must_use]
    pub fn fits(&self) -> bool {
        self.len() <= REPLY_BYTES
    }

    /// Whether it says nothing, such as a reply that was cancelled before it began.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub(super) fn into_message(self) -> Message {
        // The sequence id is the log's key; it is filled in from there.
        Message { seq: 0, turn: self.turn, at_ms: self.at_ms, body: self.body }
    }
}

/// Bytes of text in a message.
pub(super) fn text_len(body: &Body) -> usize {
    match body {
        Body::User { text, .. } | Body::Delta { text } | Body::Reply { text, .. } | Body::Delivery { text, .. } => {
            text.len()
        }
    }
}

/// The text of a running reply: exactly the pieces that were said.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReplyText(String);

impl ReplyText {
    /// What a running reply had said when its session's state was saved.
    #[must_use]
    pub fn saved(text: String) -> Self {
        Self(text)
    }

    /// A piece was said. Says whether it fits a reply; if not, it was not said.
    #[must_use]
    pub fn push(&mut self, piece: &Permitted<String>) -> bool {
        let fits = self.0.len().saturating_add(piece.get().len()) <= REPLY_BYTES;
        if fits {
            self.0.push_str(piece.get());
        }
        fits
    }

    /// Takes up a committed message of the log: its text, if it is a piece of this turn.
    pub fn recover(&mut self, turn: u64, message: &Message) {
        if let Body::Delta { text } = &message.body
            && message.turn == turn
        {
            self.0.push_str(text);
        }
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

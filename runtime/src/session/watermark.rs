//! How far a session's client has acknowledged.

use std::collections::VecDeque;

use super::saved;
use crate::ids::{Seq, SessionId};
use crate::store::{INBOX_LIMIT, StoreError};

/// Delivered messages whose acknowledgement is waited for, to be counted; beyond an inbox full of them the oldest are not.
const COUNTED: usize = INBOX_LIMIT;

/// Everything up to here was acknowledged, by any client of the session. It only rises.
#[derive(Debug, Default)]
pub(super) struct Watermark {
    upto: Seq,
    /// Posted messages behind it: the entries that said them, in order, and when they were posted, ms since the Unix epoch.
    /// Mostly there are none, and that takes little room.
    #[allow(clippy::box_collection, reason = "every session has this field, few have a list")]
    unacked: Option<Box<VecDeque<(Seq, u64)>>>,
}

/// The one part of what a session saves that it takes to know its watermark; the rest is passed over.
#[derive(Clone, PartialEq, Eq, prost::Message)]
struct Stored {
    #[prost(uint64, tag = "18")]
    acknowledged: Seq,
}

/// The watermark that was saved last.
pub(super) fn stored(bytes: &[u8], id: &SessionId) -> Result<Seq, StoreError> {
    saved::decode::<Stored>(bytes, id).map(|stored| stored.acknowledged)
}

impl Watermark {
    pub(super) fn at(upto: Seq) -> Self {
        Self { upto, unacked: None }
    }

    pub(super) fn upto(&self) -> Seq {
        self.upto
    }

    /// An entry is about to be committed that says messages posted at these times.
    pub(super) fn say(&mut self, seq: Seq, posted_ms: impl IntoIterator<Item = u64>) {
        let unacked = self.unacked.get_or_insert_default();
        unacked.extend(posted_ms.into_iter().map(|posted_ms| (seq, posted_ms)));
        unacked.drain(..unacked.len().saturating_sub(COUNTED));
    }

    /// The client acknowledges everything up to here. Gives when the posted messages that this is new of were posted.
    pub(super) fn raise(&mut self, seq: Seq) -> Vec<u64> {
        self.upto = self.upto.max(seq);
        let mut posted = Vec::new();
        let Some(unacked) = &mut self.unacked else { return posted };
        while let Some((_, posted_ms)) = unacked.pop_front_if(|(said, _)| *said <= seq) {
            posted.push(posted_ms);
        }
        if unacked.is_empty() {
            self.unacked = None;
        }
        posted
    }
}

#[cfg(test)]
mod tests {
    use super::super::saved::Saved;
    use super::*;

    // Fails when an acknowledgement that comes late lowers the watermark, a message counts twice or before its turn, or
    // those of a client that acknowledges nothing gather without bound.
    #[test]
    fn it_rises_and_counts_each_message_once() {
        let mut mark = Watermark::at(4);
        mark.say(6, [60, 61]);
        mark.say(9, [90]);
        assert!(mark.raise(5).is_empty());
        assert_eq!((mark.raise(6), mark.upto()), (vec![60, 61], 6));
        assert_eq!((mark.raise(3), mark.raise(6), mark.upto()), (vec![], vec![], 6));
        assert_eq!((mark.raise(u64::MAX), mark.upto()), (vec![90], u64::MAX));
        assert!(mark.unacked.is_none(), "nothing to wait for takes no room");
        let mut mark = Watermark::default();
        (1..=COUNTED as u64 + 7).for_each(|seq| mark.say(seq, [seq]));
        assert_eq!(mark.raise(10), [8, 9, 10]);
        assert_eq!(mark.raise(u64::MAX).len(), COUNTED - 3);
    }

    // Fails when what a session saves and what is read of it are two fields, or damage reads as a place.
    #[test]
    fn it_is_read_from_what_a_session_saves() {
        let id = SessionId::random().unwrap();
        let mut saved = Saved::default();
        (saved.turn, saved.acknowledged) = (3, u64::MAX - 1);
        assert_eq!(stored(&saved.encode_stored(), &id).unwrap(), u64::MAX - 1);
        assert_eq!(stored(&[], &id).unwrap(), 0);
        assert!(matches!(stored(&[1, 0xff, 0xff], &id), Err(StoreError::Corrupt { .. })));
    }
}

//! What a running reply has said, also where the log does not have it any more.
//!
//! Each piece of a reply is an entry of the log, which keeps the last [`LOG_LIMIT`]: a reply of many short pieces pushes its
//! own beginning out. So its text so far is saved with the session's state every so many entries, in the step that
//! commits the last of them, and an interrupted reply is put together from that and the entries behind it. Rejected: longer
//! pieces, the longer the reply is. Whoever reads along would see it come in jerks for the sake of a crash.

use super::registry::Deps;
use super::saved::Saved;
use super::state::{Machine, Start};
use crate::clock;
use crate::ids::Seq;
use crate::outbox::{self, ReplyText};
use crate::store::{LOG_LIMIT, SessionRow, StoreError};

/// Entries behind which a reply's text is saved: few enough that the log has all that follow, however many of other kinds
/// come in between.
const SAVED_EVERY: u64 = LOG_LIMIT / 4;
/// Log entries read at once when an interrupted reply is looked up.
const PAGE: usize = 32;

/// What the running reply had said when it was saved.
#[derive(Clone, PartialEq, Eq, prost::Message)]
pub(super) struct Spoken {
    #[prost(string, tag = "1")]
    text: String,
    /// The last log entry that it knows of.
    #[prost(uint64, tag = "2")]
    upto: Seq,
}

impl Saved {
    /// Takes up the text of the running reply, once so many entries came since it last did; `head` is the last entry. Says
    /// whether it did.
    pub(super) fn keep_said(&mut self, said: &ReplyText, head: Seq) -> bool {
        let Some(upto) = self.said_upto() else { return false };
        let is_due = head.saturating_sub(upto) >= SAVED_EVERY;
        if is_due {
            self.spoken = Some(Spoken { text: said.as_str().to_owned(), upto: head });
        }
        is_due
    }

    /// The last entry whose part in the running reply is saved. None of a job's is: it is in no log before it is whole, and made
    /// anew when it is interrupted.
    fn said_upto(&self) -> Option<Seq> {
        let running = self.running.as_ref().filter(|running| running.job.is_none())?;
        Some(self.spoken.as_ref().map_or(running.seq, |spoken| spoken.upto))
    }
}

impl Machine {
    /// Goes on with the turn that an earlier process left unfinished. Where it is not known what that said, the turn has
    /// failed: no end may repeat less than was said.
    pub(super) fn go_on(&mut self, said: Option<ReplyText>) -> Option<Start> {
        match said {
            Some(said) => self.recover(said),
            None => self.failed(clock::unix_ms()),
        }
    }
}

impl Deps {
    /// What an unfinished reply has said. `None` when the log dropped some of it that was not saved.
    pub(super) async fn said(&self, row: &SessionRow, saved: &Saved) -> Result<Option<ReplyText>, StoreError> {
        let (Some(running), Some(upto)) = (&saved.running, saved.said_upto()) else {
            return Ok(Some(ReplyText::default()));
        };
        let id = &row.created.id;
        if row.floor > upto {
            tracing::warn!(session = %id, turn = running.turn, floor = row.floor, "an unfinished reply ends: the log does not have its beginning any more");
            return Ok(None);
        }
        let mut said = saved.spoken.as_ref().map(|spoken| ReplyText::saved(spoken.text.clone())).unwrap_or_default();
        let mut from = upto.saturating_add(1);
        loop {
            let entries = self.store.read(id, from, PAGE).await?;
            let Some(last) = entries.last() else { return Ok(Some(said)) };
            from = last.seq.saturating_add(1);
            for entry in &entries {
                said.recover(running.turn, &outbox::decode(entry)?);
            }
        }
    }
}

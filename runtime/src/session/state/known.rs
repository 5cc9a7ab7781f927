//! What the session remembers of its connections and its log, as its owner asks and tells.

use super::super::error::SessionError;
use super::super::forks::Stand;
use super::super::places::Attempt;
use super::super::saved::admit;
use super::Machine;
use crate::ids::{Epoch, Seq, TokenGeneration};

impl Machine {
    /// How a client's place stands to the log's.
    pub(in crate::session) fn stand(&self, log: (Epoch, Seq), client: (Epoch, Seq)) -> Stand {
        self.saved.stand(log, client)
    }

    /// Refuses a token that was renewed, once the new one was used.
    pub(in crate::session) fn admit(&self, generation: TokenGeneration) -> Result<(), SessionError> {
        admit(self.saved.token_generation(), generation)
    }

    /// A connection is about to open with a token of this generation.
    pub(in crate::session) fn use_token(&mut self, generation: TokenGeneration) {
        self.pending.changed |= self.saved.use_token(generation);
    }

    /// The last attempt to connect that was let in.
    pub(in crate::session) fn latest(&self) -> Option<Attempt> {
        self.saved.latest()
    }

    /// A connection is let in. It is saved with whatever changes next; until then, whoever asks its process is told.
    pub(in crate::session) fn let_in(&mut self, attempt: Option<Attempt>) {
        self.saved.let_in(attempt);
    }

    /// Another process asks for the session on behalf of an attempt that began before this one: it reads that in the store.
    pub(in crate::session) fn tell_latest(&mut self, latest: Attempt) {
        self.saved.let_in(Some(latest));
        self.pending.changed = true;
    }

    /// What connections have learned of their links is saved now, if it was not: nobody will know it later.
    pub(in crate::session) fn keep_lessons(&mut self) {
        self.pending.changed |= self.learned.are_new();
    }

    /// Notes where the session is known, for the next step: that is made only there.
    pub(in crate::session) fn set_lineage(&mut self, lineage: &str) {
        self.saved.set_lineage(lineage);
    }

    /// An epoch is about to begin behind the current one, with this sequence id; what is behind `ended` is lost.
    pub(in crate::session) fn begin_epoch(&mut self, current: Epoch, epoch: Epoch, first: Seq, ended: Seq) {
        self.saved.begin_epoch(current, epoch, first, ended);
        self.pending.changed = true;
    }

    /// The log goes on elsewhere, because the store lost a tail. Only when everything is committed.
    pub(in crate::session) fn skip_to(&mut self, head: Seq) {
        self.head = head;
    }
}

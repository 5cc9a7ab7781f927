//! How a client takes hold of its session.

use std::sync::atomic::Ordering;

use rolecall_wire::close;
use rolecall_wire::frame::Hello;

use super::super::attach::{Attachment, Resume};
use super::super::error::SessionError;
use super::super::forks::{self, MAX_PROVED_STEP, Stand};
use super::super::line::line;
use super::super::place;
use super::super::places::{Attached, Attempt};
use super::Actor;
use crate::clock;
use crate::ids::TokenGeneration;
use crate::store::{Leap, StoreError};

/// For how long what was read of a session, when its actor began, is good enough to let somebody in.
const FRESH_MS: u64 = 1_000;

impl Actor {
    pub(super) async fn attach(
        &mut self,
        hello: &Hello,
        generation: TokenGeneration,
    ) -> Result<Attachment, SessionError> {
        if self.deps.contracts.get(&self.role).is_none() {
            return Err(SessionError::NoRole(self.role.clone()));
        }
        if Attempt::is_superseded(self.latest, hello) {
            return Err(SessionError::Superseded);
        }
        self.machine.admit(generation)?;
        // The number of a message whose commit is under way is in no replay yet: a client that starts from before it
        // had one would give it another, and the message would take effect twice.
        self.settle().await?;
        // Letting in writes nothing, so it would not show that another process has the session.
        if !self.is_fresh() && self.deps.store.nodes().is_some() {
            self.assure().await?;
        }
        let resume = self.position(hello).await?;
        // One that names no epoch may be of a lost branch.
        if resume == Resume::Resumed && hello.epoch != 0 {
            self.deps.acknowledge(&self.machine.lessons(), hello.last_seq);
        }
        // Durable before the client is let in: what it was told to forget must not open the session after a crash.
        self.machine.use_token(generation);
        self.latest = Attempt::of(hello);
        self.machine.let_in(self.latest);
        self.settle().await?;
        // Whoever is replaced is told why, so that it does not come back and take over in turn.
        self.close_attached(close::REPLACED, "another connection of this session took over");
        let id = self.deps.next_connection();
        let (teller, listener) = line();
        self.attached = Some(Attached { id, teller });
        self.deps.metrics.session_left("detached");
        self.deps.metrics.session_entered("attached");
        self.courier.attached();
        let head = self.outbox.head();
        let first = hello.last_seq.saturating_add(1);
        self.deps.attached.fetch_add(1, Ordering::SeqCst);
        self.deps.metrics.resume(resume.label(), head.saturating_sub(hello.last_seq));
        Ok(Attachment {
            role: self.role.clone(),
            epoch: self.epoch,
            head,
            client_seq: self.machine.client_seq(),
            resume,
            reader: self.outbox.reader(self.epoch, first),
            lessons: self.machine.lessons(),
            control: listener,
            id,
            deps: self.deps.clone(),
        })
    }

    /// Finds the client's place, on a new footing if the store lost what the client has seen.
    async fn position(&mut self, hello: &Hello) -> Result<Resume, SessionError> {
        let (place, head) = ((hello.epoch, hello.last_seq), self.outbox.head());
        let possible = place::check(place, (self.epoch, head));
        let stand = self.machine.stand((self.epoch, head), place);
        if possible.is_err() || stand != Stand::Here {
            self.assure().await?;
        }
        possible?;
        match stand {
            Stand::Here if hello.last_seq == 0 => Ok(Resume::Fresh),
            Stand::Here => Ok(Resume::Resumed),
            Stand::Forked(first) => Err(SessionError::Forked { first, current: self.epoch }),
            Stand::Lost => {
                tracing::warn!(session = %self.id, client = hello.last_seq, "a client has messages that the store lost; it is told that the epoch is another");
                Ok(Resume::Regressed)
            }
            Stand::Ahead => {
                tracing::warn!(session = %self.id, head, client = hello.last_seq, "a client is ahead of the log: the store lost a tail, or the client gives a wrong place; a new epoch begins");
                self.begin_epoch_behind(hello).await?;
                Ok(Resume::Regressed)
            }
        }
    }

    /// Whether the session was claimed, or read, just now.
    fn is_fresh(&self) -> bool {
        self.read_ms.is_some_and(|read_ms| clock::monotonic_ms().saturating_sub(read_ms) < FRESH_MS)
    }

    /// Fails where the session is not as this actor believes: whoever is refused for good, or told of a loss, is told so by the
    /// one who knows.
    async fn assure(&mut self) -> Result<(), StoreError> {
        self.look().await?;
        // Behind the read: it is not older than what was read.
        if self.deps.store.lineage(&self.id)?.doubts(self.outbox.known_in()) {
            return Err(StoreError::Doubted(self.id.clone()));
        }
        Ok(())
    }

    /// Begins an epoch behind everything that a client has.
    async fn begin_epoch_behind(&mut self, hello: &Hello) -> Result<(), SessionError> {
        // What is decided may hold new messages: the head is final behind their commit.
        self.settle().await?;
        let epoch = forks::draw(&self.id, self.epoch, MAX_PROVED_STEP, hello.epoch)?;
        let ended = self.outbox.head();
        let head = ended.max(hello.last_seq);
        let resume_at = head.saturating_add(1);
        // Remembered first: an epoch that begins without it would leave no way to tell its forks.
        self.machine.begin_epoch(self.epoch, epoch, resume_at, ended);
        self.settle().await?;
        // What it reads is of the epoch that ends.
        self.close_attached(close::REPLACED, "another connection of this session took over");
        let (fence, after) = (Some(self.outbox.fence()), Some(self.outbox.head()));
        let known_in = Some(self.outbox.known_in().clone());
        let leap = Leap { fence, after, known_in, beyond: epoch.saturating_sub(1), resume_at };
        self.epoch = self.deps.store.advance_epoch(&self.id, self.epoch, leap).await?;
        self.outbox.skip_to(head);
        self.machine.skip_to(head);
        Ok(())
    }
}

//! What a session decides: a plain value, without clock, store or task.
//!
//! Every input changes the state at once and adds to one [`Pending`] step; the actor commits that
//! step whole, one at a time. Whatever happens while a commit is under way goes into the next one,
//! which is also how pieces of a reply coalesce when the disk is slow. Answers leave only behind the
//! commit that makes them true.

mod jobs;
mod known;

use rolecall_wire::frame::{Hit, Outcome, ServerFrame};

use super::attach::Lessons;
use super::error::refusal_code;
use super::jobs::JobEnd;
use super::saved::{Known, Saved, Waiting};
use super::turn::{Line, Refused, TurnEnd};
use crate::dialogue::{self, Keep};
use crate::enforce::{Permitted, UserText};
use crate::ids::{Seq, SessionId};
use crate::offline::{Count, Outgoing};
use crate::outbox::{Entry, ReplyText};
use crate::store::{Delivered, StoreError};
pub(super) use jobs::{JobReport, JobTaken};

/// Turns that may wait behind the running one; more are refused with `busy`.
pub(super) const QUEUE: usize = 8;
/// Bytes of text in a pending step beyond which no more of a running reply is taken in.
const PENDING_BYTES: usize = 32 * 1_024;
/// Answers in a pending step beyond which no more commands are taken in.
pub(super) const PENDING_ANSWERS: usize = 64;

/// A connection, counted over all sessions.
pub(super) type ConnectionId = u64;

/// A user's message as it arrives.
#[derive(Debug)]
pub(super) struct Send {
    /// From where.
    pub(super) from: ConnectionId,
    /// The client's id.
    pub(super) id: String,
    /// The client's number.
    pub(super) client_seq: u64,
    /// The words, if they were let in.
    pub(super) words: Result<Permitted<UserText>, Refused>,
}

/// A turn to be answered now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Start {
    /// Its number.
    pub(super) turn: u64,
    /// What the user said.
    pub(super) text: String,
    /// What was said before.
    pub(super) history: Vec<Line>,
    /// What is remembered of it, if it is.
    pub(super) dialogue: Option<dialogue::State>,
    /// What was already answered before an interruption.
    pub(super) already: String,
}

/// What the next commit holds.
#[derive(Debug, Default)]
pub(super) struct Pending {
    pub(super) entries: Vec<Entry>,
    pub(super) delivered: Vec<Delivered>,
    /// What became of posted messages.
    pub(super) counts: Vec<Count>,
    /// The state must be written.
    pub(super) changed: bool,
    pub(super) running: Option<bool>,
    /// What came of jobs, to be told behind the commit.
    pub(super) jobs: Vec<JobReport>,
    /// To be sent behind the commit.
    pub(super) answers: Vec<(ConnectionId, ServerFrame)>,
}

impl Pending {
    /// Whether there is anything to commit.
    pub(super) fn is_durable(&self) -> bool {
        !self.entries.is_empty() || !self.delivered.is_empty() || self.changed || self.running.is_some()
    }
}

/// A session's state.
#[derive(Debug)]
pub(super) struct Machine {
    saved: Saved,
    /// The sequence id of the last entry, those in pending steps included. A step is committed as it
    /// is or the actor ends, so the number is right by the time it is told to anybody.
    head: Seq,
    pending: Pending,
    /// The text of the running reply so far.
    said: ReplyText,
    /// What the running turn's contract wants to be remembered of the dialogue.
    keep: Keep,
    /// What connections learn of their links; it is saved with whatever changes next, or when the session leaves memory.
    learned: Lessons,
    /// The pieces of the running reply, if it answers a job.
    pieces: Vec<Permitted<String>>,
    /// Why the running job cannot be answered.
    blamed: Option<JobEnd>,
}

impl Machine {
    /// The state of a session whose last committed entry is `head`.
    pub(super) fn new(saved: Saved, head: Seq) -> Self {
        let learned = Lessons::new(saved.learned(), saved.acknowledged);
        let (pending, said, keep) = (Pending::default(), ReplyText::default(), Keep::NOTHING);
        Self { saved, head, pending, said, keep, learned, pieces: Vec::new(), blamed: None }
    }

    /// Goes on with where the connection leaves what it learns.
    pub(super) fn resume(&mut self, lessons: Lessons) {
        self.learned = lessons;
    }

    /// Where connections leave what they learn.
    pub(super) fn lessons(&self) -> Lessons {
        self.learned.clone()
    }

    /// The highest number of a client's message that was accepted.
    pub(super) fn client_seq(&self) -> u64 {
        self.saved.client_seq
    }

    /// The turn that is being answered, and where its user's message is in the log.
    pub(super) fn running(&self) -> Option<(u64, Seq)> {
        self.saved.running.as_ref().map(|running| (running.turn, running.seq))
    }

    /// The running turn is answered under a contract that wants this to be remembered.
    pub(super) fn keep(&mut self, keep: Keep) {
        self.keep = keep;
    }

    /// Goes on with the turn that an earlier process left unfinished, `said` being what it said.
    pub(super) fn recover(&mut self, said: ReplyText) -> Option<Start> {
        self.said = said;
        self.start()
    }

    /// A user's message. Accepted once per number, in order, whatever is repeated.
    pub(super) fn send(&mut self, now_ms: u64, send: Send) -> Option<Start> {
        let Send { from, id, client_seq, words } = send;
        let expected = self.saved.client_seq.saturating_add(1);
        match self.saved.known(client_seq) {
            Known::Next => self.accept(now_ms, from, id, client_seq, words),
            Known::Gap => {
                let message = format!("client_seq {client_seq} came, {expected} is next; send from there");
                self.refuse(from, "client_seq_gap", message, Some(id))
            }
            // With the id it was accepted for: a client that lost count sees that it was not this message.
            Known::Accepted(first) => self.duplicate(from, first.id, client_seq, first.seq),
            Known::Forgotten => {
                let message = format!("client_seq {client_seq} took effect so long ago that its outcome is not known");
                self.refuse(from, "client_seq_forgotten", message, Some(id))
            }
        }
    }

    /// The next piece of the running reply. Says whether the reply has room for it; if not, it is not
    /// said, and the reply must end.
    #[must_use]
    pub(super) fn released(&mut self, now_ms: u64, piece: &Permitted<String>) -> bool {
        let Some((turn, _)) = self.running() else { return true };
        if !self.said.push(piece) {
            return false;
        }
        if self.running_job().is_some() {
            self.pieces.push(piece.clone());
            return true;
        }
        if !self.pending.entries.last_mut().is_some_and(|last| last.extend(turn, piece)) {
            Entry::deltas(turn, now_ms, piece).for_each(|entry| self.push(entry));
        }
        true
    }

    /// The end of the running reply. What was said stands, whatever `end` takes its text to be.
    pub(super) fn ended(&mut self, now_ms: u64, end: TurnEnd) -> Option<Start> {
        if end.text.get() != self.said.as_str() {
            tracing::error!("a reply's text is not what was released; what was released stands");
        }
        if let Some((code, message)) = &end.failure {
            self.blame(code, message, end.retry_after);
        }
        self.finish(now_ms, end.outcome, end.hits)
    }

    /// The running turn cannot be answered: its task is gone, or its role.
    pub(super) fn failed(&mut self, now_ms: u64) -> Option<Start> {
        self.finish(now_ms, Outcome::Failed, Vec::new())
    }

    /// A user wants a turn stopped. Says whether it is the running one, which its task then ends; a
    /// waiting one ends here.
    pub(super) fn cancel(&mut self, now_ms: u64, from: ConnectionId, turn: u64) -> bool {
        if self.running().is_some_and(|(running, _)| running == turn) {
            return true;
        }
        let waiting = self.saved.queue.iter().position(|waiting| waiting.turn == turn);
        match waiting {
            Some(place) => {
                self.saved.queue.remove(place);
                self.pending.changed = true;
                self.push(Entry::reply(turn, now_ms, ReplyText::default(), Outcome::Cancelled, Vec::new()));
            }
            None => {
                self.refuse(from, "turn_not_running", format!("turn {turn} is neither running nor waiting"), None);
            }
        }
        false
    }

    /// Messages that were posted while the user was away.
    pub(super) fn deliver(&mut self, now_ms: u64, messages: Vec<Outgoing>) {
        for message in messages {
            let entry = self.pending.entries.len();
            self.pending.counts.extend(&message.counts);
            let parts = message.parts.iter().cloned();
            self.pending.delivered.extend(parts.map(|biz_id| Delivered { biz_id, entry }));
            let Some(text) = message.text else { continue };
            let delivery = Entry::delivery(now_ms, text, message.intent, message.parts);
            if delivery.fits() {
                self.push(delivery);
                self.learned.say(self.head, message.counts.iter().map(|count| count.created_ms));
            } else {
                tracing::error!(bytes = delivery.len(), "a message for delivery is too long for a frame; given up");
            }
        }
    }

    /// Something to tell a connection, behind everything decided so far.
    pub(super) fn tell(&mut self, to: ConnectionId, frame: ServerFrame) {
        self.pending.answers.push((to, frame));
    }

    /// Whether more of a running reply may come in before the next commit.
    pub(super) fn has_room(&self) -> bool {
        self.pending.entries.iter().map(Entry::len).sum::<usize>() < PENDING_BYTES
    }

    /// Whether more commands may come in before the next commit.
    pub(super) fn listens(&self) -> bool {
        self.pending.answers.len() < PENDING_ANSWERS
    }

    /// Whether the next step has nothing in it at all.
    pub(super) fn is_settled(&self) -> bool {
        !self.pending.is_durable() && self.pending.answers.is_empty()
    }

    /// Whether the next step delivers posted messages.
    pub(super) fn delivers(&self) -> bool {
        !self.pending.delivered.is_empty()
    }

    /// Compares the head after a commit with what was told to clients.
    ///
    /// # Errors
    /// [`StoreError::Moved`] when somebody else wrote to the log.
    pub(super) fn check(&self, id: &SessionId, committed: Seq) -> Result<(), StoreError> {
        let planned = self.head.saturating_sub(self.pending.entries.len() as u64);
        let moved = || StoreError::Moved { id: id.clone(), expected: planned, actual: committed };
        if committed == planned { Ok(()) } else { Err(moved()) }
    }

    /// Takes the next step, to be committed with the state if it changed.
    pub(super) fn take(&mut self) -> (Pending, Option<Vec<u8>>) {
        self.pending.changed |= self.saved.keep_said(&self.said, self.head);
        let pending = std::mem::take(&mut self.pending);
        let state = pending.changed.then(|| {
            self.saved.learn(&self.learned.save());
            self.saved.acknowledged = self.learned.acknowledged();
            self.saved.encode_stored()
        });
        (pending, state)
    }

    fn accept(
        &mut self,
        now_ms: u64,
        from: ConnectionId,
        id: String,
        client_seq: u64,
        words: Result<Permitted<UserText>, Refused>,
    ) -> Option<Start> {
        let words = match words {
            Ok(words) => words,
            Err(refused) => return self.refuse(from, refusal_code(&refused), refused.to_string(), Some(id)),
        };
        if self.saved.running.is_some() && self.saved.queue.len() >= QUEUE {
            let message = format!("{QUEUE} messages wait for an answer already; send again when one was answered");
            return self.refuse(from, "busy", message, Some(id));
        }
        let text = words.get().text.clone();
        self.saved.turn = self.saved.turn.saturating_add(1);
        let turn = self.saved.turn;
        self.push(Entry::user(turn, now_ms, id.clone(), words));
        let seq = self.head;
        self.saved.accept(id.clone(), seq);
        self.pending.changed = true;
        self.tell(from, ServerFrame::Accepted { id, client_seq, seq, duplicate: false });
        self.saved.queue.push(Waiting { turn, seq, text, job: None });
        self.advance()
    }

    fn duplicate(&mut self, from: ConnectionId, id: String, client_seq: u64, seq: Seq) -> Option<Start> {
        self.tell(from, ServerFrame::Accepted { id, client_seq, seq, duplicate: true });
        None
    }

    fn refuse(&mut self, from: ConnectionId, code: &str, message: String, id: Option<String>) -> Option<Start> {
        self.tell(from, ServerFrame::Error { code: code.to_owned(), message, id });
        None
    }

    fn finish(&mut self, now_ms: u64, outcome: Outcome, hits: Vec<Hit>) -> Option<Start> {
        let running = self.saved.running.take()?;
        let said = std::mem::take(&mut self.said);
        self.saved.spoken = None;
        (self.pending.changed, self.pending.running) = (true, Some(false));
        if running.job.is_some() {
            self.finish_job(now_ms, running, said, outcome, hits);
            return self.advance();
        }
        if !said.as_str().is_empty() {
            self.saved.remember(running.text, said.as_str().to_owned(), self.keep);
        }
        self.push(Entry::reply(running.turn, now_ms, said, outcome, hits));
        self.advance()
    }

    /// Begins the next waiting turn if none is running.
    fn advance(&mut self) -> Option<Start> {
        if self.saved.running.is_some() || self.saved.queue.is_empty() {
            return None;
        }
        self.saved.running = Some(self.saved.queue.remove(0));
        self.pending.changed = true;
        self.pending.running = Some(true);
        self.start()
    }

    fn start(&self) -> Option<Start> {
        let running = self.saved.running.as_ref()?;
        Some(Start {
            turn: running.turn,
            text: running.text.clone(),
            history: self.saved.history(),
            dialogue: self.saved.dialogue(),
            already: self.said.as_str().to_owned(),
        })
    }

    fn push(&mut self, entry: Entry) {
        self.pending.entries.push(entry);
        self.head = self.head.saturating_add(1);
    }
}

//! An owner of the session: decides at once, commits one step at a time, and answers behind the commit that
//! makes the answer true. As `runtime/src/session` does, with an owner among many nodes.

use std::collections::VecDeque;

use crate::fault::Fault;
use crate::pair::Name;
use crate::setup::Setup;
use crate::store::{Draft, Request, Said, Store, Token, Write};

/// What is said to a connection behind a commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Answer {
    /// A message took effect, now or before.
    Accepted { from: Name, nth: u8, number: u8, seq: u8, duplicate: bool },
    /// Numbers before this one are missing.
    Gap { from: Name, nth: u8 },
}

/// What the next commit holds.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub(crate) struct Pending {
    pub(crate) drafts: Vec<Draft>,
    /// To which connection, and what.
    pub(crate) answers: Vec<(u8, Answer)>,
}

/// A write under way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Flight {
    pub(crate) request: Request,
    pub(crate) answers: Vec<(u8, Answer)>,
    /// Whether the store took it, once it decided.
    pub(crate) taken: Option<bool>,
}

/// A message that took effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Done {
    from: Name,
    nth: u8,
    seq: u8,
}

/// The turn that is being answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Running {
    turn: u8,
    /// A piece comes before the end.
    piece: bool,
}

/// An owner.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Actor {
    pub(crate) token: Token,
    pub(crate) epoch: u8,
    /// The last committed sequence id.
    pub(crate) head: u8,
    pub(crate) client_seq: u8,
    done: Vec<Done>,
    turn: u8,
    pub(crate) running: Option<Running>,
    queue: VecDeque<u8>,
    pub(crate) forks: Vec<(u8, u8)>,
    pub(crate) pending: Pending,
    pub(crate) flight: Option<Flight>,
    /// The connection that is served.
    pub(crate) attached: Option<u8>,
    /// The connection that attaches as soon as nothing is under way.
    pub(crate) waiting: Option<u8>,
}

impl Actor {
    /// Reads the session from the store.
    pub(crate) fn load(store: &Store, token: Token, setup: &Setup) -> Self {
        let mut actor = Self {
            token,
            epoch: store.epoch(),
            head: store.head(),
            client_seq: 0,
            done: Vec::new(),
            turn: 0,
            running: None,
            queue: VecDeque::new(),
            forks: store.forks().collect(),
            pending: Pending::default(),
            flight: None,
            attached: None,
            waiting: None,
        };
        for entry in store.entries() {
            match entry.said {
                Said::User { from, nth, number } => {
                    actor.turn = entry.turn;
                    actor.queue.push_back(entry.turn);
                    if !setup.has(Fault::DedupForgotten) {
                        actor.client_seq = number;
                        actor.done.push(Done { from, nth, seq: entry.seq });
                    }
                }
                Said::Reply if !setup.has(Fault::AnsweredAgain) => actor.queue.retain(|turn| *turn != entry.turn),
                Said::Reply | Said::Delta | Said::Delivery => {}
            }
        }
        if setup.has(Fault::TurnForgotten) {
            actor.queue.clear();
        }
        actor.advance(setup);
        // Goes on with what was said of the reply.
        let said = |turn| store.entries().any(|entry| entry.turn == turn && entry.said == Said::Delta);
        if let Some(running) = &mut actor.running {
            running.piece &= !said(running.turn);
        }
        actor
    }

    /// What a user says: once per number, in order, whatever is repeated.
    pub(crate) fn send(&mut self, to: u8, (from, nth): (Name, u8), number: u8, setup: &Setup) {
        let answer = if number > self.client_seq + 1 {
            Answer::Gap { from, nth }
        } else if number <= self.client_seq {
            // Whoever numbers its messages is told which one the number stands for. Nothing is forgotten here:
            // 256 answers are kept, and no configuration has so many.
            let back = usize::from(self.client_seq - number);
            match self.done.iter().rev().nth(back) {
                Some(Done { from, nth, seq }) => {
                    Answer::Accepted { from: *from, nth: *nth, number, seq: *seq, duplicate: true }
                }
                None => Answer::Gap { from, nth },
            }
        } else {
            self.client_seq = number;
            self.turn += 1;
            let turn = self.turn;
            let seq = self.push(Draft { turn, said: Said::User { from, nth, number } });
            self.done.push(Done { from, nth, seq });
            self.queue.push_back(turn);
            self.advance(setup);
            Answer::Accepted { from, nth, number, seq, duplicate: false }
        };
        self.pending.answers.push((to, answer));
    }

    /// The running reply goes on, or ends.
    pub(crate) fn speak(&mut self, setup: &Setup) {
        let Some(running) = &mut self.running else { return };
        let turn = running.turn;
        if std::mem::take(&mut running.piece) {
            self.push(Draft { turn, said: Said::Delta });
            return;
        }
        self.running = None;
        self.push(Draft { turn, said: Said::Reply });
        self.advance(setup);
    }

    /// The application's message, once. Says whether it was known.
    pub(crate) fn post(&mut self, store: &Store) -> bool {
        let flight = self.flight.iter().map(|flight| &flight.request.write);
        let written = flight.flat_map(|write| if let Write::Append(drafts) = write { drafts.as_slice() } else { &[] });
        let mut drafts = self.pending.drafts.iter().chain(written);
        let known = drafts.any(|draft| draft.said == Said::Delivery)
            || store.entries().any(|entry| entry.said == Said::Delivery);
        if !known {
            self.push(Draft { turn: 0, said: Said::Delivery });
        }
        known
    }

    /// The next write, if one is due and none under way.
    pub(crate) fn begin(&mut self) -> Option<&Flight> {
        if self.flight.is_some() || self.pending.drafts.is_empty() {
            return None;
        }
        let Pending { drafts, answers } = std::mem::take(&mut self.pending);
        self.write(Write::Append(drafts), answers);
        self.flight.as_ref()
    }

    /// Writes to the store.
    pub(crate) fn write(&mut self, write: Write, answers: Vec<(u8, Answer)>) {
        let request = Request { token: self.token, head: self.head, write };
        self.flight = Some(Flight { request, answers, taken: None });
    }

    /// A write was taken.
    pub(crate) fn committed(&mut self, write: &Write, setup: &Setup) {
        match write {
            Write::Append(drafts) => self.head += u8::try_from(drafts.len()).unwrap_or(u8::MAX),
            Write::Advance { beyond, first } => {
                self.head = first - 1;
                if !setup.has(Fault::SameEpoch) {
                    self.epoch = self.epoch.max(*beyond) + 1;
                    self.forks.push((self.epoch, *first));
                }
            }
        }
    }

    /// Whether everything that was decided is committed and told.
    pub(crate) fn is_settled(&self) -> bool {
        self.flight.is_none() && self.pending == Pending::default()
    }

    /// What is decided to have a sequence id, and not committed.
    pub(crate) fn decided(&self, seq: u8) -> Option<Draft> {
        let written = self.flight.iter().flat_map(|flight| match &flight.request.write {
            Write::Append(drafts) => drafts.as_slice(),
            Write::Advance { .. } => &[],
        });
        let place = usize::from(seq.checked_sub(self.head + 1)?);
        written.chain(&self.pending.drafts).nth(place).copied()
    }

    /// Whether this client has otherwise what the log has now.
    pub(crate) fn forked(&self, epoch: u8, last_seq: u8) -> Option<u8> {
        if epoch == 0 || epoch >= self.epoch || last_seq == 0 {
            return None;
        }
        let later = self.forks.iter().filter(|(begun, _)| *begun > epoch).map(|(_, first)| *first);
        later.min().filter(|first| last_seq >= *first)
    }

    /// A connection is no more: nothing is said to it.
    pub(crate) fn forget(&mut self, link: u8) {
        self.attached = self.attached.filter(|attached| *attached != link);
        self.waiting = self.waiting.filter(|waiting| *waiting != link);
        let flight = self.flight.iter_mut().map(|flight| &mut flight.answers);
        for answers in flight.chain([&mut self.pending.answers]) {
            answers.retain(|(to, _)| *to != link);
        }
    }

    fn advance(&mut self, setup: &Setup) {
        if self.running.is_none()
            && let Some(turn) = self.queue.pop_front()
        {
            self.running = Some(Running { turn, piece: setup.pieces });
        }
    }

    fn push(&mut self, draft: Draft) -> u8 {
        self.pending.drafts.push(draft);
        let flight = self.flight.as_ref().map_or(0, |flight| match &flight.request.write {
            Write::Append(drafts) => drafts.len(),
            Write::Advance { .. } => 0,
        });
        self.head + u8::try_from(flight + self.pending.drafts.len()).unwrap_or(u8::MAX)
    }
}

//! The model of a session's actor: decides at once, commits one step at a time, and answers behind the
//! commit that makes the answer true.

use std::collections::VecDeque;

use rolecall_wire::frame::{Body, Outcome, ServerFrame};
use rolecall_wire::heartbeat::Learned;

use crate::chance::Chance;
use crate::count::{Count, Counts};
use crate::plan::Plan;
use crate::store::{Draft, Entry, Store};

/// Turns that may wait behind the running one.
const QUEUE: usize = 8;

/// An answer that waits for its commit.
#[derive(Debug)]
pub(crate) enum Answer {
    /// To a connection.
    Frame { to: u64, frame: ServerFrame },
    /// To a post.
    Posted(usize),
}

/// What the next commit holds.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    pub(crate) drafts: Vec<Draft>,
    pub(crate) answers: Vec<Answer>,
}

/// A commit under way.
#[derive(Debug)]
pub(crate) struct Committing {
    pub(crate) step: Pending,
    /// When the store applies it; `None` when it did, or never will.
    pub(crate) apply_at: Option<u64>,
    pub(crate) answer_at: u64,
    /// The store's answer: an error leaves open what happened.
    pub(crate) fails: bool,
}

/// A reply that is being given.
#[derive(Debug)]
pub(crate) struct Running {
    turn: u64,
    pieces: u64,
    pub(crate) at: u64,
}

/// A send that took effect.
#[derive(Debug)]
struct Done {
    id: String,
    seq: u64,
}

/// The actor.
#[derive(Debug)]
pub(crate) struct Actor {
    pub(crate) fence: u64,
    pub(crate) epoch: u32,
    /// The last committed sequence id.
    pub(crate) head: u64,
    /// The same, with everything that is decided.
    planned: u64,
    pub(crate) client_seq: u64,
    /// The highest client number whose commit is done. A `Welcome` that counted one under way would tell
    /// a client of an effect which its replay does not show.
    pub(crate) settled_seq: u64,
    done: VecDeque<Done>,
    turn: u64,
    pub(crate) running: Option<Running>,
    queue: VecDeque<u64>,
    pub(crate) pending: Pending,
    pub(crate) committing: Option<Committing>,
    /// The connection that is served.
    pub(crate) attached: Option<u64>,
    /// What its connections have learned of their links.
    pub(crate) lessons: Learned,
    /// Whether it sleeps: then only the hold of its connection is there, and what the store may say again is not.
    pub(crate) asleep: bool,
    /// When it falls asleep, should nothing happen before.
    pub(crate) nap_at: Option<u64>,
    /// When the actor looks whether it still owns the session.
    pub(crate) lease_at: u64,
}

impl Actor {
    /// Reads the session from the store.
    pub(crate) fn load(store: &Store, fence: u64, now: u64, plan: &Plan, chance: &mut Chance) -> Self {
        let users: Vec<_> = store.entries().filter(|entry| entry.client_seq.is_some()).collect();
        let kept = users.iter().skip(users.len().saturating_sub(plan.remembered));
        let done = kept.map(|entry| Done { id: entry.user().unwrap_or_default().to_owned(), seq: entry.message.seq });
        let answered = |turn| {
            let mut entries = store.entries().filter(move |entry| entry.message.turn == turn);
            entries.any(Entry::is_reply)
        };
        let client_seq = users.last().and_then(|entry| entry.client_seq).unwrap_or(0);
        let mut actor = Self {
            fence,
            epoch: store.epoch(),
            head: store.head(),
            planned: store.head(),
            client_seq,
            settled_seq: client_seq,
            done: done.collect(),
            turn: users.last().map_or(0, |entry| entry.message.turn),
            running: None,
            queue: users.iter().map(|entry| entry.message.turn).filter(|turn| !answered(*turn)).collect(),
            pending: Pending::default(),
            committing: None,
            attached: None,
            lessons: store.learned,
            asleep: false,
            nap_at: None,
            lease_at: now + LEASE_MS,
        };
        actor.advance(now, plan, chance);
        actor
    }

    /// Leaves memory, but for the hold that its connection has.
    pub(crate) fn sleep(&mut self) {
        (self.asleep, self.nap_at) = (true, None);
        (self.planned, self.client_seq, self.settled_seq, self.turn) = (0, 0, 0, 0);
        (self.done, self.running, self.queue) = (VecDeque::new(), None, VecDeque::new());
        (self.pending, self.committing) = (Pending::default(), None);
    }

    /// Goes on as it was `read` from the store, with the connection and the lessons that it had.
    pub(crate) fn wake(&mut self, read: Self) {
        *self = Self { attached: self.attached, lessons: self.lessons, lease_at: self.lease_at, ..read };
    }

    /// Takes over what a connection knew at its end. Says whether that is new.
    pub(crate) fn learn(&mut self, learned: Learned) -> bool {
        std::mem::replace(&mut self.lessons, learned) != learned
    }

    /// What a user says. Once per number, in order, whatever is repeated.
    pub(crate) fn send(
        &mut self,
        from: u64,
        (id, client_seq, text): (String, u64, String),
        (now, at_ms): (u64, u64),
        (plan, chance, counts): (&Plan, &mut Chance, &mut Counts),
    ) {
        let error = |code: &str, id| ServerFrame::Error { code: code.into(), message: code.into(), id: Some(id) };
        let frame = if client_seq > self.client_seq + 1 {
            error("client_seq_gap", id)
        } else if client_seq <= self.client_seq {
            let back = usize::try_from(self.client_seq - client_seq).unwrap_or(usize::MAX);
            match self.done.iter().rev().nth(back) {
                Some(done) => {
                    counts.add(if done.id == id { Count::Duplicate } else { Count::Taken });
                    ServerFrame::Accepted { id: done.id.clone(), client_seq, seq: done.seq, duplicate: true }
                }
                None => error("client_seq_forgotten", id),
            }
        } else if self.queue.len() >= QUEUE || chance.one_in(plan.busy_one_in) {
            error("busy", id)
        } else {
            self.client_seq = client_seq;
            self.turn += 1;
            let (turn, body) = (self.turn, Body::User { id: id.clone(), text });
            let seq = self.push(Draft { turn, at_ms, body, client_seq: Some(client_seq), post: None });
            self.done.push_back(Done { id: id.clone(), seq });
            if self.done.len() > plan.remembered {
                self.done.pop_front();
            }
            self.queue.push_back(turn);
            self.advance(now, plan, chance);
            ServerFrame::Accepted { id, client_seq, seq, duplicate: false }
        };
        self.pending.answers.push(Answer::Frame { to: from, frame });
    }

    /// A user wants a turn stopped. `false` when there is nothing to stop.
    pub(crate) fn cancel(&mut self, from: u64, turn: u64, now: (u64, u64), plan: &Plan, chance: &mut Chance) -> bool {
        if self.running.as_ref().is_some_and(|running| running.turn == turn) {
            self.finish(turn, Outcome::Cancelled, now, plan, chance);
            return true;
        }
        let (code, message) = ("turn_not_running".into(), String::new());
        let frame = ServerFrame::Error { code, message, id: None };
        self.pending.answers.push(Answer::Frame { to: from, frame });
        false
    }

    /// The application says something, once per post.
    pub(crate) fn post(&mut self, post: usize, at_ms: u64, store: &Store) {
        let number = post as u64;
        let waits = |step: &Pending| step.drafts.iter().any(|draft| draft.post == Some(number));
        let known = store.entries().any(|entry| entry.post == Some(number))
            || waits(&self.pending)
            || self.committing.as_ref().is_some_and(|committing| waits(&committing.step));
        if !known {
            let body = Body::Delivery { text: format!("p{post}"), intent: "coach".into(), parts: vec![] };
            self.push(Draft { turn: 0, at_ms, body, client_seq: None, post: Some(number) });
        }
        self.pending.answers.push(Answer::Posted(post));
    }

    /// The next piece of the running reply, or its end.
    pub(crate) fn speak(&mut self, (now, at_ms): (u64, u64), plan: &Plan, chance: &mut Chance) {
        let Some(running) = &mut self.running else { return };
        let turn = running.turn;
        if running.pieces == 0 {
            return self.finish(turn, Outcome::Complete, (now, at_ms), plan, chance);
        }
        running.pieces -= 1;
        running.at = now + chance.between(1, plan.piece_ms);
        let body = Body::Delta { text: format!("t{turn}.{} ", running.pieces) };
        self.push(Draft { turn, at_ms, body, client_seq: None, post: None });
    }

    /// A step is committed.
    pub(crate) fn committed(&mut self, step: &Pending) {
        self.head += step.drafts.len() as u64;
        let highest = step.drafts.iter().filter_map(|draft| draft.client_seq).max();
        self.settled_seq = highest.unwrap_or(self.settled_seq);
    }

    /// Whether everything that was decided is committed and told.
    pub(crate) fn is_settled(&self) -> bool {
        self.committing.is_none() && self.pending.drafts.is_empty() && self.pending.answers.is_empty()
    }

    fn finish(&mut self, turn: u64, outcome: Outcome, (now, at_ms): (u64, u64), plan: &Plan, chance: &mut Chance) {
        self.running = None;
        let body = Body::Reply { text: format!("t{turn}"), outcome, hits: vec![] };
        self.push(Draft { turn, at_ms, body, client_seq: None, post: None });
        self.advance(now, plan, chance);
    }

    fn advance(&mut self, now: u64, plan: &Plan, chance: &mut Chance) {
        if self.running.is_none()
            && let Some(turn) = self.queue.pop_front()
        {
            let at = now + chance.between(1, plan.piece_ms);
            self.running = Some(Running { turn, pieces: chance.below(4), at });
        }
    }

    fn push(&mut self, draft: Draft) -> u64 {
        self.planned += 1;
        self.pending.drafts.push(draft);
        self.planned
    }
}

/// How often an owner looks whether it still is.
pub(crate) const LEASE_MS: u64 = 5_000;

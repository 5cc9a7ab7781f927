//! The executable model of the store: a journal of one session, with an owner.
//!
//! A commit is whole or did not happen, is refused when its writer is not the owner any more or
//! thinks of another head, and gives its entries the next sequence ids. The journal can lose its tail,
//! as a failover to an asynchronous replica does.

use std::collections::BTreeSet;
use std::hash::{Hash, Hasher};

use rolecall_wire::frame::{Body, Hello, Message};
use rolecall_wire::heartbeat::Learned;
use rustc_hash::FxHasher;

use crate::property::{Held, hold};

/// The first epoch.
const FIRST: u32 = 1;

/// What is to be committed.
#[derive(Debug, Clone)]
pub(crate) struct Draft {
    pub(crate) turn: u64,
    pub(crate) at_ms: u64,
    pub(crate) body: Body,
    /// The client's number, of what a user said.
    pub(crate) client_seq: Option<u64>,
    /// The application's id, of a delivery.
    pub(crate) post: Option<u64>,
}

/// What is committed.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) message: Message,
    pub(crate) client_seq: Option<u64>,
    pub(crate) post: Option<u64>,
    /// Stands for the message.
    pub(crate) hash: u64,
}

impl Entry {
    /// The client's id, of what a user said.
    pub(crate) fn user(&self) -> Option<&str> {
        if let Body::User { id, .. } = &self.message.body { Some(id) } else { None }
    }

    /// Whether it ends a reply.
    pub(crate) fn is_reply(&self) -> bool {
        matches!(self.message.body, Body::Reply { .. })
    }
}

#[derive(Debug)]
enum Record {
    Entry(Entry),
    Epoch(Fork),
}

/// An epoch begins, behind another one.
#[derive(Debug, Clone, Copy)]
struct Fork {
    before: u32,
    epoch: u32,
    /// With this sequence id.
    first: u64,
    /// What is behind this is lost.
    ended: u64,
}

/// Where a client stands that wants to attach.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// It goes on.
    Here,
    /// It has what the store lost: a new epoch must begin.
    Ahead,
    /// It has otherwise what begins with this sequence id.
    Forked(u64),
}

/// The store.
#[derive(Debug)]
pub(crate) struct Store {
    journal: Vec<Record>,
    /// Entries in order, without those that were dropped as old: what can be read.
    log: Vec<Entry>,
    forks: Vec<Fork>,
    epoch: u32,
    head: u64,
    /// The epochs that there ever were. Servers draw their numbers: what is lost has none that is given again.
    ever: BTreeSet<u32>,
    /// Counts owners; writes of earlier ones are refused.
    pub(crate) fence: u64,
    /// The node that owns the session.
    pub(crate) owner: Option<usize>,
    pub(crate) down_until: u64,
    /// The instance and the number of the last attempt that was let in; kept with the owner.
    pub(crate) latest: Option<(u64, u32)>,
    /// A loss that only a client can prove: until one has, nothing is committed. What could be
    /// committed before would take numbers that the client knows otherwise, and nobody could tell.
    pub(crate) unproven: bool,
    /// What connections have learned, as of the last commit.
    pub(crate) learned: Learned,
    /// What was lost.
    pub(crate) lost: Vec<Entry>,
}

impl Store {
    pub(crate) fn new() -> Self {
        Self {
            journal: Vec::new(),
            log: Vec::new(),
            forks: Vec::new(),
            epoch: FIRST,
            head: 0,
            ever: BTreeSet::from([FIRST]),
            fence: 0,
            owner: None,
            down_until: 0,
            latest: None,
            unproven: false,
            learned: Learned::default(),
            lost: Vec::new(),
        }
    }

    pub(crate) const fn epoch(&self) -> u32 {
        self.epoch
    }

    pub(crate) const fn head(&self) -> u64 {
        self.head
    }

    pub(crate) fn log(&self) -> &[Entry] {
        &self.log
    }

    /// The first entry behind a sequence id.
    pub(crate) fn after(&self, seq: u64) -> Option<&Entry> {
        self.log.get(self.log.partition_point(|entry| entry.message.seq <= seq))
    }

    /// Everything ever committed that is still in the journal, dropped or not.
    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.journal.iter().filter_map(|record| if let Record::Entry(entry) = record { Some(entry) } else { None })
    }

    /// Whether there ever was such an entry, lost or not.
    pub(crate) fn ever(&self, such: impl Fn(&Entry) -> bool) -> bool {
        // What is asked about is mostly new.
        self.entries().rev().chain(&self.lost).any(such)
    }

    /// Makes another node the owner.
    pub(crate) fn claim(&mut self, node: usize) -> u64 {
        self.fence += 1;
        self.owner = Some(node);
        self.fence
    }

    /// Commits, if the writer is the owner and knows the head. What is committed is returned.
    pub(crate) fn commit(&mut self, fence: u64, head: u64, drafts: &[Draft]) -> Option<Vec<Entry>> {
        if fence != self.fence || head != self.head {
            return None;
        }
        let mut entries = Vec::with_capacity(drafts.len());
        for draft in drafts {
            self.head += 1;
            let message = Message { seq: self.head, turn: draft.turn, at_ms: draft.at_ms, body: draft.body.clone() };
            let hash = hash_of(&message);
            entries.push(Entry { message, client_seq: draft.client_seq, post: draft.post, hash });
        }
        self.journal.extend(entries.iter().cloned().map(Record::Entry));
        self.log.extend(entries.iter().cloned());
        Some(entries)
    }

    /// Each client number once and without a hole, each id and each post once.
    pub(crate) fn check_effects(&self, new: &[Entry]) -> Held {
        for entry in new {
            let others = || self.entries().filter(|other| other.message.seq != entry.message.seq);
            if let (Some(id), Some(number)) = (entry.user(), entry.client_seq) {
                let twice = others().any(|other| other.user() == Some(id));
                hold!(!twice, P8, "message {id} took effect twice, now as seq {}", entry.message.seq);
                let before = others().filter(|other| other.message.seq < entry.message.seq);
                let highest = before.filter_map(|other| other.client_seq).max().unwrap_or(0);
                hold!(number == highest + 1, P8, "client number {number} took effect behind {highest}");
            }
            if let Some(post) = entry.post {
                let twice = others().any(|other| other.post == Some(post));
                hold!(!twice, P8, "post {post} was delivered twice, now as seq {}", entry.message.seq);
            }
        }
        Ok(())
    }

    /// Where a client stands, by the rules of the server's own record of epochs.
    pub(crate) fn place(&self, hello: &Hello) -> Place {
        let (epoch, last_seq) = (hello.epoch, hello.last_seq);
        let missed = self.missed(epoch);
        let Some(missed) = missed.or((last_seq > self.head).then_some(&[])) else {
            return if last_seq > 0 { Place::Forked(1) } else { Place::Here };
        };
        match missed.first() {
            Some(fork) if last_seq >= fork.first => Place::Forked(fork.first),
            Some(fork) if last_seq > fork.ended => Place::Here,
            _ if last_seq > self.head => Place::Ahead,
            _ => Place::Here,
        }
    }

    /// The epochs that a client may not have gone along with; `None` where none is left of which it could be told.
    fn missed(&self, epoch: u32) -> Option<&[Fork]> {
        if epoch == 0 || epoch == self.epoch {
            return Some(&[]);
        }
        if self.forks.first().is_some_and(|fork| fork.before == epoch) {
            return Some(&self.forks);
        }
        match self.forks.iter().position(|fork| fork.epoch == epoch) {
            Some(place) => self.forks.get(place + 1..),
            // Of a branch that is lost: it may have parted before any of these.
            None => (!self.forks.is_empty()).then_some(&self.forks),
        }
    }

    /// Goes on behind what a client has, in a new epoch.
    pub(crate) fn advance(&mut self, hello: &Hello) {
        let ended = self.head;
        self.head = self.head.max(hello.last_seq);
        self.begin(ended);
    }

    fn begin(&mut self, ended: u64) {
        // Lower ones than were lost, too: numbers of branches have no order.
        let mut epoch = self.epoch + 1 + u32::try_from(self.ever.len() * 5 % 7).unwrap_or(0);
        while !self.ever.insert(epoch) {
            epoch += 1;
        }
        let fork = Fork { before: self.epoch, epoch, first: self.head + 1, ended };
        self.journal.push(Record::Epoch(fork));
        self.forks.push(fork);
        self.epoch = epoch;
        self.unproven = false;
    }

    /// Loses the last records. A store that knows begins a new epoch at once.
    pub(crate) fn lose(&mut self, records: usize, knows: bool) {
        let kept = self.journal.len().saturating_sub(records);
        let lost = self.journal.split_off(kept);
        self.lost
            .extend(lost.into_iter().filter_map(|r| if let Record::Entry(entry) = r { Some(entry) } else { None }));
        self.refold();
        // Whoever owned it finds another head, or no lease.
        self.fence += 1;
        self.owner = None;
        if knows {
            self.begin(self.head);
        } else {
            self.unproven = true;
        }
    }

    /// The head as it would be without the last records.
    pub(crate) fn head_without(&self, records: usize) -> u64 {
        let kept = self.journal.len().saturating_sub(records);
        self.journal.iter().take(kept).fold(0, fold_head)
    }

    fn refold(&mut self) {
        let fork = |record: &Record| if let Record::Epoch(fork) = record { Some(*fork) } else { None };
        self.forks = self.journal.iter().filter_map(fork).collect();
        self.epoch = self.forks.last().map_or(FIRST, |fork| fork.epoch);
        self.head = self.journal.iter().fold(0, fold_head);
        let head = self.head;
        self.log.retain(|entry| entry.message.seq <= head);
    }

    pub(crate) fn records(&self) -> usize {
        self.journal.len()
    }

    /// Drops old entries from what can be read.
    pub(crate) fn drop_old(&mut self, floor: u64) {
        self.log.retain(|entry| entry.message.seq > floor);
    }
}

fn fold_head(head: u64, record: &Record) -> u64 {
    match record {
        Record::Entry(entry) => entry.message.seq,
        Record::Epoch(fork) => head.max(fork.first.saturating_sub(1)),
    }
}

/// A number that stands for a message.
pub(crate) fn hash_of(message: &Message) -> u64 {
    let mut hasher = FxHasher::default();
    (message.seq, message.turn, message.at_ms).hash(&mut hasher);
    match &message.body {
        Body::User { id, text } => (1u8, id, text).hash(&mut hasher),
        Body::Delta { text } => (2u8, text).hash(&mut hasher),
        Body::Reply { text, outcome, .. } => (3u8, text, *outcome as u8).hash(&mut hasher),
        Body::Delivery { text, intent, parts } => (4u8, text, intent, parts).hash(&mut hasher),
    }
    hasher.finish()
}

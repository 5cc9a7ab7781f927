//! The store, exactly as its contract is: a journal of one session under a lease, which may lose its tail.
//!
//! A write is whole or did not happen, is refused when its writer's token is not the lease's or its writer
//! thinks of another head, and gives its entries the next sequence ids. The lease lives in the journal as
//! everything else does, so a tail takes claims with it.

use crate::fault::Fault;
use crate::pair::Name;

/// What fences. The design's is unlike any other that is anywhere; [`Fault::FenceCounted`] goes by the count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub(crate) struct Token {
    pub(crate) unique: u8,
    count: u8,
}

/// What an entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Said {
    /// What a user said: the `nth` message of a device, under a client number.
    User { from: Name, nth: u8, number: u8 },
    /// A piece of a reply.
    Delta,
    /// The end of a reply.
    Reply,
    /// What an application posted.
    Delivery,
}

/// What is to be committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Draft {
    pub(crate) turn: u8,
    pub(crate) said: Said,
}

/// What is committed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Entry {
    pub(crate) seq: u8,
    pub(crate) epoch: u8,
    pub(crate) turn: u8,
    pub(crate) said: Said,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Record {
    Entry(Entry),
    /// An epoch begins with a sequence id.
    Epoch {
        epoch: u8,
        first: u8,
    },
    /// A claim: whose token the lease had before.
    Claim {
        before: Token,
    },
}

/// A write on its way.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Request {
    pub(crate) token: Token,
    /// The head that the writer knows.
    pub(crate) head: u8,
    pub(crate) write: Write,
}

/// What a write does.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Write {
    /// Appends.
    Append(Vec<Draft>),
    /// Begins the epoch behind the store's and this one, at a sequence id.
    Advance { beyond: u8, first: u8 },
}

/// The store.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) struct Store {
    journal: Vec<Record>,
    /// The lease.
    pub(crate) token: Token,
    /// The newest epoch there ever was, which a store that knows of its loss goes beyond.
    newest: u8,
    /// A tail was lost that only a client can prove.
    pub(crate) silent: bool,
    /// What was lost: no node sees it.
    pub(crate) lost: Vec<Entry>,
}

impl Store {
    pub(crate) const fn new() -> Self {
        let token = Token { unique: 0, count: 0 };
        Self { journal: Vec::new(), token, newest: 1, silent: false, lost: Vec::new() }
    }

    pub(crate) fn entries(&self) -> impl DoubleEndedIterator<Item = &Entry> {
        self.journal.iter().filter_map(|record| if let Record::Entry(entry) = record { Some(entry) } else { None })
    }

    /// Everything that ever was committed.
    pub(crate) fn ever(&self) -> impl Iterator<Item = &Entry> {
        self.entries().chain(&self.lost)
    }

    /// Where each epoch began.
    pub(crate) fn forks(&self) -> impl Iterator<Item = (u8, u8)> {
        let fork =
            |record: &Record| if let Record::Epoch { epoch, first } = record { Some((*epoch, *first)) } else { None };
        self.journal.iter().filter_map(fork)
    }

    pub(crate) fn epoch(&self) -> u8 {
        self.forks().last().map_or(1, |(epoch, _)| epoch)
    }

    pub(crate) fn head(&self) -> u8 {
        self.journal.iter().fold(0, |head, record| match record {
            Record::Entry(entry) => entry.seq,
            Record::Epoch { first, .. } => head.max(first.saturating_sub(1)),
            Record::Claim { .. } => head,
        })
    }

    /// The first entry behind a sequence id.
    pub(crate) fn after(&self, seq: u8) -> Option<Entry> {
        self.entries().find(|entry| entry.seq > seq).copied()
    }

    /// Gives the lease to a new owner.
    pub(crate) fn claim(&mut self, unique: u8, fault: Option<Fault>) -> Token {
        let count = if fault == Some(Fault::FenceCounted) { self.token.count + 1 } else { 0 };
        let before = std::mem::replace(&mut self.token, Token { unique, count });
        self.journal.push(Record::Claim { before });
        self.token
    }

    /// Whether the lease is this token's, as far as the store can tell.
    pub(crate) fn is_owner(&self, token: Token, fault: Option<Fault>) -> bool {
        if fault == Some(Fault::FenceCounted) { token.count == self.token.count } else { token == self.token }
    }

    /// Claims that no loss can take back any more are not told apart.
    pub(crate) fn forget_claims(&mut self) {
        self.journal.retain(|record| !matches!(record, Record::Claim { .. }));
    }

    /// The tokens that a lost tail may bring back.
    pub(crate) fn earlier(&self) -> impl Iterator<Item = Token> {
        self.journal
            .iter()
            .filter_map(|record| if let Record::Claim { before } = record { Some(*before) } else { None })
    }

    /// Whether it would take a write.
    pub(crate) fn takes(&self, request: &Request, fault: Option<Fault>) -> bool {
        let unfenced = match request.write {
            Write::Append(_) => fault == Some(Fault::NoFence),
            Write::Advance { .. } => matches!(fault, Some(Fault::NoFence | Fault::EpochUnfenced)),
        };
        let owned = unfenced || self.is_owner(request.token, fault);
        let placed = fault == Some(Fault::WrittenAgain) || request.head == self.head();
        owned && placed
    }

    /// Takes a write: what it appended, or `None` when it is refused.
    pub(crate) fn take(&mut self, request: &Request, fault: Option<Fault>) -> Option<Vec<Entry>> {
        if !self.takes(request, fault) {
            return None;
        }
        match &request.write {
            Write::Append(drafts) => Some(drafts.iter().map(|draft| self.append(*draft)).collect()),
            Write::Advance { beyond, first } => {
                if fault != Some(Fault::SameEpoch) {
                    self.begin(self.epoch().max(*beyond) + 1, *first);
                } else {
                    self.begin(self.epoch(), *first);
                }
                Some(Vec::new())
            }
        }
    }

    fn append(&mut self, draft: Draft) -> Entry {
        let Draft { turn, said } = draft;
        let entry = Entry { seq: self.head() + 1, epoch: self.epoch(), turn, said };
        self.journal.push(Record::Entry(entry));
        entry
    }

    fn begin(&mut self, epoch: u8, first: u8) {
        self.journal.push(Record::Epoch { epoch, first });
        self.newest = self.newest.max(epoch);
        self.silent = false;
    }

    pub(crate) fn records(&self) -> usize {
        self.journal.len()
    }

    /// Loses the last records. A store that knows of it begins a new epoch at once.
    pub(crate) fn lose(&mut self, records: usize, known: bool) {
        let lost = self.journal.split_off(self.journal.len().saturating_sub(records));
        for record in lost.into_iter().rev() {
            match record {
                Record::Entry(entry) => self.lost.push(entry),
                Record::Epoch { .. } => {}
                Record::Claim { before } => self.token = before,
            }
        }
        if known {
            self.begin(self.newest + 1, self.head() + 1);
        } else {
            self.silent = true;
        }
    }
}

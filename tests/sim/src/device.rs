//! A device: the client's machine in a process that may die, and its application, which may be slow.

use std::collections::VecDeque;

use rolecall_wire::client::{Client, Config, Position};

use crate::ear::Ear;
use crate::watch::ClientWatch;

/// A message that the application was shown.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Seen {
    pub(crate) epoch: u32,
    pub(crate) seq: u64,
    pub(crate) hash: u64,
}

/// A tail that the store lost.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Loss {
    /// What is behind this was lost.
    pub(crate) kept: u64,
    /// How many had attached by then: who attaches later must be told.
    pub(crate) attached: u64,
}

/// A device.
#[derive(Debug)]
pub(crate) struct Device {
    pub(crate) client: Client,
    pub(crate) config: Config,
    /// The connection whose socket the driver holds.
    pub(crate) connection: Option<u64>,
    /// How far its monotonic clock is ahead of the world's.
    pub(crate) skew: u64,
    pub(crate) suspended_until: u64,
    /// What survives the process.
    pub(crate) saved: Position,
    /// Up to where the application was done when it saved that.
    pub(crate) vouched: u64,
    /// Whether exactly what waited for acceptance was saved.
    pub(crate) saved_whole: bool,
    pub(crate) journal: Vec<Seen>,
    /// The last sequence id that was shown or named as skipped.
    pub(crate) last: u64,
    /// Messages that the application has not processed.
    pub(crate) inbox: VecDeque<u64>,
    pub(crate) app_at: Option<u64>,
    /// The highest sequence id in an `Accepted` of this process.
    pub(crate) told: u64,
    /// The store lost something that this process has seen.
    pub(crate) must_tell: Option<Loss>,
    /// Whether this process or its saved position was connected before.
    pub(crate) connected_before: bool,
    pub(crate) caught_up: bool,
    /// Why it does not go on.
    pub(crate) over: Option<u16>,
    pub(crate) ear: Ear,
    pub(crate) watch: ClientWatch,
}

impl Device {
    pub(crate) fn new(config: Config, saved: Position, skew: u64, seed: u64) -> Self {
        let before = saved.unaccepted.iter().map(|waiting| waiting.id.clone()).collect();
        let watch = ClientWatch::new(before, saved.epoch, &config);
        Self {
            client: Client::new(config.clone(), saved.clone(), seed),
            ear: Ear::new(config.encoding),
            config,
            connection: None,
            skew,
            suspended_until: 0,
            journal: Vec::new(),
            last: saved.last_seq,
            vouched: saved.last_seq,
            saved_whole: true,
            connected_before: saved.last_seq > 0,
            saved,
            inbox: VecDeque::new(),
            app_at: None,
            told: 0,
            must_tell: None,
            caught_up: false,
            over: None,
            watch,
        }
    }

    /// The process goes, and another begins where the last one was saved.
    pub(crate) fn restart(&mut self, skew: u64, seed: u64) {
        let last = self.saved.last_seq;
        let mut journal = std::mem::take(&mut self.journal);
        // What was not processed comes again, to a process that has not seen it.
        journal.retain(|seen| seen.seq <= last);
        let must_tell = self.must_tell.filter(|loss| last > loss.kept);
        *self = Self { journal, must_tell, ..Self::new(self.config.clone(), self.saved.clone(), skew, seed) };
    }

    /// Up to where the application is done.
    pub(crate) fn processed(&self) -> u64 {
        self.inbox.front().map_or(self.last, |seq| seq.saturating_sub(1))
    }

    /// The machine's clock.
    pub(crate) const fn clock(&self, now: u64) -> u64 {
        now + self.skew
    }
}

/// What became of a message that a user sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fate {
    Waiting,
    Accepted,
    Refused,
    /// The server could not tell any more.
    Forgotten,
    /// The process died before it was saved: it may or may not have taken effect.
    Unknown,
}

/// A message that a user sent.
#[derive(Debug)]
pub(crate) struct Sent {
    pub(crate) id: String,
    pub(crate) device: usize,
    pub(crate) fate: Fate,
}

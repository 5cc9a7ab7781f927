//! What is modelled how often: every configuration is finite.

use crate::fault::Fault;
use crate::met::Met;
use crate::pair::Pair;

/// How often each thing may still happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// Messages that each user says.
    pub says: Pair<u8>,
    /// Connections that are cut, or attempts that are given up.
    pub cuts: u8,
    /// Nodes that lose their memory.
    pub crashes: u8,
    /// Answers of the store that get lost.
    pub answers: u8,
    /// Tails that the store loses.
    pub losses: u8,
    /// Client processes that end and begin again where they were saved.
    pub restarts: u8,
    /// Positions that are saved.
    pub saves: u8,
    /// Attempts to post the one message that an application has for the user.
    pub posts: u8,
    /// Connections opened to node B. To node A they are free.
    pub moves: u8,
}

impl Budget {
    /// Nothing happens.
    pub const NONE: Self = Self {
        says: Pair { a: 0, b: 0 },
        cuts: 0,
        crashes: 0,
        answers: 0,
        losses: 0,
        restarts: 0,
        saves: 0,
        posts: 0,
        moves: 0,
    };
}

/// A configuration of the model.
#[derive(Debug, Clone)]
pub struct Setup {
    /// Its name.
    pub name: &'static str,
    /// What it is about.
    pub about: &'static str,
    /// Whether there is a second client.
    pub two_clients: bool,
    /// Connections at once, half-open ones included.
    pub links: usize,
    /// Whether a reply comes in a piece and an end, or in an end only.
    pub pieces: bool,
    /// Whether acknowledgements are sent.
    pub acks: bool,
    /// What may happen.
    pub budget: Budget,
    /// What must happen somewhere, or the model is too tame.
    pub meets: &'static [Met],
    /// Whether from every state the way to rest is walked.
    pub heals: bool,
    /// The bug that is in it.
    pub fault: Option<Fault>,
}

impl Setup {
    /// Whether this bug is in it.
    pub(crate) fn has(&self, fault: Fault) -> bool {
        self.fault == Some(fault)
    }
}

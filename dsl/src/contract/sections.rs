//! The sections of a contract beside its rules and cases.

use std::time::Duration;

use super::PolicyRef;
use crate::span::Spanned;

/// `model { … }`.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ModelOptions {
    /// 0.0–2.0.
    pub temperature: Option<f64>,
    /// 1–100,000.
    pub max_tokens: Option<u32>,
    /// The name of the route to the model; without it, the server's default model answers.
    pub route: Option<Spanned<String>>,
}

/// `delivery { … }`.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Delivery {
    /// What messages must share to be delivered together; empty when it is not said.
    pub group_by: Vec<GroupBy>,
    /// How long messages are gathered.
    pub merge: Option<Merge>,
    /// When two messages count as one.
    pub dedup: Option<Dedup>,
    /// The merge plugin, if one is named.
    pub policy: Option<PolicyRef>,
    /// How long an undelivered message is kept; the default is [`DEFAULT_EXPIRE`].
    pub expire: Option<Duration>,
}

/// How long an undelivered message is kept when the contract does not say: 7 days.
pub const DEFAULT_EXPIRE: Duration = Duration::from_secs(7 * 24 * 3600);

/// What messages of one group share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum GroupBy {
    /// Their intent.
    Intent,
    /// The turn they belong to.
    Turn,
    /// How urgent they are.
    Timeliness,
}

/// `merge window 300ms slide 100ms flush_at 50 messages flush_on high`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Merge {
    /// How long messages are gathered from the first one on.
    pub window: Duration,
    /// How much a further message prolongs it; never above the window.
    pub slide: Option<Duration>,
    /// As many messages go out at once.
    pub flush_at: Option<u32>,
    /// A message of this priority, or above, takes all with it at once.
    pub flush_on: Option<Priority>,
}

/// How urgent a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Priority {
    /// Whenever it fits.
    Low,
    /// As usual.
    Normal,
    /// At once.
    High,
}

/// `dedup guarded 0.3 levenshtein + 0.7 embedding >= 0.82`.
#[derive(Debug, Clone, PartialEq)]
pub struct Dedup {
    /// What is compared.
    pub by: DedupBy,
    /// The measures and their weights, which sum to 1.
    pub weights: Vec<(Measure, f64)>,
    /// From this similarity on two messages count as one; 0.0–1.0.
    pub at_least: f64,
}

/// What deduplication goes by.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum DedupBy {
    /// Similarity alone.
    Similarity,
    /// What the later message says that the earlier one does not.
    Difference,
    /// Similarity, where numbers, names and negations are the same.
    Guarded,
}

/// A measure of similarity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Measure {
    /// Edit distance of the texts.
    Levenshtein,
    /// Distance of their embeddings.
    Embedding,
}

/// `state { history 20 turns  points on  entities on }`: what a stateful role keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// How many turns of the dialogue a prompt carries; as many as are kept when it is not said.
    pub history: Option<u32>,
    /// Whether the points of each reply are kept, so that "your third point" is found.
    pub points: bool,
    /// Whether what was spoken of is kept, and how the role stood to it.
    pub entities: bool,
}

impl Default for State {
    /// A stateful role keeps both unless its contract says otherwise.
    fn default() -> Self {
        Self { history: None, points: true, entities: true }
    }
}

/// `heartbeat { mode table  timeout 30s  floor 5s  base { … } }`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Heartbeat {
    /// How the interval between beats comes about; the table when it is not said.
    pub mode: Option<BeatMode>,
    /// Silence after which a connection expires.
    pub timeout: Option<Duration>,
    /// No adapted interval is shorter.
    pub floor: Option<Duration>,
    /// The interval between beats by network; for the table only.
    pub base: Base,
}

/// How the interval between beats comes about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum BeatMode {
    /// By the kind of network, from `base`.
    #[default]
    Table,
    /// Learned from each link.
    Adaptive,
}

/// Intervals by the kind of network; what is not said keeps the protocol's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Base {
    /// `4g`.
    pub four_g: Option<Duration>,
    /// `3g`.
    pub three_g: Option<Duration>,
    /// `2g`.
    pub two_g: Option<Duration>,
    /// `slow-2g`.
    pub slow_two_g: Option<Duration>,
    /// `other`.
    pub other: Option<Duration>,
}

//! What the analysis answers.

/// Whether a reply exists that keeps some rules (and breaks others).
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// This reply, judged by the monitor itself.
    Witness(String),
    /// No reply does.
    Impossible,
    /// The analysis gave up; why, one sentence without a full stop.
    Undecided(String),
}

/// Everything that was found out about rules taken together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Analysis {
    /// Whether a reply keeps all of them.
    pub answer: Answer,
    /// If none does: the minimal sets of rules that cannot hold together.
    pub conflicts: Vec<ConflictSet>,
    /// There may be further sets.
    pub more: bool,
    /// If a reply does: the rules that every reply keeps that keeps the others, by index.
    pub implied: Vec<usize>,
}

/// Rules that cannot hold together, none of which can be left out of the set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ConflictSet {
    /// Its members, in the order written.
    pub members: Vec<Member>,
}

/// One rule of a conflict set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Member {
    /// Index into the rules analysed.
    pub rule: usize,
    /// A reply that keeps all other members; `None` when the analysis gave up looking for one.
    pub without: Option<String>,
}

/// How the replies that two contracts allow relate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// They allow the same replies.
    Equal,
    /// The new contract allows less.
    Narrower,
    /// The new contract allows more.
    Wider,
    /// Each allows what the other refuses.
    Incomparable,
    /// The analysis gave up in at least one direction.
    Undecided,
}

/// The comparison of two contracts under one scenario.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// When it applies (`intent refund`); `None` where no guard does.
    pub scenario: Option<String>,
    /// How they relate.
    pub relation: Relation,
    /// A reply that only the old contract allows.
    pub only_old: Option<String>,
    /// A reply that only the new contract allows.
    pub only_new: Option<String>,
    /// Why the analysis gave up, if it did.
    pub undecided: Option<String>,
}

//! What must hold in every state.

/// A promise of the protocol, numbered as in the project's design.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Promise {
    /// A committed message reaches a live client's application exactly once and in order.
    P1,
    /// Commit before send: nothing is shown that was never committed.
    P2,
    /// "Resumed" is never said with a hole, and no hole is named that is filled.
    P3,
    /// One live attachment and one owner; a stale owner's writes are refused.
    P4,
    /// No sequence id is used twice in an epoch, and who saw what was lost is told.
    P5,
    /// A client's message, a post and a turn have one effect and one answer each.
    P6,
}

impl Promise {
    /// All of them.
    pub const ALL: [Self; 6] = [Self::P1, Self::P2, Self::P3, Self::P4, Self::P5, Self::P6];

    /// What it promises, by which the checker knows it.
    #[must_use]
    pub const fn text(self) -> &'static str {
        match self {
            Self::P1 => "P1 every committed message is shown exactly once and in order",
            Self::P2 => "P2 nothing is shown that was never committed",
            Self::P3 => "P3 resumed is never said with a hole",
            Self::P4 => "P4 one live attachment, one owner, no stale write",
            Self::P5 => "P5 no sequence id is used twice, and losses are told",
            Self::P6 => "P6 one effect and one answer per message, post and turn",
        }
    }
}

/// A promise that was broken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Broken {
    /// Which.
    pub promise: Promise,
    /// What was seen instead.
    pub detail: &'static str,
}

/// Whether everything held.
pub(crate) type Held = Result<(), Broken>;

/// Says that a promise is broken unless the condition holds.
pub(crate) const fn hold(condition: bool, promise: Promise, detail: &'static str) -> Held {
    if condition { Ok(()) } else { Err(Broken { promise, detail }) }
}

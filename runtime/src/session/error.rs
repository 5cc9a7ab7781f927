//! Why a session refused.

use rolecall_wire::frame::Hit;

use super::turn::Refused;
use crate::ids::{Epoch, Seq, SessionId, TokenGeneration};
use crate::store::StoreError;

/// Why a session refused. Each has a stable code and an HTTP status.
#[derive(Debug, Clone, thiserror::Error)]
pub enum SessionError {
    /// There is no such session.
    #[error("session {0} does not exist, or ended because nobody used it; create one with POST /v1/sessions")]
    NoSession(SessionId),
    /// No contract of this role is in force.
    #[error("the role `{0}` has no contract in force; GET /v1/models lists the roles")]
    NoRole(String),
    /// What the client misses is no longer kept.
    #[error("messages up to {floor} are no longer kept; start again with last_seq=0")]
    Gone {
        /// The last sequence id that is gone.
        floor: Seq,
    },
    /// The client claims a place that no server can have given it.
    #[error(
        "last_seq {last_seq} at epoch {epoch} is far beyond what was ever sent; start again with last_seq=0 and epoch=0"
    )]
    Impossible {
        /// The client's.
        last_seq: Seq,
        /// The client's.
        epoch: Epoch,
    },
    /// The client's messages are of a tail that the store lost, and others have their numbers now.
    #[error(
        "messages from {first} on were lost and are others now; forget them, and start again from last_seq={} \
         with epoch={current}", first.saturating_sub(1)
    )]
    Forked {
        /// The first sequence id that differs.
        first: Seq,
        /// The epoch now.
        current: Epoch,
    },
    /// The client has given this attempt up: a later one of the same instance is there.
    #[error("a later attempt of this client is connected already")]
    Superseded,
    /// The client's token was renewed, and the new one used: whoever has only the old one may have stolen it.
    #[error(
        "a token of generation {used} of this session was used already, this is {presented}; present the newest that \
         the server gave"
    )]
    Replayed {
        /// The token's.
        presented: TokenGeneration,
        /// The highest that a connection was opened with.
        used: TokenGeneration,
    },
    /// No message of the user's has this turn's number yet.
    #[error("the session has no turn {turn}; its last one is {last}")]
    NoTurn {
        /// The number.
        turn: u64,
        /// The last turn's.
        last: u64,
    },
    /// No message with this `biz_id` is known.
    #[error(
        "no message `{0}` is known in this session: it was never posted, expired before it could be delivered, or was \
         delivered more than 24 hours ago (or 10000 messages ago); post it with POST /v1/sessions/{{sid}}/messages"
    )]
    NoMessage(String),
    /// The session is being moved or closed; the next attempt finds it.
    #[error("the session is busy; try again")]
    Busy,
    /// The words were refused.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A message for delivery is malformed.
    #[error("the message is malformed: {0}")]
    BadMessage(&'static str),
    /// A message for delivery breaks the contract, and would be delivered as it is.
    #[error("the contract of `{role}` forbids this message: {}", list(hits))]
    Violation {
        /// The role.
        role: String,
        /// The rules it breaks.
        hits: Vec<Hit>,
    },
    /// The store refused.
    #[error("{}", .0.outward())]
    Store(#[source] StoreError),
    /// No randomness for an id.
    #[error("the system gave no randomness for a session id: {0}")]
    Random(String),
    /// The server is going down.
    #[error("the server is shutting down; reconnect")]
    ShuttingDown,
}

impl SessionError {
    /// The HTTP status.
    #[must_use]
    pub fn status(&self) -> u16 {
        match self {
            Self::NoSession(_) | Self::NoRole(_) | Self::NoTurn { .. } | Self::NoMessage(_) => 404,
            Self::Replayed { .. } => 401,
            Self::Superseded => 409,
            Self::Gone { .. } | Self::Forked { .. } | Self::Store(StoreError::Exhausted(_)) => 410,
            Self::Refused(_) | Self::BadMessage(_) | Self::Impossible { .. } => 400,
            Self::Violation { .. } => 422,
            Self::Store(StoreError::InboxFull(_)) => 429,
            Self::Store(StoreError::Corrupt { .. } | StoreError::Newer { .. }) | Self::Random(_) => 500,
            Self::Busy | Self::Store(_) | Self::ShuttingDown => 503,
        }
    }

    /// Whether it is in vain to try again, for what the store refused.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_lasting())
    }

    /// A stable code.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSession(_) => "session_not_found",
            Self::NoRole(_) => "role_not_found",
            Self::Gone { .. } => "messages_gone",
            Self::Forked { .. } => "epoch_forked",
            Self::Impossible { .. } => "last_seq_impossible",
            Self::Replayed { .. } => "token_replayed",
            Self::Superseded => "attempt_superseded",
            Self::NoTurn { .. } => "turn_not_found",
            Self::NoMessage(_) => "message_not_found",
            Self::Busy => "session_busy",
            Self::Refused(refused) => refusal_code(refused),
            Self::BadMessage(_) => "message_malformed",
            Self::Violation { .. } => "contract_violation",
            Self::Store(StoreError::InboxFull(_)) => "inbox_full",
            Self::Store(StoreError::Exhausted(_)) => "session_exhausted",
            Self::Store(StoreError::Corrupt { .. } | StoreError::Newer { .. }) => "store_corrupt",
            Self::Store(_) => "store_unavailable",
            Self::Random(_) => "no_randomness",
            Self::ShuttingDown => "shutting_down",
        }
    }
}

impl From<StoreError> for SessionError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NoSession(id) => Self::NoSession(id),
            other => Self::Store(other),
        }
    }
}

/// The stable code of a refused message.
pub(super) fn refusal_code(refused: &Refused) -> &'static str {
    match refused {
        Refused::Empty => "message_empty",
        Refused::TooLong(..) => "message_too_long",
    }
}

fn list(hits: &[Hit]) -> String {
    let rules: Vec<String> = hits.iter().map(|hit| format!("`{}` ({})", hit.rule, hit.message)).collect();
    rules.join(", ")
}

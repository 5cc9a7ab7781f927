//! Why a store refused.

use std::sync::Arc;

use super::{INBOX_LIMIT, Node, RedisFault};
use crate::ids::{Epoch, Seq, SessionId};

/// Why a store refused.
#[derive(Debug, Clone, thiserror::Error)]
pub enum StoreError {
    /// No session of that id.
    #[error("session {0} does not exist")]
    NoSession(SessionId),
    /// A session of that id exists.
    #[error("session {0} exists already")]
    Exists(SessionId),
    /// The writer's epoch is not the session's.
    #[error("session {id} is at epoch {actual}, the writer at {expected}")]
    Fenced {
        /// The session.
        id: SessionId,
        /// The writer's.
        expected: Epoch,
        /// The store's.
        actual: Epoch,
    },
    /// The session is somebody else's.
    #[error("session {id} is served by {owner}")]
    Owned {
        /// The session.
        id: SessionId,
        /// Whose it is.
        owner: Node,
    },
    /// The writer's claim is over: somebody else has claimed the session since, or the store lost the claim.
    #[error("session {0} is not this writer's any more; claim it anew")]
    Lost(SessionId),
    /// The store has gone over to a copy, which may lack what the writer, or somebody after it, had acknowledged.
    #[error(
        "what the store holds of session {0} may be older than what its writer knows: another server took over; read the session again"
    )]
    Doubted(SessionId),
    /// The log does not end where the writer believes: somebody else has written.
    #[error(
        "the log of session {id} ends at {actual}, not at {expected} as its writer knows it; read the session again"
    )]
    Moved {
        /// The session.
        id: SessionId,
        /// The writer's head.
        expected: Seq,
        /// The store's.
        actual: Seq,
    },
    /// The inbox holds [`INBOX_LIMIT`] items.
    #[error("the inbox of session {0} is full ({INBOX_LIMIT} messages); deliver or expire some first")]
    InboxFull(SessionId),
    /// A stored record cannot be read.
    #[error("{what} is damaged: {detail}; restore the store (the data directory, or what Redis holds) from a backup")]
    Corrupt {
        /// Which record.
        what: String,
        /// How.
        detail: String,
    },
    /// A session counts no further: a sequence id or an epoch is the last one there is. Nothing is damaged.
    #[error("the numbers of session {0} are used up; create another session")]
    Exhausted(SessionId),
    /// A stored record is of a format that this release does not know.
    #[error(
        "{what} has format {format}, which this release does not know; start the release that wrote it, or a newer one"
    )]
    Newer {
        /// Which record.
        what: String,
        /// Its format.
        format: u8,
    },
    /// An entry is larger than any frame carries, so that nobody could ever read it.
    #[error("a message of session {id} has {len} bytes, which no frame carries ({max} at most)")]
    Oversized {
        /// The session.
        id: SessionId,
        /// Bytes of the entry.
        len: usize,
        /// Bytes of the largest one.
        max: usize,
    },
    /// A write could not be made durable. The store refuses all further writes.
    #[error("the store stopped writing after a failed write ({0}); check the disk and restart")]
    Poisoned(Arc<str>),
    /// The store is shutting down.
    #[error("the store is closed")]
    Closed,
    /// The data directory cannot be used.
    #[error("data directory {path}: {detail}")]
    Directory {
        /// The directory.
        path: String,
        /// What is wrong and what to do.
        detail: String,
    },
    /// The Redis server cannot do it, or does not say whether it did.
    #[error(transparent)]
    Redis(#[from] RedisFault),
}

impl StoreError {
    /// What callers from outside are told: what they can do, and not where the store is or what is in it.
    #[must_use]
    pub fn outward(&self) -> String {
        let told = match self {
            Self::Redis(_) | Self::Closed | Self::Directory { .. } => {
                "the sessions' store is not available now; try again later"
            }
            Self::Poisoned(_) => {
                "the sessions' store takes nothing new since a write failed; try again later (its operator: check the \
                 disk and restart)"
            }
            Self::Owned { .. } | Self::Lost(_) | Self::Doubted(_) | Self::Moved { .. } | Self::Fenced { .. } => {
                "the session is being moved; try again"
            }
            Self::Corrupt { .. } | Self::Newer { .. } => {
                "the session cannot be read from its store; the server's log tells its operator what to do"
            }
            Self::NoSession(_) | Self::Exists(_) | Self::InboxFull(_) | Self::Exhausted(_) | Self::Oversized { .. } => {
                return self.to_string();
            }
        };
        told.to_owned()
    }

    /// Its kind, as a label of metrics.
    #[must_use]
    pub fn reason(&self) -> &'static str {
        match self {
            Self::NoSession(_) => "no_session",
            Self::Exists(_) => "exists",
            Self::Fenced { .. } => "fenced",
            Self::Owned { .. } => "owned",
            Self::Lost(_) => "lost",
            Self::Doubted(_) => "doubted",
            Self::Moved { .. } => "moved",
            Self::InboxFull(_) => "inbox_full",
            Self::Corrupt { .. } => "corrupt",
            Self::Exhausted(_) => "exhausted",
            Self::Newer { .. } => "newer",
            Self::Oversized { .. } => "oversized",
            Self::Poisoned(_) => "poisoned",
            Self::Closed => "closed",
            Self::Directory { .. } => "directory",
            Self::Redis(_) => "redis",
        }
    }

    /// Whether the writer's session is not as it believed, so that whoever reads it anew may go on.
    #[must_use]
    pub fn is_stale(&self) -> bool {
        matches!(self, Self::Lost(_) | Self::Doubted(_) | Self::Moved { .. } | Self::Fenced { .. })
    }

    /// Whether it is in vain to try again.
    #[must_use]
    pub fn is_lasting(&self) -> bool {
        matches!(
            self,
            Self::Corrupt { .. } | Self::Newer { .. } | Self::Exhausted(_) | Self::Redis(RedisFault::Foreign { .. })
        )
    }

    /// A sequence that cannot count on.
    pub(crate) fn exhausted(id: &SessionId) -> Self {
        Self::Exhausted(id.clone())
    }

    /// A record that cannot be read.
    pub(super) fn corrupt(what: impl Into<String>, detail: impl Into<String>) -> Self {
        Self::Corrupt { what: what.into(), detail: detail.into() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when somebody is told to restore a backup because a session moved or has no numbers left, when a remedy is one for
    // another store, when what no time mends is tried for ever, or a caller from outside is told what is in the store or whose it is.
    #[test]
    fn each_error_names_its_own_remedy() {
        let id = SessionId::random().unwrap();
        let owner: Node = "secret-host/0".parse().unwrap();
        let moved = StoreError::Moved { id: id.clone(), expected: 4_711, actual: 815 };
        let fenced = StoreError::Fenced { id: id.clone(), expected: 4_711, actual: 815 };
        let owned = StoreError::Owned { id: id.clone(), owner };
        for error in [moved, fenced, StoreError::Lost(id.clone()), owned] {
            assert_eq!(error.outward(), "the session is being moved; try again", "{error}");
            assert!(!error.to_string().contains("backup"), "{error}");
            assert_eq!(error.is_stale(), !matches!(error, StoreError::Owned { .. }), "{error}");
        }
        let exhausted = StoreError::exhausted(&id);
        assert!(exhausted.to_string().contains("create another session") && !exhausted.is_stale(), "{exhausted}");
        let damaged = StoreError::corrupt("what Redis holds of a session", "4711 is no number");
        assert!(damaged.to_string().contains("what Redis holds") && damaged.to_string().contains("from a backup"));
        let poisoned = StoreError::Poisoned("4711: no space on /secret".into());
        assert!(damaged.is_lasting() && exhausted.is_lasting() && !poisoned.is_lasting());
        for error in [damaged, poisoned] {
            let told = error.outward();
            assert!(!told.contains("4711") && !told.contains("secret") && !told.contains("backup"), "{told}");
        }
    }
}

//! What processes on one store know of each other: who lives, and how one is told something.

use std::time::Duration;

use async_trait::async_trait;

use super::{Contact, Node, StoreError, Whereabouts};
use crate::ids::SessionId;

/// What a process hears at once, at most. Where it was so much, more may wait.
pub const HEARD_AT_ONCE: usize = 256;

/// Something to tell the process that owns a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Ring {
    /// A message was posted; whether it is urgent.
    Posted(SessionId, bool),
    /// A connection came to another process: let go of the session, unless this attempt of the client is older than the
    /// one that is served (`PROTOCOL.md` §7.7; instance 0 for a client that does not number them).
    Release(SessionId, u64, u32),
    /// The session was taken without its owner's consent.
    Taken(SessionId),
    /// Somebody wants the reply to this turn stopped.
    Cancel(SessionId, u64),
    /// A job for this session was taken and is this process's to run, since it serves the session: its id, and what it was
    /// taken with.
    Job(SessionId, String, String),
    /// More than can be kept: look at every session.
    Everything,
}

impl Ring {
    /// As text.
    #[must_use]
    pub fn encode(&self) -> String {
        match self {
            Self::Posted(id, urgent) => format!("posted {id} {}", u8::from(*urgent)),
            Self::Release(id, instance, attempt) => format!("release {id} {instance} {attempt}"),
            Self::Taken(id) => format!("taken {id}"),
            Self::Cancel(id, turn) => format!("cancel {id} {turn}"),
            Self::Job(id, job, token) => format!("job {id} {job} {token}"),
            Self::Everything => "everything".to_owned(),
        }
    }

    /// From text; `None` for what another release says.
    #[must_use]
    pub fn decode(text: &str) -> Option<Self> {
        let mut words = text.split(' ');
        let kind = words.next()?;
        if kind == "everything" {
            return Some(Self::Everything);
        }
        let id = words.next()?.parse().ok()?;
        match kind {
            "posted" => Some(Self::Posted(id, words.next()? == "1")),
            "release" => Some(Self::Release(id, words.next()?.parse().ok()?, words.next()?.parse().ok()?)),
            "taken" => Some(Self::Taken(id)),
            "cancel" => Some(Self::Cancel(id, words.next()?.parse().ok()?)),
            "job" => Some(Self::Job(id, words.next()?.to_owned(), words.next()?.to_owned())),
            _ => None,
        }
    }
}

/// How a process finds its lease when it renews it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Lease {
    /// It still had it.
    Held,
    /// It had none: the first one, or others may have taken this process for dead.
    Lapsed,
    /// Another process of the node's name had it, this incarnation, and has it no longer.
    Taken(String),
    /// Another process has the node's name, this incarnation. Nothing was changed.
    Foreign(String),
}

/// The processes on one store. A lease decides politeness only: whether an owner is asked before its session is taken.
#[async_trait]
pub trait Nodes: Send + Sync {
    /// How long a lease lasts without being renewed.
    fn lease(&self) -> Duration;

    /// Renews this process's lease. The first time it takes the lease from whoever has the node's name.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn renew(&self, first: bool) -> Result<Lease, StoreError>;

    /// Ends the lease.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn leave(&self) -> Result<(), StoreError>;

    /// Whether a process has its lease.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn lives(&self, node: &Node) -> Result<bool, StoreError>;

    /// Tells a process something, if it lives; says whether it does. What waits for it is bounded, see
    /// [`Ring::Everything`].
    ///
    /// # Errors
    /// When the store does not answer.
    async fn ring(&self, node: &Node, ring: &Ring) -> Result<bool, StoreError>;

    /// Whether this still waits for a process to hear it.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn is_unheard(&self, node: &Node, ring: &Ring) -> Result<bool, StoreError>;

    /// Tells the others how this process is reached, for as long as a lease lasts.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn announce(&self, contact: &Contact) -> Result<(), StoreError>;

    /// How a process is reached.
    ///
    /// # Errors
    /// When the store does not answer.
    async fn whereabouts(&self, node: &Node) -> Result<Whereabouts, StoreError>;

    /// Takes what this process was told since, at most [`HEARD_AT_ONCE`] of it. With [`Ring::Everything`] where what waited
    /// may be lost. Not cancel-safe.
    ///
    /// # Errors
    /// When the store does not answer: what it gave may be lost on its way.
    async fn rings(&self) -> Result<Vec<Ring>, StoreError>;
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when something is told otherwise than it was said, or another release's words are taken for ours.
    #[test]
    fn rings_are_read_as_they_are_written() {
        let id = SessionId::random().unwrap();
        for ring in [
            Ring::Posted(id.clone(), true),
            Ring::Posted(id.clone(), false),
            Ring::Release(id.clone(), u64::MAX, 7),
            Ring::Taken(id.clone()),
            Ring::Cancel(id.clone(), u64::MAX),
            Ring::Job(id.clone(), "report:7".to_owned(), "token".to_owned()),
            Ring::Everything,
        ] {
            assert_eq!(Ring::decode(&ring.encode()), Some(ring));
        }
        for wrong in ["", "posted", "posted x 1", &format!("release {id} 1"), &format!("other {id}")] {
            assert_eq!(Ring::decode(wrong), None, "{wrong}");
        }
    }
}

//! A connection's hold on a session.

use std::sync::Arc;

use parking_lot::Mutex;
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use rolecall_wire::heartbeat::Learned;
use tokio::sync::mpsc;

use super::event::Command;
use super::state::{ConnectionId, PENDING_ANSWERS};
use crate::ids::{Epoch, Seq};
use crate::outbox::Reader;

/// Frames that may wait for a connection besides what it reads from the outbox: the answers of a commit
/// under way, of the next one, and to what waits in the mailbox, however a client pipelines its sends;
/// and one place for a last word. A connection that takes none of so many is cut.
pub(super) const CONTROLS: usize = 4 * PENDING_ANSWERS;

/// What a session tells its connection besides committed messages.
#[derive(Debug)]
pub enum Control {
    /// A frame to send.
    Frame(Box<ServerFrame>),
    /// The connection must close with this code.
    Close {
        /// Of the range plan of `rolecall_wire::close`.
        code: u16,
        /// For people.
        reason: &'static str,
    },
}

/// How a client that attached stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resume {
    /// It had nothing.
    Fresh,
    /// It goes on where it was.
    Resumed,
    /// It was ahead, because the store lost a tail: a new epoch began.
    Regressed,
}

impl Resume {
    /// The label in metrics.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Fresh => "fresh",
            Self::Resumed => "resumed",
            Self::Regressed => "regressed",
        }
    }
}

/// What a session's connections have learned of their links (`PROTOCOL.md` §6), from one to the next. Cloning
/// shares it.
#[derive(Debug, Clone)]
pub struct Lessons(Arc<Mutex<Learned>>);

impl Lessons {
    pub(super) fn new(learned: Learned) -> Self {
        Self(Arc::new(Mutex::new(learned)))
    }

    /// What is known now.
    #[must_use]
    pub fn get(&self) -> Learned {
        *self.0.lock()
    }

    /// Takes over what a connection knew at its end.
    pub fn set(&self, learned: Learned) {
        *self.0.lock() = learned;
    }
}

/// A connection's hold on its session. Dropping it lets go; a running reply goes on.
#[derive(Debug)]
pub struct Attachment {
    /// The role that answers.
    pub role: String,
    /// The epoch of all sequence ids.
    pub epoch: Epoch,
    /// The sequence id of the last committed message when the client attached: what is missed ends
    /// there.
    pub head: Seq,
    /// The highest number of a client's message that was accepted.
    pub client_seq: u64,
    /// How the client stands.
    pub resume: Resume,
    /// What the client reads, from the first message it misses.
    pub reader: Reader,
    /// What its connections have learned.
    pub lessons: Lessons,
    /// What the session says besides. Closed when the session's actor is gone.
    pub control: mpsc::Receiver<Control>,
    pub(super) id: ConnectionId,
    pub(super) mailbox: mpsc::Sender<Command>,
}

impl Attachment {
    /// Hands a client's frame to the session. Waits while its mailbox is full. A frame that comes
    /// after the session's actor ended is lost, and the client sends it again after reconnecting.
    pub async fn submit(&self, frame: ClientFrame) {
        let command = Command::Frame(self.id, Box::new(frame));
        let _ = self.mailbox.send(command).await;
    }
}

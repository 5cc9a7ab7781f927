//! A connection's hold on a session.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use parking_lot::Mutex;
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use rolecall_wire::heartbeat::Learned;

use super::event::Command;
use super::line::Listener;
use super::registry::Deps;
use super::state::ConnectionId;
use super::watermark::Watermark;
use crate::ids::{Epoch, Seq, SessionId};
use crate::outbox::Reader;

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
    /// The store lost messages that it has: an epoch began, now or before it came.
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

/// What a session's connections have learned of their links (`PROTOCOL.md` §6), from one to the next, and what their client has
/// acknowledged. Cloning shares it. Most have learned nothing, and that takes no room.
#[derive(Debug, Clone)]
pub struct Lessons(Arc<Mutex<Known>>);

#[derive(Debug)]
struct Known {
    learned: Option<Box<Learned>>,
    /// Whether a connection has learned it since it was saved.
    new: bool,
    watermark: Watermark,
}

impl Lessons {
    pub(super) fn new(learned: Learned, acknowledged: Seq) -> Self {
        let watermark = Watermark::at(acknowledged);
        Self(Arc::new(Mutex::new(Known { learned: something(learned), new: false, watermark })))
    }

    /// What is known now.
    #[must_use]
    pub fn get(&self) -> Learned {
        self.0.lock().learned.as_deref().copied().unwrap_or_default()
    }

    /// Takes over what a connection knew at its end.
    pub fn set(&self, learned: Learned) {
        let mut known = self.0.lock();
        let learned = something(learned);
        known.new |= known.learned != learned;
        known.learned = learned;
    }

    /// Everything up to here was acknowledged.
    pub(super) fn acknowledged(&self) -> Seq {
        self.0.lock().watermark.upto()
    }

    /// An entry is about to be committed that says messages posted at these times, ms since the Unix epoch.
    pub(super) fn say(&self, seq: Seq, posted_ms: impl IntoIterator<Item = u64>) {
        self.0.lock().watermark.say(seq, posted_ms);
    }

    /// The client acknowledges everything up to here. Gives when the posted messages that this is new of were posted.
    pub(super) fn acknowledge(&self, seq: Seq) -> Vec<u64> {
        self.0.lock().watermark.raise(seq)
    }

    /// What is known now, to be saved.
    pub(super) fn save(&self) -> Learned {
        let mut known = self.0.lock();
        known.new = false;
        known.learned.as_deref().copied().unwrap_or_default()
    }

    /// Whether a connection has learned something that is not saved.
    pub(super) fn are_new(&self) -> bool {
        self.0.lock().new
    }
}

fn something(learned: Learned) -> Option<Box<Learned>> {
    (learned != Learned::default()).then(|| Box::new(learned))
}

/// A connection's hold on its session. Dropping it lets go; a running reply goes on.
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
    /// What the session says besides. It ends when the session lets go of the connection.
    pub control: Listener,
    pub(super) id: ConnectionId,
    pub(super) deps: Arc<Deps>,
}

impl Attachment {
    /// The session.
    #[must_use]
    pub fn session(&self) -> &SessionId {
        self.reader.session()
    }

    /// Hands a client's frame to the session, which is woken if it sleeps. Waits while its mailbox is full. A frame
    /// that comes after the session let go of the connection is lost, and the client sends it again after
    /// reconnecting.
    pub async fn submit(&self, frame: ClientFrame) {
        self.deps.hand_over(self.session(), Command::Frame(self.id, Box::new(frame))).await;
    }

    /// Notes that the client has everything up to this message, which must have been sent to it. Never waits and writes nothing:
    /// it is saved with whatever the session changes next.
    pub fn acknowledge(&self, seq: Seq) {
        self.deps.acknowledge(&self.lessons, seq);
    }
}

impl Drop for Attachment {
    fn drop(&mut self) {
        // In this order: a session that falls asleep just now sees one or the other.
        self.control.close();
        self.deps.attached.fetch_sub(1, Ordering::SeqCst);
        self.deps.gone(self.reader.session(), self.id);
    }
}

impl fmt::Debug for Attachment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attachment").field("session", self.session()).field("id", &self.id).finish_non_exhaustive()
    }
}

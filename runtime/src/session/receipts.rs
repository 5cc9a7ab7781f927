//! What became of a posted message, asked later.
//!
//! The store knows whether it waits or which entry says it, and in the same answer what the session has saved. How far the client
//! has acknowledged is known earlier where this process has the session; that is of the store's session only if both name
//! one fence, since then nobody else has written to it between.

use std::sync::Arc;
use std::time::Duration;

use rolecall_wire::frame::Body;
use tokio::sync::oneshot;
use tokio::time::timeout;

use super::attach::Lessons;
use super::error::SessionError;
use super::event::Command;
use super::places::Found;
use super::registry::Deps;
use super::{ATTEMPTS, Sessions, watermark};
use crate::clock;
use crate::ids::{Seq, SessionId};
use crate::offline::{self, NAME_BYTES};
use crate::outbox;
use crate::store::{Fence, LogEntry, Receipt};

/// How long an actor may take to say how far its client is.
const SOON: Duration = Duration::from_secs(1);

/// How a posted message stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MessageStanding {
    /// It waits for a client.
    Pending,
    /// It is in the log, with this sequence id; without one where the contract withheld it and nothing was said, and where the
    /// log has dropped its place.
    Processed(Option<Seq>),
    /// The client has acknowledged that id.
    Acknowledged(Seq),
}

impl Sessions {
    /// How a posted message stands. An acknowledgement is known at once in the process that has the session; others know it
    /// from what the session saved, which it does with whatever it changes next: there, and after that process has ended or let
    /// the session go, one may read as processed for a while. A message whose entry the log has dropped reads as
    /// processed, since the client may never have got it.
    ///
    /// # Errors
    /// [`SessionError::NoMessage`] for one that is not known; when there is no such session, or the store cannot be read.
    pub async fn standing(&self, id: &SessionId, biz_id: &str) -> Result<MessageStanding, SessionError> {
        let unknown = || SessionError::NoMessage(biz_id.chars().take(NAME_BYTES).collect());
        if biz_id.is_empty() || biz_id.len() > NAME_BYTES {
            return Err(unknown());
        }
        let (row, receipt) = self.0.store.receipt(id, biz_id).await?;
        let (seq, entry) = match receipt {
            Receipt::Unknown => return Err(unknown()),
            Receipt::Waiting => return Ok(MessageStanding::Pending),
            Receipt::Delivered { seq, entry } => (seq, entry),
        };
        let Some(bytes) = entry else { return Ok(MessageStanding::Processed(None)) };
        let message = outbox::decode(&LogEntry { seq, bytes })?;
        let says_it = matches!(message.body, Body::Delivery { parts, .. } if parts.iter().any(|part| part == biz_id));
        if !says_it {
            return Ok(MessageStanding::Processed(None));
        }
        let saved = watermark::stored(&row.state, id)?;
        // An actor that is busy answers later than anybody waits: what is saved is true, too.
        let live = timeout(SOON, self.0.acknowledged_here(id))
            .await
            .ok()
            .flatten()
            .filter(|(fence, _)| row.fence() == Some(*fence));
        let upto = live.map_or(saved, |(_, upto)| upto.max(saved));
        Ok(if seq <= upto { MessageStanding::Acknowledged(seq) } else { MessageStanding::Processed(Some(seq)) })
    }
}

impl Deps {
    /// Notes what a session's client acknowledges, and counts the posted messages among it.
    pub(super) fn acknowledge(&self, lessons: &Lessons, seq: Seq) {
        let now_ms = clock::unix_ms();
        for posted_ms in lessons.acknowledge(seq) {
            self.metrics.offline(offline::bucket(posted_ms, now_ms), "acknowledged");
        }
    }

    /// How far the client of a session that this process has has acknowledged, and with which fence the session is held. Wakes
    /// nothing.
    async fn acknowledged_here(self: &Arc<Self>, id: &SessionId) -> Option<(Fence, Seq)> {
        for _ in 0..ATTEMPTS {
            let mailbox = {
                let places = self.places.lock();
                match places.find(id) {
                    Found::Awake(mailbox) => mailbox,
                    Found::Asleep(_) => return places.acknowledged_asleep(id),
                    Found::Nowhere => return None,
                }
            };
            let (answer, told) = oneshot::channel();
            if mailbox.send(Command::Acknowledged(answer)).await.is_ok()
                && let Ok(told) = told.await
            {
                return Some(told);
            }
            // It fell asleep, or ended, just then.
        }
        None
    }
}

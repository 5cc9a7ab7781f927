//! Which sessions are in memory, and how: awake with an actor, or asleep with a client for whom nothing happens.

use std::collections::HashMap;

use rolecall_wire::close;
use rolecall_wire::frame::{Hello, ServerFrame};
use tokio::sync::mpsc;

use super::attach::{Control, Lessons};
use super::event::Command;
use super::line::Teller;
use super::state::ConnectionId;
use crate::ids::{Epoch, Seq, SessionId};
use crate::outbox::Outbox;
use crate::store::{Fence, Lineage, SessionRow};
use crate::telemetry::Metrics;

/// Counts the times that sessions fell asleep: by it, who has loaded one knows whether it slept on meanwhile.
pub(super) type Nap = u64;

/// The sessions in memory.
#[derive(Default)]
pub(super) struct Places {
    by_id: HashMap<SessionId, Place>,
    awake: usize,
    naps: Nap,
}

/// How a session is in memory.
pub(super) enum Place {
    /// Its actor has this mailbox.
    Awake(mpsc::Sender<Command>),
    /// It has no actor; everything that was decided is in the store.
    Asleep(Nap, Box<Asleep>),
}

/// What stays in memory of a session that sleeps: the hold that its connection has.
pub(super) struct Asleep {
    pub(super) epoch: Epoch,
    /// The connection reads from it.
    pub(super) outbox: Outbox,
    pub(super) attached: Attached,
    pub(super) latest: Option<Attempt>,
    pub(super) lessons: Lessons,
}

/// The connection that is attached.
pub(super) struct Attached {
    pub(super) id: ConnectionId,
    pub(super) teller: Teller,
}

/// Which attempt to connect of which run of a client.
#[derive(Debug, Clone, Copy)]
pub(super) struct Attempt {
    pub(super) instance: u64,
    pub(super) attempt: u32,
}

impl Attempt {
    /// `None` for a client that does not number its attempts.
    pub(super) fn of(hello: &Hello) -> Option<Self> {
        (hello.instance != 0).then_some(Self { instance: hello.instance, attempt: hello.attempt })
    }

    /// Whether this one began before that one of the same run.
    pub(super) fn is_before(self, latest: Self) -> bool {
        self.instance == latest.instance && self.attempt < latest.attempt
    }

    /// Whether a client has given this attempt up. Network and load balancers may hold an upgrade back until its client has
    /// come again; it would take the connection that is in use.
    pub(super) fn is_superseded(latest: Option<Self>, hello: &Hello) -> bool {
        Self::of(hello).zip(latest).is_some_and(|(this, latest)| this.is_before(latest))
    }

    /// How a connection is closed because this attempt came to another process: another device's, whose owner need not
    /// come back, or the same client's, which has moved.
    pub(super) fn farewell(self, latest: Option<Self>) -> (u16, &'static str) {
        if latest.is_some_and(|latest| latest.instance == self.instance) {
            (close::HANDOVER, "the session is served elsewhere now")
        } else {
            (close::REPLACED, "another connection of this session took over")
        }
    }
}

/// What a session is found as.
pub(super) enum Found {
    Awake(mpsc::Sender<Command>),
    Asleep(Nap),
    Nowhere,
}

impl Places {
    /// Where a session is. An actor that has ended counts no more.
    pub(super) fn find(&self, id: &SessionId) -> Found {
        match self.by_id.get(id) {
            Some(Place::Awake(mailbox)) if !mailbox.is_closed() => Found::Awake(mailbox.clone()),
            Some(Place::Asleep(nap, _)) => Found::Asleep(*nap),
            Some(Place::Awake(_)) | None => Found::Nowhere,
        }
    }

    /// Which are in memory.
    pub(super) fn ids(&self) -> Vec<SessionId> {
        self.by_id.keys().cloned().collect()
    }

    /// How many have an actor.
    pub(super) fn awake(&self) -> usize {
        self.awake
    }

    /// How many are in memory.
    pub(super) fn len(&self) -> usize {
        self.by_id.len()
    }

    /// Gives a session an actor's mailbox, and takes what it had before.
    pub(super) fn wake(&mut self, id: &SessionId, mailbox: mpsc::Sender<Command>) -> Option<Box<Asleep>> {
        self.awake = self.awake.saturating_add(1);
        let before = self.by_id.insert(id.clone(), Place::Awake(mailbox));
        self.left(before)
    }

    /// A session's actor ends, and its client stays.
    pub(super) fn sleep(&mut self, id: &SessionId, asleep: Box<Asleep>) {
        self.naps = self.naps.wrapping_add(1);
        let before = self.by_id.insert(id.clone(), Place::Asleep(self.naps, asleep));
        self.left(before);
    }

    /// A session's actor ends, if it is still the one with this mailbox.
    pub(super) fn leave(&mut self, id: &SessionId, mailbox: &mpsc::Sender<Command>) {
        let stays = |place: &Place| matches!(place, Place::Awake(current) if current.same_channel(mailbox));
        if self.by_id.get(id).is_some_and(stays) {
            let before = self.by_id.remove(id);
            self.left(before);
            self.shrink();
        }
    }

    /// Takes a session that sleeps out of memory, if `which` is so.
    pub(super) fn take_asleep(
        &mut self,
        id: &SessionId,
        which: impl FnOnce(Nap, &Asleep) -> bool,
    ) -> Option<Box<Asleep>> {
        let Some(Place::Asleep(nap, asleep)) = self.by_id.get(id) else { return None };
        if !which(*nap, asleep) {
            return None;
        }
        let before = self.by_id.remove(id);
        let asleep = self.left(before);
        self.shrink();
        asleep
    }

    /// How far the client of a session that sleeps has acknowledged, and with which fence the session is held.
    pub(super) fn acknowledged_asleep(&self, id: &SessionId) -> Option<(Fence, Seq)> {
        match self.by_id.get(id) {
            Some(Place::Asleep(_, asleep)) => Some((asleep.outbox.fence(), asleep.lessons.acknowledged())),
            Some(Place::Awake(_)) | None => None,
        }
    }

    /// Tells the connection of a session that sleeps when to go. One that takes nothing finds out by itself.
    pub(super) fn tell_asleep(&self, id: &SessionId, after_ms: u32) {
        if let Some(Place::Asleep(_, asleep)) = self.by_id.get(id) {
            let _ = asleep.attached.teller.tell(Control::Frame(Box::new(ServerFrame::Goaway { after_ms })));
        }
    }

    fn left(&mut self, place: Option<Place>) -> Option<Box<Asleep>> {
        match place {
            Some(Place::Awake(_)) => {
                self.awake = self.awake.saturating_sub(1);
                None
            }
            Some(Place::Asleep(_, asleep)) => Some(asleep),
            None => None,
        }
    }

    /// A peak that is over keeps no memory.
    fn shrink(&mut self) {
        if self.by_id.capacity() > 1_024 && self.by_id.len() < self.by_id.capacity() / 8 {
            self.by_id.shrink_to(self.by_id.len().saturating_mul(2));
        }
    }
}

impl Asleep {
    /// Whether it is this process's still and nobody else has written since: only then its connection may go on.
    pub(super) fn is_of(&self, row: &SessionRow) -> bool {
        (self.epoch, self.outbox.head(), Some(self.outbox.fence())) == (row.epoch, row.head, row.fence())
    }

    /// Whether the store has gone over to a line of copies that may lack something: then it proves nothing that a row is as this
    /// process left it.
    pub(super) fn is_doubted(&self, now: &Lineage) -> bool {
        now.doubts(self.outbox.known_in())
    }

    /// Lets the connection go; its client comes back and finds the session as the store has it.
    pub(super) fn let_go(self, metrics: &Metrics, code: u16, reason: &'static str) {
        metrics.session_left("asleep");
        self.attached.teller.hang_up(code, reason);
    }
}

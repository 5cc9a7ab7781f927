//! Sessions that leave memory when nothing happens, and what wakes them.
//!
//! With a client that is there, a session sleeps: of its actor, the hold that the connection has stays, and everything
//! else is read from the store when somebody wants something of it. The connection knows nothing of that; what
//! it is acknowledged wakes nobody. Without a client, nothing stays.

use rolecall_wire::close;
use rolecall_wire::heartbeat::Learned;

use crate::actor::Actor;
use crate::count::Count;
use crate::property::Held;
use crate::world::World;

/// A session whose client is away stays awake so many times longer, for it may come back.
const AWAY: u64 = 6;

impl World {
    /// Everything is drained: what the machines say of themselves is judged, and who has nothing to do may fall asleep.
    pub(crate) fn settled(&mut self) -> Held {
        let now = self.now;
        for connection in &mut self.connections {
            if connection.up.len() + connection.down.len() > 0 {
                connection.used_at = now;
            }
            let live =
                connection.server.as_ref().filter(|server| server.state() == rolecall_wire::server::State::Active);
            if let Some(server) = live {
                connection.watch.settled(server, &self.plan.server, &mut self.counts)?;
            }
        }
        for actor in self.nodes.iter_mut().filter_map(|node| node.actor.as_mut()) {
            if actor.asleep || actor.running.is_some() || !actor.is_settled() {
                actor.nap_at = None;
            } else {
                let times = if actor.attached.is_some() { 1 } else { AWAY };
                actor.nap_at.get_or_insert(now + times * self.plan.nap_ms);
            }
        }
        Ok(())
    }

    /// Nothing has happened to a node's session for long.
    pub(crate) fn nap(&mut self, index: usize) {
        let Some(node) = self.nodes.get_mut(index) else { return };
        match &mut node.actor {
            Some(actor) if actor.attached.is_some() => {
                self.counts.add(Count::FellAsleep);
                actor.sleep();
            }
            _ => {
                self.counts.add(Count::Unloaded);
                node.actor = None;
            }
        }
    }

    /// A node's session is awake from now on, or its connection is let go: then the client comes back, and finds the
    /// session as the store has it.
    pub(crate) fn wake(&mut self, index: usize) {
        let Some(actor) = self.nodes.get_mut(index).and_then(|node| node.actor.as_mut()) else { return };
        actor.nap_at = None;
        if !actor.asleep {
            return;
        }
        let same = (actor.fence, actor.head, actor.epoch) == (self.store.fence, self.store.head(), self.store.epoch());
        if !same || self.now < self.store.down_until {
            self.counts.add(Count::NotWoken);
            return self.end_actor(index, close::TRY_LATER);
        }
        self.counts.add(Count::Woken);
        let read = Actor::load(&self.store, actor.fence, self.now, &self.plan, &mut self.chance);
        actor.wake(read);
    }

    /// The session of a connection is awake, if it is still the one that it serves.
    pub(crate) fn wake_for(&mut self, at: usize) {
        let Some((id, node)) = self.connections.get(at).map(|connection| (connection.id, connection.node)) else {
            return;
        };
        let actor = self.nodes.get(node).and_then(|node| node.actor.as_ref());
        if actor.is_some_and(|actor| actor.attached == Some(id)) {
            self.wake(node);
        }
    }

    /// A connection has ended: its session keeps what it learned. One that sleeps wakes for that, and is gone with its
    /// connection otherwise.
    pub(crate) fn let_go(&mut self, at: usize) {
        let Some(connection) = self.connections.get(at) else { return };
        let learned = connection.server.as_ref().and_then(rolecall_wire::server::Server::learned);
        let (id, index) = (connection.id, connection.node);
        let fence = connection.attached.as_ref().map(|attached| attached.fence);
        let Some(node) = self.nodes.get_mut(index) else { return };
        let Some(actor) = node.actor.as_mut().filter(|actor| Some(actor.fence) == fence) else { return };
        let news = learned.is_some_and(|learned| actor.learn(learned));
        self.taught = learned.map(|learned| (actor.fence, learned)).or(self.taught);
        if actor.attached != Some(id) {
            return;
        }
        (actor.attached, actor.nap_at) = (None, None);
        if actor.asleep && news {
            self.wake(index);
        } else if actor.asleep {
            self.counts.add(Count::LeftAsleep);
            node.actor = None;
        }
    }

    /// What the session's connections have learned, as whoever opens one now finds it.
    pub(crate) fn lessons(&self) -> Learned {
        let owner = self.nodes.iter().filter_map(|node| node.actor.as_ref()).find(|it| it.fence == self.store.fence);
        owner.map_or(self.store.learned, |actor| actor.lessons)
    }
}

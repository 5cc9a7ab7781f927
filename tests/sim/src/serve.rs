//! What nodes do with connections: look the session up, attach, read the log, and answer.

use rolecall_wire::close;
use rolecall_wire::frame::ServerFrame;
use rolecall_wire::server::{Config, Input, Server, State};

use crate::actor::Actor;
use crate::connection::{Attached, Down, Up};
use crate::count::Count;
use crate::property::Violation;
use crate::store::Place;
use crate::world::{SESSION, World};

/// Longest time that a node looks for a session before it gives up.
const LOOKUP_PATIENCE_MS: u64 = 4_000;
/// Frames that may wait in a connection before the log is not read any further.
const BACKLOG: usize = 8;

impl World {
    /// Something from a client reaches its node.
    pub(crate) fn arrive_up(&mut self, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        let Some(item) = connection.up.pop() else { return };
        connection.used_at = self.now;
        let skew = self.nodes.get(connection.node).map_or(0, |node| node.skew);
        let clock = self.now + skew;
        if matches!(item, Up::Hello) {
            return self.upgrade(at);
        }
        let Some(server) = &mut connection.server else {
            if matches!(item, Up::End) {
                (connection.server_open, connection.lookup) = (false, None);
            }
            return;
        };
        if !matches!(item, Up::End) && server.state() == State::Active {
            connection.watch.hears(clock);
        }
        match item {
            Up::Binary(bytes) => server.handle_input(clock, Input::Binary(&bytes)),
            Up::Text(text) => server.handle_input(clock, Input::Text(&text)),
            Up::Pong(payload) => {
                if server.state() == State::Active {
                    connection.watch.pong(clock, &payload);
                }
                server.handle_input(clock, Input::Pong(&payload));
            }
            Up::Hello | Up::End => server.handle_input(clock, Input::Gone),
        }
    }

    pub(crate) fn server_timer(&mut self, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        let skew = self.nodes.get(connection.node).map_or(0, |node| node.skew);
        if let Some(server) = &mut connection.server {
            server.handle_timeout(self.now + skew);
        }
    }

    /// An upgrade request reaches a node.
    fn upgrade(&mut self, at: usize) {
        let (patience, now) = (self.plan.lookup_ms, self.now);
        let done = now + self.chance.spread(patience);
        let latency = self.latency();
        let Some(connection) = self.connections.get_mut(at) else { return };
        if self.nodes.get(connection.node).is_none_or(|node| now < node.down_until) {
            return connection.drop_server(now + latency);
        }
        connection.lookup = Some((now, done));
        if connection.early {
            connection.down.push(now + latency, Down::Opened);
            self.open(at);
        }
    }

    /// A connection's machine begins.
    fn open(&mut self, at: usize) {
        let (learned, seed) = (self.lessons(), self.chance.any());
        let Some(connection) = self.connections.get_mut(at) else { return };
        let skew = self.nodes.get(connection.node).map_or(0, |node| node.skew);
        let config = Config { learned, seed, ..self.plan.server.clone() };
        let encoding = self.plan.client.encoding;
        connection.taught = learned;
        connection.server = Some(Server::new(config, encoding, &connection.hello, self.now + skew));
    }

    /// The session is looked up.
    pub(crate) fn lookup(&mut self, at: usize) {
        let now = self.now;
        let Some(connection) = self.connections.get_mut(at) else { return };
        let Some((began, _)) = connection.lookup.take() else { return };
        let (instance, attempt) = (connection.hello.instance, connection.hello.attempt);
        if self.store.latest.is_some_and(|(latest, newer)| latest == instance && attempt < newer) {
            self.counts.add(Count::Superseded);
            return self.refuse(at, 409, close::REPLACED);
        }
        // What a process left under way when it died cannot be told from another device. A node that attached it
        // would replace the live connection of the next process with 4304, which stops that for good.
        if !connection.client_open && self.store.latest.is_some_and(|(latest, _)| latest != instance) {
            (connection.server_open, connection.server) = (false, None);
            return;
        }
        if connection.hello.token != self.token.to_string() {
            return self.refuse(at, 401, close::TOKEN_EXPIRED);
        }
        if now.saturating_sub(began) > LOOKUP_PATIENCE_MS {
            self.counts.add(Count::LookupLate);
            return self.refuse(at, 503, close::BUSY);
        }
        if now < self.store.down_until {
            return self.refuse(at, 503, close::TRY_LATER);
        }
        let hello = connection.hello.clone();
        match self.store.place(&hello) {
            Place::Here => {}
            Place::Forked(_) => return self.refuse(at, 410, close::SESSION_GONE),
            Place::Ahead => {
                // What was decided on the old footing is not committed, hence not told to anybody.
                self.end_owner(close::TRY_LATER);
                self.store.advance(&hello);
            }
        }
        self.attach(at);
    }

    fn refuse(&mut self, at: usize, status: u16, code: u16) {
        let latency = self.latency();
        let Some(connection) = self.connections.get_mut(at) else { return };
        if let Some(server) = &mut connection.server {
            server.close(code, "refused");
        } else {
            connection.down.push(self.now + latency, Down::Refused(status));
            connection.server_open = false;
        }
    }

    /// Lets go of the actor that owns the session, wherever it is.
    pub(crate) fn end_owner(&mut self, code: u16) {
        for node in 0..self.nodes.len() {
            let owns = self.nodes.get(node).and_then(|node| node.actor.as_ref());
            if owns.is_some_and(|actor| actor.fence == self.store.fence) {
                self.end_actor(node, code);
            }
        }
        self.store.owner = None;
    }

    /// An actor ends, and its connection with it.
    pub(crate) fn end_actor(&mut self, node: usize, code: u16) {
        let clock = self.now + self.nodes.get(node).map_or(0, |node| node.skew);
        let Some(actor) = self.nodes.get_mut(node).and_then(|node| node.actor.take()) else { return };
        self.trace.note("actor ends", node as u64, u64::from(code));
        if let Some(at) = actor.attached.and_then(|id| self.find(id))
            && let Some(server) = self.connections.get_mut(at).and_then(|connection| connection.server.as_mut())
        {
            server.close_at(clock, code, "the session let go of this connection");
        }
    }

    /// The node's actor, loaded if another node or none owns the session.
    pub(crate) fn own(&mut self, node: usize) {
        let current = self.nodes.get(node).and_then(|node| node.actor.as_ref());
        if current.is_some_and(|actor| actor.fence == self.store.fence) {
            self.wake(node);
        }
        let current = self.nodes.get(node).and_then(|node| node.actor.as_ref());
        if current.is_some_and(|actor| actor.fence == self.store.fence) {
            return;
        }
        self.end_actor(node, close::REPLACED);
        let latency = 1 + self.latency();
        for (index, other) in self.nodes.iter_mut().enumerate() {
            if index != node && other.actor.is_some() {
                self.counts.add(Count::NodeTakeover);
                // A notice may be lost, then the lease tells.
                let heard = self.chance.one_in(2);
                other.notice_at = heard.then_some(self.now + latency);
                if let Some(actor) = &mut other.actor {
                    actor.lease_at = self.now + crate::actor::LEASE_MS;
                }
            }
        }
        let fence = self.store.claim(node);
        let actor = Actor::load(&self.store, fence, self.now, &self.plan, &mut self.chance);
        if let Some(node) = self.nodes.get_mut(node) {
            node.notice_at = None;
            node.actor = Some(actor);
        }
    }

    fn attach(&mut self, at: usize) {
        let Some((id, device, node)) = self.connections.get(at).map(|c| (c.id, c.device, c.node)) else { return };
        self.own(node);
        let Some(actor) = self.nodes.get_mut(node).and_then(|node| node.actor.as_mut()) else { return };
        let replaced = actor.attached.replace(id);
        let (fence, head, epoch, client_seq) = (actor.fence, actor.head, actor.epoch, actor.settled_seq);
        let skew = self.nodes.get(node).map_or(0, |node| node.skew);
        let clock = self.now + skew;
        if let Some(other) = replaced.and_then(|other| self.find(other))
            && let Some(server) = self.connections.get_mut(other).and_then(|other| other.server.as_mut())
        {
            server.close_at(clock, close::REPLACED, "another connection of this session took over");
        }
        self.attachments.push(device);
        let (number, latency) = (self.attachments.len() as u64, self.latency());
        let Some(connection) = self.connections.get_mut(at) else { return };
        if connection.server.is_none() {
            connection.down.push(self.now + latency, Down::Opened);
            self.open(at);
        }
        let Some(connection) = self.connections.get_mut(at) else { return };
        self.store.latest = Some((connection.hello.instance, connection.hello.attempt));
        if !connection.client_open {
            self.counts.add(Count::Abandoned);
        }
        let (cursor, first) = (connection.hello.last_seq, connection.hello.last_seq + 1);
        connection.attached = Some(Attached { number, fence, cursor, replaying: Some(first), head });
        connection.watch.welcomed(clock, &connection.hello, connection.taught, &self.plan.server);
        let welcome = ServerFrame::Welcome {
            session_id: SESSION.into(),
            role: "scholar".into(),
            epoch,
            next_seq: head + 1,
            resume_from: first,
            client_seq,
            heartbeat_ms: 0,
            timeout_ms: 0,
        };
        if let Some(server) = &mut connection.server {
            server.send(clock, &welcome);
        }
        if self.nodes.get(node).is_some_and(|node| self.now < node.flaps_until) {
            self.counts.add(Count::Flap);
            let code = self.chance.pick(close::TRY_LATER, &[close::RESTART]);
            self.end_actor(node, code);
        }
    }

    /// Empties a server's machine and gives it what is committed. `true` when anything was there.
    pub(crate) fn drain_server(&mut self, at: usize) -> Result<bool, Violation> {
        let mut busy = false;
        loop {
            self.read_log(at);
            let Some(server) = self.connections.get_mut(at).and_then(|c| c.server.as_mut()) else { break };
            if let Some(event) = server.poll_event() {
                self.server_event(at, event)?;
            } else if let Some(transmit) = server.poll_transmit() {
                self.server_transmit(at, transmit)?;
            } else {
                break;
            }
            busy = true;
        }
        let Some(connection) = self.connections.get_mut(at) else { return Ok(busy) };
        let over = |server: &Server| !matches!(server.state(), State::Active | State::Handshaking);
        if connection.server.as_ref().is_some_and(over) {
            connection.server = None;
            connection.server_open = false;
            connection.up.clear();
            busy = true;
        }
        Ok(busy)
    }

    /// Gives a connection the committed messages that it has not sent.
    fn read_log(&mut self, at: usize) {
        let Some(connection) = self.connections.get_mut(at) else { return };
        let (Some(server), Some(attached)) = (&mut connection.server, &mut connection.attached) else { return };
        let Some(node) = self.nodes.get(connection.node) else { return };
        let Some(actor) = node.actor.as_ref().filter(|actor| actor.fence == attached.fence) else { return };
        let clock = self.now + node.skew;
        // One at a time, so that the backlog is what was really written.
        if server.room() > 0 && attached.cursor < actor.head && connection.down.len() < BACKLOG {
            let next = self.store.after(attached.cursor).filter(|entry| entry.message.seq <= actor.head);
            let frame = match next {
                Some(entry) if entry.message.seq == attached.cursor + 1 => ServerFrame::Message(entry.message.clone()),
                other => {
                    let to = other.map_or(actor.head, |entry| entry.message.seq - 1);
                    ServerFrame::Skipped { from: attached.cursor + 1, to }
                }
            };
            attached.cursor = match &frame {
                ServerFrame::Skipped { to, .. } => *to,
                _ => attached.cursor + 1,
            };
            (connection.watch.sent, connection.watch.full_at) = (attached.cursor, clock);
            connection.watch.waits_since.get_or_insert(clock);
            match frame {
                ServerFrame::Skipped { to, .. } => connection.watch.skipped = to,
                _ => {
                    connection.watch.owes(clock);
                    if server.room() == 1 {
                        self.counts.add(Count::WindowFull);
                    }
                }
            }
            server.send(clock, &frame);
        }
        if server.state() == State::Active
            && attached.cursor >= attached.head
            && let Some(from) = attached.replaying.take()
        {
            server.send(clock, &ServerFrame::Resumed { from, to: attached.head.max(from - 1) });
        }
    }
}

//! What nodes do with connections: look the session up, attach, read the log, and answer.

use rolecall_wire::close;
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use rolecall_wire::server::{Event, Input, Server, State, Transmit};

use crate::actor::Actor;
use crate::connection::{Attached, Down, Up};
use crate::count::Count;
use crate::property::{Held, Violation, hold};
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
            connection.watch.heard = clock;
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
            let skew = self.nodes.get(connection.node).map_or(0, |node| node.skew);
            let (config, encoding) = (self.plan.server.clone(), self.plan.client.encoding);
            connection.server = Some(Server::new(config, encoding, &connection.hello, now + skew));
            connection.down.push(now + latency, Down::Opened);
        }
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
        let Some(actor) = self.nodes.get_mut(node).and_then(|node| node.actor.take()) else { return };
        self.trace.note("actor ends", node as u64, u64::from(code));
        if let Some(at) = actor.attached.and_then(|id| self.find(id))
            && let Some(server) = self.connections.get_mut(at).and_then(|connection| connection.server.as_mut())
        {
            server.close(code, "the session let go of this connection");
        }
    }

    /// The node's actor, loaded if another node or none owns the session.
    pub(crate) fn own(&mut self, node: usize) {
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
        if let Some(other) = replaced.and_then(|other| self.find(other))
            && let Some(server) = self.connections.get_mut(other).and_then(|other| other.server.as_mut())
        {
            server.close(close::REPLACED, "another connection of this session took over");
        }
        self.attachments.push(device);
        let (number, latency) = (self.attachments.len() as u64, self.latency());
        let skew = self.nodes.get(node).map_or(0, |node| node.skew);
        let Some(connection) = self.connections.get_mut(at) else { return };
        let clock = self.now + skew;
        if connection.server.is_none() {
            connection.down.push(self.now + latency, Down::Opened);
            let (config, encoding) = (self.plan.server.clone(), self.plan.client.encoding);
            connection.server = Some(Server::new(config, encoding, &connection.hello, clock));
        }
        self.store.latest = Some((connection.hello.instance, connection.hello.attempt));
        if !connection.client_open {
            self.counts.add(Count::Abandoned);
        }
        let (cursor, first) = (connection.hello.last_seq, connection.hello.last_seq + 1);
        connection.attached = Some(Attached { number, fence, cursor, replaying: Some(first), head });
        connection.watch.network = connection.hello.network;
        (connection.watch.heard, connection.watch.sent, connection.watch.skipped) = (clock, cursor, cursor);
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
                self.server_transmit(at, transmit);
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

    fn server_event(&mut self, at: usize, event: Event) -> Held {
        let clocks = self.clocks();
        let Some(connection) = self.connections.get_mut(at) else { return Ok(()) };
        let node = self.nodes.get_mut(connection.node);
        let (id, skew) = (connection.id, node.as_ref().map_or(0, |node| node.skew));
        let actor = node.and_then(|node| node.actor.as_mut()).filter(|actor| actor.attached == Some(id));
        match event {
            Event::Frame(ClientFrame::Send { id: message, client_seq, text }) => {
                if let Some(actor) = actor {
                    let dice = (&self.plan, &mut self.chance, &mut self.counts);
                    actor.send(id, (message, client_seq, text), clocks, dice);
                }
            }
            Event::Frame(ClientFrame::Cancel { turn }) => {
                if let Some(actor) = actor {
                    let done = actor.cancel(id, turn, clocks, &self.plan, &mut self.chance);
                    self.counts.add(if done { Count::Cancel } else { Count::CancelLate });
                }
            }
            Event::Frame(ClientFrame::Ack { seq }) => {
                let watch = &mut connection.watch;
                hold!(seq > watch.acked, P7, "#{id}: the watermark moved from {} to {seq}", watch.acked);
                watch.acked = seq;
            }
            Event::Frame(ClientFrame::Beat { .. }) => hold!(false, P13, "#{id}: a beat came as an event"),
            Event::Rtt { rtt_ms } => {
                self.counts.add(Count::ServerRtt);
                connection.watch.measured(rtt_ms)?;
                if connection.watch.interval_ms(&self.plan.server)
                    != self.plan.server.table.base_ms(connection.watch.network)
                {
                    self.counts.add(Count::Adapted);
                }
            }
            Event::Network(network) => {
                connection.watch.network(self.now + skew, network, &self.plan.server);
            }
            Event::Unsendable { seq, .. } => hold!(false, P4, "#{id}: message {seq} is not sent"),
            Event::Ended { code, .. } => return self.server_ended(at, code),
        }
        Ok(())
    }

    fn server_ended(&mut self, at: usize, code: u16) -> Held {
        let timeout_ms = u64::from(self.plan.server.timeout_ms);
        let Some(connection) = self.connections.get_mut(at) else { return Ok(()) };
        let Some(node) = self.nodes.get_mut(connection.node) else { return Ok(()) };
        self.trace.note("server ended", connection.id, u64::from(code));
        if let Some(actor) = node.actor.as_mut().filter(|actor| actor.attached == Some(connection.id)) {
            actor.attached = None;
        }
        match code {
            close::EXPIRED => {
                self.counts.add(Count::ServerExpired);
                let silent = (self.now + node.skew).saturating_sub(connection.watch.heard);
                hold!(silent >= timeout_ms, P11, "#{} expired after {silent} ms", connection.id);
                hold!(connection.harmed, P11, "#{} expired, and nothing had happened to it", connection.id);
            }
            // A client that keeps the rules is never told that it does not.
            close::PROTOCOL | close::BAD_FRAME | close::BAD_VERSION | close::TOO_LARGE | close::TOO_MANY_FRAMES => {
                hold!(false, P13, "#{}: an honest client is closed with {code}", connection.id);
            }
            close::SLOW => {
                self.counts.add(Count::Slow);
                let (under_way, window) = (connection.watch.under_way(), u64::from(connection.hello.window));
                hold!(under_way >= window, P11, "#{} is called slow with {under_way} under way", connection.id);
            }
            close::INTERNAL => hold!(false, P4, "#{}: the server had a hole to show", connection.id),
            _ => {}
        }
        Ok(())
    }

    fn server_transmit(&mut self, at: usize, transmit: Transmit) {
        let latency = self.latency();
        let Some(connection) = self.connections.get_mut(at) else { return };
        let arrival = self.now + latency;
        let skew = self.nodes.get(connection.node).map_or(0, |node| node.skew);
        // Of the frames of version 2, `Skipped` and these carry what has a sequence id (`PROTOCOL.md` §13.5).
        let other = |bytes: &[u8]| bytes.first().is_some_and(|kind| !matches!(kind & 0x1f, 11 | 15 | 17..=20));
        let is_v2 = self.plan.client.encoding == rolecall_wire::server::Encoding::BspV2;
        if !matches!(&transmit, Transmit::Binary(bytes) if is_v2 && other(bytes)) {
            connection.watch.waits_since = None;
        }
        match transmit {
            Transmit::Binary(bytes) => connection.down.push(arrival, Down::Binary(bytes.to_vec())),
            Transmit::Text(text) => connection.down.push(arrival, Down::Text(text)),
            Transmit::Ping(payload) => {
                connection.watch.ping(self.now + skew, &payload, &self.plan.server);
                connection.down.push(arrival, Down::Ping(payload.to_vec()));
            }
            Transmit::Close { code, .. } => connection.down.push(arrival, Down::Close(code)),
        }
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
                _ if server.room() == 1 => self.counts.add(Count::WindowFull),
                _ => {}
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

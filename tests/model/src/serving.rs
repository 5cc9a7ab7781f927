//! What nodes do with connections: own the session, attach, read the log, and take in what is said.

use rolecall_wire::close;
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use rolecall_wire::server::{Config, Encoding, Event, Input, Server, Transmit};

use crate::actor::Actor;
use crate::clients::NOW;
use crate::device::parse_id;
use crate::fault::Fault;
use crate::link::{Attached, Down, Up};
use crate::met::Met;
use crate::pair::Name;
use crate::promise::{Held, Promise, hold};
use crate::setup::Setup;
use crate::store::{Entry, Write};
use crate::system::System;
use crate::words;

impl System {
    /// What a client sent reaches its node.
    pub(crate) fn deliver_up(&mut self, id: u8, setup: &Setup) -> Held {
        let Some(link) = self.link(id) else { return Ok(()) };
        let (node, wanted) = (link.node, link.client_open);
        match link.up.pop_front() {
            None => return Ok(()),
            // A client's own abandoned attempt looks like another device: a node that attached it would
            // replace the client's live connection.
            Some(Up::Hello) if !wanted => link.drop_server(),
            Some(Up::Hello) => {
                self.own(node, setup);
                if let Some(actor) = self.actor(node) {
                    actor.waiting = Some(id);
                }
            }
            Some(Up::Frame(bytes)) => {
                if let Some(server) = &mut link.server {
                    server.handle_input(NOW, Input::Binary(&bytes));
                }
            }
            Some(Up::End) => match &mut link.server {
                Some(server) => server.handle_input(NOW, Input::Gone),
                None => link.drop_server(),
            },
        }
        self.drain_server(id, setup)?;
        self.flush(node, setup)
    }

    /// The node's owner; one that thinks it owns the session does not ask.
    pub(crate) fn own(&mut self, node: Name, setup: &Setup) {
        if self.nodes.of(node).is_some() {
            return;
        }
        if self.nodes.of(node.other()).is_some() {
            self.met(Met::TakenOver);
        }
        let unique = self.free_token();
        let token = self.store().claim(unique, setup.fault);
        let actor = Actor::load(&self.store, token, setup);
        if actor.running.is_some() {
            self.met(Met::Continued);
        }
        *self.nodes.of_mut(node) = Some(actor.into());
    }

    /// Tells whoever waits to attach where it stands, once nothing is under way. Says whether anything changed.
    pub(crate) fn attach_waiting(&mut self, node: Name, setup: &Setup) -> Result<bool, crate::promise::Broken> {
        let Some(actor) = self.actor(node) else { return Ok(false) };
        let Some(id) = actor.waiting else { return Ok(false) };
        if !actor.is_settled() && !setup.has(Fault::NumberUnderWay) {
            return Ok(false);
        }
        let (epoch, head) = (actor.epoch, actor.head);
        let Some(link) = self.find(id) else { return Ok(false) };
        let last = u8::try_from(link.hello.last_seq).unwrap_or(u8::MAX);
        let presented = u8::try_from(link.hello.epoch).unwrap_or(u8::MAX);
        let Some(actor) = self.actor(node) else { return Ok(false) };
        if actor.forked(presented, last).is_some() {
            actor.waiting = None;
            self.refuse(id, 410);
            return Ok(true);
        }
        if last > head || presented > epoch {
            // The store lost a tail: a new epoch begins behind what this client has.
            let first = head.max(last) + 1;
            actor.write(Write::Advance { beyond: presented, first }, Vec::new());
            return Ok(true);
        }
        actor.waiting = None;
        self.attach(id, node, setup)?;
        Ok(true)
    }

    fn refuse(&mut self, id: u8, status: u16) {
        if let Some(link) = self.link(id) {
            link.push_down(Down::Refused(status));
            link.drop_server();
        }
    }

    fn attach(&mut self, id: u8, node: Name, setup: &Setup) -> Held {
        let Some(actor) = self.actor(node) else { return Ok(()) };
        let replaced = actor.attached.replace(id);
        let actor = actor.clone();
        if let Some(old) = replaced.filter(|_| !setup.has(Fault::ReplacedNotClosed)) {
            self.close(old, close::REPLACED, setup)?;
        }
        let Some(link) = self.link(id) else { return Ok(()) };
        let (last_seq, device) = (link.hello.last_seq, link.device);
        let first = u8::try_from(last_seq + 1).unwrap_or(u8::MAX);
        let (token, epoch, head) = (actor.token, actor.epoch, actor.head);
        link.attached = Some(Attached { token, epoch, head, cursor: first - 1, sent: 0, replaying: Some(first) });
        let mut server = Server::new(Config::default(), Encoding::BspV1, &link.hello, NOW);
        server.send(NOW, &words::welcome(&actor, last_seq));
        link.server = Some(server);
        link.push_down(Down::Opened);
        self.latest = Some(device);
        self.drain_server(id, setup)?;
        self.read_log(id, setup)
    }

    /// Closes a connection with a code.
    pub(crate) fn close(&mut self, id: u8, code: u16, setup: &Setup) -> Held {
        let Some(link) = self.link(id) else { return Ok(()) };
        if let Some(server) = &mut link.server {
            server.close(code, "");
        }
        self.drain_server(id, setup)
    }

    /// An owner lets go of the session and of its connections. What it has under way may be taken yet.
    pub(crate) fn end_actor(&mut self, node: Name, code: u16, setup: &Setup) -> Held {
        let Some(actor) = self.nodes.of_mut(node).take() else { return Ok(()) };
        if let Some(flight) = actor.flight.as_ref().filter(|flight| flight.taken.is_none()) {
            self.orphan(flight.request.clone());
        }
        if let Some(waiting) = actor.waiting {
            self.refuse(waiting, 503);
        }
        let served: Vec<u8> =
            self.links.iter().filter(|link| link.node == node && link.server.is_some()).map(|link| link.id).collect();
        for id in served {
            self.close(id, code, setup)?;
        }
        Ok(())
    }

    /// Empties a server's machine.
    pub(crate) fn drain_server(&mut self, id: u8, setup: &Setup) -> Held {
        loop {
            let Some(link) = self.link(id) else { return Ok(()) };
            let node = link.node;
            let Some(server) = &mut link.server else { return Ok(()) };
            if let Some(event) = server.poll_event() {
                self.server_event(id, node, event, setup)?;
            } else if let Some(transmit) = server.poll_transmit() {
                match transmit {
                    Transmit::Binary(bytes) => link.push_down(Down::Frame(bytes)),
                    Transmit::Close { code, .. } => link.push_down(Down::Close(code)),
                    // Heartbeats are not modelled; text was not asked for.
                    Transmit::Ping(_) | Transmit::Text(_) => {}
                }
            } else {
                break;
            }
        }
        let over = |link: &crate::link::Link| link.server.is_some() && !link.is_live();
        if let Some(link) = self.link(id)
            && over(link)
        {
            link.drop_server();
        }
        Ok(())
    }

    fn server_event(&mut self, id: u8, node: Name, event: Event, setup: &Setup) -> Held {
        match event {
            Event::Frame(ClientFrame::Send { id: message, client_seq, .. }) => {
                let Some(message) = parse_id(&message) else { return Ok(()) };
                let number = u8::try_from(client_seq).unwrap_or(u8::MAX);
                // What a replaced connection had to say, its client says again on the next one.
                if let Some(actor) = self.actor(node).filter(|actor| actor.attached == Some(id)) {
                    actor.send(id, message, number, setup);
                }
                Ok(())
            }
            Event::Frame(ClientFrame::Ack { .. }) => {
                self.met(Met::Acked);
                Ok(())
            }
            Event::Ended { code, .. } => {
                if let Some(actor) = self.actor(node) {
                    actor.forget(id);
                }
                hold(code != close::INTERNAL, Promise::P3, "a node has a hole to show")?;
                let accused = matches!(code, close::PROTOCOL | close::BAD_FRAME | close::TOO_MANY_FRAMES);
                hold(!accused, Promise::P1, "a client that keeps the rules is closed as if it did not")
            }
            Event::Unsendable { .. } => hold(false, Promise::P1, "a message is not sent"),
            Event::Frame(_) | Event::Rtt { .. } | Event::Network(_) => Ok(()),
        }
    }

    /// Gives a connection the committed messages that it has not sent.
    pub(crate) fn read_log(&mut self, id: u8, setup: &Setup) -> Held {
        while let Some(frame) = self.next_frame(id, setup) {
            let Some(link) = self.link(id) else { return Ok(()) };
            let (node, Some(attached), Some(server)) = (link.node, &mut link.attached, &mut link.server) else {
                return Ok(());
            };
            let Some(frame) = frame else {
                // The store is not what this owner remembers.
                return self.end_actor(node, close::TRY_LATER, setup);
            };
            match &frame {
                ServerFrame::Message(message) => {
                    attached.cursor = u8::try_from(message.seq).unwrap_or(u8::MAX);
                    attached.sent = attached.cursor;
                }
                ServerFrame::Skipped { to, .. } => attached.cursor = u8::try_from(*to).unwrap_or(u8::MAX),
                _ => attached.replaying = None,
            }
            server.send(NOW, &frame);
            self.drain_server(id, setup)?;
        }
        Ok(())
    }

    /// The next frame of a connection; `Some(None)` when its owner must end, `None` when there is none.
    fn next_frame(&self, id: u8, setup: &Setup) -> Option<Option<ServerFrame>> {
        let link = self.find(id).filter(|link| link.is_live())?;
        let attached = link.attached?;
        let actor = self.nodes.of(link.node).as_ref().filter(|actor| actor.token == attached.token)?;
        let (cursor, replaying) = (attached.cursor, attached.replaying);
        let resumed = |from: u8| {
            let to = if setup.has(Fault::ResumedEarly) { cursor } else { attached.head.max(from - 1) };
            Some(Some(ServerFrame::Resumed { from: from.into(), to: to.into() }))
        };
        if let Some(from) = replaying.filter(|_| cursor >= attached.head || setup.has(Fault::ResumedEarly)) {
            return resumed(from);
        }
        let decided = actor.decided(cursor + 1).filter(|_| setup.has(Fault::SentBeforeCommit));
        if let Some(draft) = decided {
            let entry = Entry { seq: cursor + 1, epoch: actor.epoch, turn: draft.turn, said: draft.said };
            return Some(Some(words::message(&entry)));
        }
        if cursor >= actor.head {
            return None;
        }
        let skips = replaying.is_some() && setup.has(Fault::MissedIsSkipped);
        let next = self.store.after(cursor).filter(|entry| entry.seq <= actor.head && !skips);
        if next.is_some_and(|entry| entry.epoch > actor.epoch) && !setup.has(Fault::ReadsLaterEpoch) {
            return Some(None);
        }
        match next {
            Some(entry) if entry.seq == cursor + 1 => Some(Some(words::message(&entry))),
            other => {
                let to = other.map_or(actor.head, |entry| entry.seq - 1);
                if to > self.store.head() && !setup.has(Fault::SkipsWhatMayCome) {
                    return Some(None);
                }
                Some(Some(ServerFrame::Skipped { from: u64::from(cursor) + 1, to: to.into() }))
            }
        }
    }
}

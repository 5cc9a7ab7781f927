//! What is done to it all.

use rolecall_wire::client::Position;

use crate::device::{App, SESSION};
use crate::link::Down;
use crate::met::Met;
use crate::pair::Name;
use crate::setup::Setup;
use crate::system::System;

impl System {
    /// A connection is cut.
    pub(crate) fn cut(&mut self, id: u8) {
        if let Some(link) = self.link(id) {
            link.sever();
        }
    }

    /// A node loses its memory, and is there again. What it sent may arrive yet.
    pub(crate) fn crash(&mut self, node: Name) {
        if let Some(actor) = self.nodes.of_mut(node).take()
            && let Some(flight) = actor.flight.as_ref().filter(|flight| flight.taken.is_none())
        {
            self.orphan(flight.request.clone());
        }
        let ids: Vec<u8> =
            self.links.iter().filter(|link| link.node == node && link.server_open).map(|link| link.id).collect();
        for id in ids {
            if let Some(link) = self.link(id) {
                link.drop_server();
                link.push_down(Down::Gone);
            }
        }
    }

    /// The store loses its last records.
    pub(crate) fn lose(&mut self, records: usize, known: bool) {
        let before = self.store.token;
        self.store().lose(records, known);
        let token = self.store.token;
        if token != before && self.nodes.iter().any(|(_, actor)| actor.as_ref().is_some_and(|it| it.token == token)) {
            self.met(Met::Returned);
        }
    }

    /// An application saves where it is.
    pub(crate) fn save(&mut self, name: Name) {
        let device = self.device(name);
        device.saved = Some(Box::new((device.client.position(), device.app.clone())));
    }

    /// A client's process ends, and another goes on where the last one was saved.
    pub(crate) fn restart(&mut self, name: Name, setup: &Setup) {
        self.leave(name);
        let device = self.device(name);
        let nothing = || (Position::start(SESSION.into(), String::new()), App::default());
        let (position, app) = device.saved.as_deref().cloned().unwrap_or_else(nothing);
        let behind = app.last < device.app.last;
        device.restart(setup.acks, position, app);
        if behind {
            self.met(Met::Restarted);
        }
    }

    /// A client that stopped for good goes on where it is.
    pub(crate) fn renew(&mut self, name: Name, setup: &Setup) {
        self.leave(name);
        let device = self.device(name);
        let (position, app) = (device.client.position(), device.app.clone());
        device.restart(setup.acks, position, app);
    }

    /// An application is on a branch that the store lost: it forgets it, and begins again before it. Where that
    /// is, it asks by `POST /v1/reconnect`. The store may have lost more since: then the place is another one.
    pub(crate) fn rewind(&mut self, name: Name, setup: &Setup) {
        self.met(Met::Forked);
        let (epoch, last) = (self.devices.of(name).epoch(), self.devices.of(name).app.last);
        let behind = self.store.forks().filter(|(begun, _)| *begun > epoch).map(|(_, first)| first);
        let fork = behind.min().filter(|first| epoch != 0 && last >= *first);
        let now = self.store.epoch();
        self.renew(name, setup);
        let Some(first) = fork else { return };
        let device = self.device(name);
        let mut app = device.app.clone();
        app.journal.retain(|seen| seen.seq < first);
        // The store may not have these either: whoever was told of another branch was told of the loss.
        app.journal.iter_mut().for_each(|seen| seen.told = true);
        app.last = app.last.min(first - 1);
        let position = Position { last_seq: app.last.into(), epoch: now.into(), ..device.client.position() };
        device.restart(setup.acks, position, app);
    }
}

//! What clients do: sockets are opened and left, and events are told to the application.

use std::sync::Arc;

use rolecall_wire::client::{Event, Input, State, Transmit};
use rolecall_wire::codec;
use rolecall_wire::frame::{ClientFrame, Hello, Message, ServerFrame};
use rolecall_wire::{close, limits};

use crate::device::{Seen, id, parse_id};
use crate::fault::Fault;
use crate::link::{Down, Link, Up};
use crate::met::Met;
use crate::pair::Name;
use crate::promise::{Held, Promise, hold};
use crate::setup::Setup;
use crate::store::{Entry, Said};
use crate::system::System;
use crate::words::said_of;

/// The clock stands.
pub(crate) const NOW: u64 = 0;

impl System {
    /// A client opens a connection to a node.
    pub(crate) fn dial(&mut self, name: Name, node: Name, setup: &Setup) -> Held {
        let device = self.device(name);
        if device.client.state() == State::Idle {
            device.client.connect(NOW);
        } else {
            let due = device.client.poll_timeout().unwrap_or(NOW);
            device.client.handle_timeout(due);
        }
        self.drain_client(name, node, setup)
    }

    /// A timer that is due acts: an attempt is given up, or what was processed is acknowledged.
    pub(crate) fn client_timer(&mut self, name: Name, setup: &Setup) -> Held {
        let client = &mut self.device(name).client;
        let due = client.poll_timeout().unwrap_or(NOW);
        client.handle_timeout(due);
        self.drain_client(name, Name::A, setup)
    }

    /// A user says something.
    pub(crate) fn say(&mut self, name: Name, setup: &Setup) -> Held {
        let device = self.device(name);
        device.said += 1;
        let queued = device.client.send(&id(name, device.said), "x");
        hold(queued.is_ok(), Promise::P6, "a message is not queued")?;
        self.drain_client(name, Name::A, setup)
    }

    /// What a node sent reaches its client.
    pub(crate) fn deliver_down(&mut self, link: u8, setup: &Setup) -> Held {
        let Some(link) = self.link(link) else { return Ok(()) };
        let (id, name) = (link.id, link.device);
        let mut item = link.down.pop_front();
        if item == Some(Down::Opened) {
            // A socket that is open is told by what comes through it.
            self.device(name).client.handle_input(NOW, Input::Opened);
            item = self.link(id).and_then(|link| link.down.pop_front());
        }
        let Some(item) = item else { return Ok(()) };
        if let Down::Frame(bytes) = &item {
            let frame = codec::decode_server(bytes, limits::MAX_SERVER_PAYLOAD);
            if matches!(frame, Ok(ServerFrame::Accepted { duplicate: true, .. })) {
                self.met(Met::Duplicate);
            }
        }
        let client = &mut self.device(name).client;
        let ends = !matches!(item, Down::Frame(_));
        match item {
            Down::Opened => client.handle_input(NOW, Input::Opened),
            Down::Refused(status) => client.handle_input(NOW, Input::Refused { status }),
            Down::Frame(bytes) => client.handle_input(NOW, Input::Binary(&bytes)),
            Down::Close(code) => client.handle_input(NOW, Input::Closed { code }),
            Down::Gone => client.handle_input(NOW, Input::Gone),
        }
        if ends {
            self.leave(name);
        }
        self.drain_client(name, Name::A, setup)
    }

    /// A client drops its socket.
    pub(crate) fn leave(&mut self, name: Name) {
        if let Some(id) = self.device(name).link.take()
            && let Some(link) = self.link(id)
        {
            link.leave();
        }
    }

    /// Empties a client's machine. A connection that it opens goes to this node.
    fn drain_client(&mut self, name: Name, node: Name, setup: &Setup) -> Held {
        loop {
            if let Some(event) = self.device(name).client.poll_event() {
                self.client_event(name, event)?;
            } else if let Some(transmit) = self.device(name).client.poll_transmit() {
                match transmit {
                    Transmit::Connect(hello) => self.connect(name, node, hello, setup),
                    Transmit::Binary(bytes) => {
                        let frame = codec::decode_client(&bytes, limits::MAX_PAYLOAD);
                        hold(frame.is_ok(), Promise::P1, "a client says what is no frame")?;
                        // Heartbeats are not modelled: see the crate's documentation.
                        let beat = matches!(frame, Ok(ClientFrame::Beat { .. }));
                        if let Some(id) = self.devices.of(name).link.filter(|_| !beat)
                            && let Some(link) = self.link(id)
                        {
                            link.push_up(Up::Frame(bytes));
                        }
                    }
                    Transmit::Text(_) => hold(false, Promise::P1, "a client speaks JSON unasked")?,
                    Transmit::Close { .. } => self.leave(name),
                }
            } else {
                return Ok(());
            }
        }
    }

    fn connect(&mut self, name: Name, node: Name, mut hello: Hello, setup: &Setup) {
        self.leave(name);
        if setup.has(Fault::EpochNotPresented) {
            hello.epoch = 0;
        }
        let id = self.free_link();
        self.links.push(Arc::new(Link::new(id, name, node, hello)));
        let device = self.device(name);
        (device.link, device.caught_up) = (Some(id), false);
    }

    fn client_event(&mut self, name: Name, event: Event) -> Held {
        match event {
            Event::Message(message) => self.shown(name, &message),
            Event::Skipped { from, to } => self.skipped(name, from, to),
            Event::CaughtUp { .. } => self.caught_up(name),
            Event::Accepted { id, seq } => self.accepted(name, &id, seq),
            Event::EpochChanged { .. } => {
                self.met(Met::EpochTold);
                for seen in &mut self.device(name).app.journal {
                    seen.told = true;
                }
                Ok(())
            }
            Event::Ended { code, .. } => {
                self.device(name).over = Some(code);
                match code {
                    close::REPLACED => {
                        self.met(Met::Replaced);
                        let by_other = self.latest == Some(name.other());
                        hold(by_other, Promise::P4, "a client is told that another took over, and none did")
                    }
                    // It has what was lost, and is told so.
                    close::SESSION_GONE => Ok(()),
                    _ => hold(false, Promise::P1, "a client stops for good, and nothing is wrong with it"),
                }
            }
            Event::Disconnected { code, .. } => {
                hold(code != close::SEQUENCE, Promise::P3, "a client finds a hole, or a gap in its numbers")
            }
            Event::Refused { .. } | Event::Error { .. } => {
                hold(false, Promise::P6, "an honest client's message is refused")
            }
            Event::Connected { missed, resumed, .. } => {
                if missed > 0 && resumed {
                    self.met(Met::Replayed);
                }
                Ok(())
            }
            Event::Token { .. } => hold(false, Promise::P6, "a token that nobody sent"),
            Event::Rtt { .. } => Ok(()),
        }
    }

    /// A message comes to the application, which processes it at once.
    fn shown(&mut self, name: Name, message: &Message) -> Held {
        let store = self.store.clone();
        let other = self.devices.of(name.other()).clone();
        let device = self.device(name);
        let seq = u8::try_from(message.seq).unwrap_or(u8::MAX);
        let (epoch, said) = (device.epoch(), said_of(message));
        hold(seq == device.app.last + 1, Promise::P1, "a message is shown again, or not in its place")?;
        let ever = store.ever().any(|entry| entry.seq == seq && Some(entry.said.bare()) == said);
        hold(ever, Promise::P2, "a message is shown that was never committed")?;
        let Some(said) = said else { return Ok(()) };
        let reused = other.app.journal.iter().any(|seen| (seen.epoch, seen.seq) == (epoch, seq) && seen.said != said);
        hold(!reused, Promise::P5, "two clients are shown different messages under one number of one epoch")?;
        let there = |seq: u8, said: Said| store.entries().any(|entry| entry.seq == seq && entry.said.bare() == said);
        // What was under way when the store lost it comes all the same: another one may have its number and its text now.
        let is_it =
            |entry: &Entry| entry.seq == seq && entry.said.bare() == said && u64::from(entry.epoch) == message.at_ms;
        if store.entries().any(is_it) {
            let untold = device.app.journal.iter().any(|seen| !seen.told && !there(seen.seq, seen.said));
            hold(!untold, Promise::P5, "a client is shown what follows a message that was lost, and is not told")?;
        }
        device.app.journal.push(Seen { epoch, seq, said, told: false });
        device.app.last = seq;
        device.client.processed(NOW, message.seq);
        if said == Said::Reply {
            self.met(Met::Shown);
        }
        Ok(())
    }

    fn skipped(&mut self, name: Name, from: u64, to: u64) -> Held {
        self.met(Met::SkipTold);
        let (from, to) = (u8::try_from(from).unwrap_or(u8::MAX), u8::try_from(to).unwrap_or(u8::MAX));
        let there = self.store.entries().any(|entry| (from..=to).contains(&entry.seq));
        hold(!there, Promise::P3, "a message is named as never coming, and the store has it")?;
        let device = self.device(name);
        hold(from == device.app.last + 1 && to >= from, Promise::P3, "what is skipped does not follow")?;
        device.app.skipped.push((device.epoch(), from, to));
        device.app.last = to;
        Ok(())
    }

    /// "Resumed": everything that was missed must have been shown.
    fn caught_up(&mut self, name: Name) -> Held {
        let device = self.devices.of(name);
        let attached = device.link.and_then(|id| self.find(id)?.attached);
        if let Some(attached) = attached {
            hold(device.app.last >= attached.head, Promise::P3, "resumed is said before everything was shown")?;
            // An owner that is behind does not know of later epochs, nor that it is.
            let missed = (self.store.entries())
                .filter(|entry| entry.seq <= attached.head && entry.epoch <= attached.epoch)
                .any(|entry| !device.app.journal.iter().any(|it| (it.seq, it.said) == (entry.seq, entry.said.bare())));
            hold(!missed, Promise::P3, "resumed is said, and a message that the store has was not shown")?;
        }
        self.device(name).caught_up = true;
        Ok(())
    }

    fn accepted(&mut self, name: Name, id: &str, seq: u64) -> Held {
        let Some((from, nth)) = parse_id(id) else {
            return hold(false, Promise::P6, "a message that nobody said is accepted");
        };
        let is_it = |said| matches!(said, Said::User { from: f, nth: n, .. } if (f, n) == (from, nth));
        let there = self.store.ever().any(|entry| u64::from(entry.seq) == seq && is_it(entry.said));
        hold(there, Promise::P6, "a message is accepted that is not in the log")?;
        let settled = &mut self.device(name).app.settled;
        let twice = settled.contains(&nth);
        settled.push(nth);
        hold(!twice, Promise::P6, "a message is accepted twice")
    }
}

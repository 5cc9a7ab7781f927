//! Commits: decided steps go to the store, and answers leave behind them.

use rolecall_wire::close;

use crate::actor::Answer;
use crate::clients::NOW;
use crate::fault::Fault;
use crate::met::Met;
use crate::pair::Name;
use crate::promise::{Held, Promise, hold};
use crate::setup::Setup;
use crate::store::{Entry, Request, Said, Write};
use crate::system::System;
use crate::words;

impl System {
    /// Begins what is due at a node: the next write, answers that need none, whoever waits to attach.
    pub(crate) fn flush(&mut self, node: Name, setup: &Setup) -> Held {
        loop {
            let Some(actor) = self.actor(node) else { return Ok(()) };
            if setup.has(Fault::AcceptedBeforeCommit) && !actor.pending.answers.is_empty() {
                let answers = std::mem::take(&mut actor.pending.answers);
                self.tell(node, answers, setup)?;
                continue;
            }
            let began = actor.begin().is_some();
            if began || actor.flight.is_some() {
                let attached = actor.attached.filter(|_| setup.has(Fault::SentBeforeCommit));
                attached.map_or(Ok(()), |id| self.read_log(id, setup))?;
                if !self.attach_waiting(node, setup)? {
                    return Ok(());
                }
            } else if !actor.pending.answers.is_empty() {
                let answers = std::mem::take(&mut actor.pending.answers);
                self.tell(node, answers, setup)?;
            } else if !self.attach_waiting(node, setup)? {
                return Ok(());
            }
        }
    }

    /// The store takes a node's write, or refuses it.
    pub(crate) fn apply(&mut self, node: Name, setup: &Setup) -> Held {
        let Some(flight) = self.actor(node).and_then(|actor| actor.flight.as_mut()) else { return Ok(()) };
        let request = flight.request.clone();
        let taken = self.take(&request, setup)?;
        if !taken && !self.store.is_owner(request.token, setup.fault) {
            self.met(Met::StaleRefused);
        }
        if let Some(flight) = self.actor(node).and_then(|actor| actor.flight.as_mut()) {
            flight.taken = Some(taken);
        }
        Ok(())
    }

    /// The write of an owner that is gone comes to the store at last.
    pub(crate) fn apply_late(&mut self, place: usize, setup: &Setup) -> Held {
        if place >= self.late.len() {
            return Ok(());
        }
        let request = self.late.remove(place);
        let taken = self.take(&request, setup)?;
        self.met(if taken { Met::LateTaken } else { Met::LateRefused });
        Ok(())
    }

    fn take(&mut self, request: &Request, setup: &Setup) -> Result<bool, crate::promise::Broken> {
        let Some(new) = self.store().take(request, setup.fault) else { return Ok(false) };
        let owner = request.token == self.store.token;
        hold(owner, Promise::P4, "the store takes a write of somebody who does not own the session")?;
        for entry in &new {
            self.check_effect(entry)?;
            self.check_number(entry)?;
        }
        Ok(true)
    }

    /// Each message, number, post and reply once.
    fn check_effect(&self, entry: &Entry) -> Held {
        let others = || self.store.entries().filter(|other| other.seq != entry.seq);
        match entry.said {
            Said::User { from, nth, number } => {
                let same = |said| matches!(said, Said::User { from: f, nth: n, .. } if (f, n) == (from, nth));
                hold(!others().any(|other| same(other.said)), Promise::P6, "a user's message takes effect twice")?;
                let numbers = others().filter(|other| other.seq < entry.seq).filter_map(|other| match other.said {
                    Said::User { number, .. } => Some(number),
                    _ => None,
                });
                let next = numbers.max().unwrap_or(0) + 1;
                hold(number == next, Promise::P6, "a client's number takes effect out of order")
            }
            Said::Reply => {
                let twice = others().any(|other| (other.turn, other.said) == (entry.turn, Said::Reply));
                hold(!twice, Promise::P6, "a turn is answered twice")
            }
            Said::Delivery => {
                let twice = others().any(|other| other.said == Said::Delivery);
                hold(!twice, Promise::P6, "a post is delivered twice")
            }
            Said::Delta => Ok(()),
        }
    }

    /// A number means nothing else to any client.
    fn check_number(&self, entry: &Entry) -> Held {
        for (_, device) in self.devices.iter() {
            let mut journal = device.app.journal.iter();
            let reused =
                journal.any(|it| (it.epoch, it.seq) == (entry.epoch, entry.seq) && it.said != entry.said.bare());
            hold(!reused, Promise::P5, "a number is given out that a client knows as another message")?;
            let mut skipped = device.app.skipped.iter();
            let named = skipped.any(|(epoch, from, to)| *epoch == entry.epoch && (*from..=*to).contains(&entry.seq));
            hold(!named, Promise::P3, "a message comes that a client was told never comes")?;
        }
        Ok(())
    }

    /// The store's answer reaches a node. The log is read before the answers leave, or behind them.
    pub(crate) fn answer(&mut self, node: Name, log_first: bool, setup: &Setup) -> Held {
        let Some(actor) = self.actor(node) else { return Ok(()) };
        let Some(flight) = actor.flight.take() else { return Ok(()) };
        if flight.taken != Some(true) {
            // What happened is not known: the next owner reads it.
            return self.end_actor(node, close::TRY_LATER, setup);
        }
        actor.committed(&flight.request.write, setup);
        let attached = actor.attached;
        if let Some(id) = attached.filter(|_| log_first) {
            self.read_log(id, setup)?;
        }
        self.tell(node, flight.answers, setup)?;
        if let Some(id) = attached {
            self.read_log(id, setup)?;
        }
        self.flush(node, setup)
    }

    /// Answers leave, to the connection that is served.
    fn tell(&mut self, node: Name, answers: Vec<(u8, Answer)>, setup: &Setup) -> Held {
        for (to, answer) in answers {
            let Some(actor) = self.actor(node).filter(|actor| actor.attached == Some(to)) else { continue };
            let token = actor.token;
            let Some(link) = self.link(to).filter(|link| link.attached.is_some_and(|it| it.token == token)) else {
                continue;
            };
            if let Some(server) = &mut link.server {
                server.send(NOW, &words::answer(answer));
            }
            self.drain_server(to, setup)?;
        }
        Ok(())
    }

    /// The store's answer is lost.
    pub(crate) fn lose_answer(&mut self, node: Name, setup: &Setup) -> Held {
        let Some(flight) = self.actor(node).and_then(|actor| actor.flight.as_mut()) else { return Ok(()) };
        if setup.has(Fault::WrittenAgain) {
            flight.taken = None;
            return Ok(());
        }
        if flight.taken == Some(true) {
            self.met(Met::Unknown);
        }
        self.end_actor(node, close::TRY_LATER, setup)
    }

    /// The running reply goes on.
    pub(crate) fn speak(&mut self, node: Name, setup: &Setup) -> Held {
        if let Some(actor) = self.actor(node) {
            actor.speak(setup);
        }
        self.flush(node, setup)
    }

    /// An application posts its message to a node, which owns the session then.
    pub(crate) fn post(&mut self, node: Name, setup: &Setup) -> Held {
        self.own(node, setup);
        let store = self.store.clone();
        if self.actor(node).is_some_and(|actor| actor.post(&store)) {
            self.met(Met::PostRepeated);
        }
        self.flush(node, setup)
    }

    /// Whether an owner that looks at its lease sees that it is none any more, or that its store went back.
    pub(crate) fn is_mistaken(&self, node: Name, setup: &Setup) -> bool {
        let Some(actor) = self.nodes.of(node) else { return false };
        let moved = actor.flight.is_none() && (actor.head, actor.epoch) != (self.store.head(), self.store.epoch());
        !self.store.is_owner(actor.token, setup.fault) || (moved && !setup.has(Fault::LossUnnoticed))
    }

    /// Such an owner lets go. It does not know who came, if anybody: its client comes back and sees.
    pub(crate) fn notice(&mut self, node: Name, setup: &Setup) -> Held {
        let code = if setup.has(Fault::StaleSaysReplaced) { close::REPLACED } else { close::HANDOVER };
        self.end_actor(node, code, setup)
    }

    /// A write that must wait until a loss is proved. One that is refused in any case need not.
    pub(crate) fn must_wait(&self, request: &Request, setup: &Setup) -> bool {
        let placed = request.head == self.store.head() || setup.has(Fault::WrittenAgain);
        matches!(request.write, Write::Append(_)) && placed && self.unproven() && !setup.has(Fault::CommitsUnproven)
    }
}

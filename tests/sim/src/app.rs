//! What applications do: they take what they are shown, save where they are, and begin again.

use rolecall_wire::client::Position;
use rolecall_wire::frame::{Hello, Message};

use crate::count::Count;
use crate::device::{Fate, Seen};
use crate::property::{Held, hold};
use crate::store::Place;
use crate::world::World;

impl World {
    /// A message comes to the application.
    pub(crate) fn shown(&mut self, at: usize, message: &Message) -> Held {
        let Some(device) = self.devices.get_mut(at) else { return Ok(()) };
        self.counts.add(Count::Message);
        let (seq, hash) = (message.seq, crate::store::hash_of(message));
        hold!(seq > device.last, P2, "message {seq} came again behind {}", device.last);
        hold!(seq == device.last + 1, P3, "message {seq} came behind {}", device.last);
        let known = self.store.ever(|entry| entry.hash == hash);
        hold!(known, P3, "message {seq} is not the committed one");
        device.last = seq;
        device.journal.push(Seen { epoch: device.client.epoch(), seq, hash });
        device.inbox.push_back(seq);
        if device.app_at.is_none() {
            device.app_at = Some(self.now + self.chance.spread(self.plan.app_ms));
        }
        Ok(())
    }

    pub(crate) fn skipped(&mut self, at: usize, from: u64, to: u64) -> Held {
        let Some(device) = self.devices.get_mut(at) else { return Ok(()) };
        self.counts.add(Count::Skip);
        hold!(from == device.last + 1 && to >= from, P4, "{from}..={to} is skipped behind {}", device.last);
        let there = self.store.after(from - 1).map(|entry| entry.message.seq).filter(|seq| *seq <= to);
        hold!(there.is_none(), P4, "{from}..={to} is skipped, and the store has {there:?}");
        device.last = to;
        Ok(())
    }

    /// The application processes what it was shown, some of it.
    pub(crate) fn application(&mut self, at: usize) {
        let now = self.now;
        let Some(device) = self.devices.get_mut(at) else { return };
        let mut done = None;
        for _ in 0..self.chance.between(1, 4) {
            done = device.inbox.pop_front().or(done);
        }
        device.app_at = (!device.inbox.is_empty()).then_some(now + self.chance.spread(self.plan.app_ms));
        let Some(done) = done else { return };
        device.client.processed(device.clock(now), done);
        device.watch.processed(now, done, &device.config);
        if self.chance.one_in(self.plan.save_one_in) {
            self.save(at);
        }
    }

    /// The application saves its position.
    pub(crate) fn save(&mut self, at: usize) {
        if let Some(device) = self.devices.get_mut(at) {
            device.saved = device.client.position();
            device.vouched = device.processed();
            let waiting = self.sent.iter().filter(|sent| sent.device == at && sent.fate == Fate::Waiting);
            let saved = device.saved.unaccepted.iter().map(|waiting| &waiting.id);
            device.saved_whole = waiting.map(|sent| &sent.id).eq(saved);
        }
    }

    fn fate(&mut self, id: &str) -> Option<&mut Fate> {
        self.sent.iter_mut().find(|sent| sent.id == id).map(|sent| &mut sent.fate)
    }

    pub(crate) fn accepted(&mut self, at: usize, id: &str, seq: u64) -> Held {
        self.counts.add(Count::Accept);
        let effect = self.store.ever(|entry| entry.message.seq == seq && entry.user() == Some(id));
        hold!(effect, P8, "{id} is accepted as {seq}, which is another message");
        if let Some(device) = self.devices.get_mut(at) {
            if device.watch.by_message {
                self.counts.add(Count::Settled);
            }
            device.told = device.told.max(seq);
        }
        let fate = self.fate(id);
        let waited = fate.as_ref().is_some_and(|fate| **fate == Fate::Waiting);
        hold!(waited, P8, "{id} is settled twice: {fate:?}");
        if let Some(fate) = fate {
            *fate = Fate::Accepted;
        }
        Ok(())
    }

    pub(crate) fn refused(&mut self, at: usize, id: &str, code: &str) -> Held {
        let Some(device) = self.devices.get_mut(at) else { return Ok(()) };
        let repeated = device.watch.repeated(id);
        let fate = match code {
            "busy" => Fate::Refused,
            "client_seq_forgotten" => Fate::Forgotten,
            _ => {
                hold!(false, P8, "{id} is refused with {code}");
                Fate::Refused
            }
        };
        self.counts.add(if code == "busy" { Count::Busy } else { Count::Forgotten });
        hold!(code == "busy" || repeated, P8, "{id} was sent once, and its outcome is forgotten");
        let known = self.fate(id);
        hold!(known.as_deref() == Some(&Fate::Waiting), P8, "{id} is refused behind {known:?}");
        if let Some(known) = known {
            *known = fate;
        }
        Ok(())
    }

    /// The client's process ends, and another goes on where the last one was saved.
    pub(crate) fn restart_client(&mut self, at: usize) {
        self.counts.add(Count::ClientRestart);
        let (now, skew, seed) = (self.now, self.chance.below(1_000_000), self.chance.any());
        let Some(device) = self.devices.get_mut(at) else { return };
        let connection = device.connection;
        device.saved.token = self.token.to_string();
        device.restart(skew, seed);
        device.client.connect(device.clock(now));
        let waiting: Vec<String> = device.saved.unaccepted.iter().map(|waiting| waiting.id.clone()).collect();
        for sent in self.sent.iter_mut().filter(|sent| sent.device == at) {
            if waiting.contains(&sent.id) {
                // The new process does not know what the last one was told.
                sent.fate = Fate::Waiting;
            } else if sent.fate == Fate::Waiting {
                sent.fate = Fate::Unknown;
            }
        }
        if let Some(connection) = connection {
            self.leave(connection);
        }
        // Nobody is left who could prove the loss, and nobody who saw what was lost.
        let head = self.store.head();
        self.store.unproven &= self.devices.iter().any(|device| device.last > head);
    }

    /// A new token, and on from where the application is.
    pub(crate) fn renew(&mut self, at: usize) {
        self.save(at);
        self.restart_client(at);
    }

    /// The application is on a branch that the store lost: it forgets it, and begins again before it.
    pub(crate) fn rewind(&mut self, at: usize) {
        let Some(device) = self.devices.get_mut(at) else { return };
        let position = device.client.position();
        let hello = Hello { last_seq: device.client.last_seq(), epoch: position.epoch, ..Hello::default() };
        self.counts.add(Count::Forked);
        // By `POST /v1/reconnect`. The store may have lost more since: then the place is another one.
        let (last_seq, epoch) = match self.store.place(&hello) {
            Place::Forked(first) => (position.last_seq.min(first - 1), self.store.epoch()),
            Place::Here | Place::Ahead => (position.last_seq, position.epoch),
        };
        device.must_tell = device.must_tell.filter(|loss| last_seq > loss.kept);
        device.saved = Position { last_seq, epoch, ..position };
        device.vouched = device.processed();
        self.restart_client(at);
    }
}

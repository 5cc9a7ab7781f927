//! The end of a run: everything is healed, and then everything must come to rest as promised.

use rolecall_wire::client::State;
use rolecall_wire::server;

use crate::device::{Device, Fate};
use crate::property::{Held, Violation, hold};
use crate::world::World;

/// Longest time that everything may take to come to rest: half-open connections expire after two minutes
/// at most, the longest delay is 30 s, and both may have to happen some times in a row.
const PATIENCE_MS: u64 = 600_000;
/// Steps after which a world that does not come to rest counts as caught in a loop.
const STEPS: u64 = 20_000;

impl World {
    /// Users act and things break, until there is nothing left to do.
    pub(crate) fn live(&mut self) -> Held {
        while self.deed_at.is_some() {
            hold!(self.trace.steps() < STEPS, P10, "{STEPS} steps, and there is still something to do");
            self.step()?;
        }
        Ok(())
    }

    /// The network is fair, the nodes are up, and somebody has the session open.
    pub(crate) fn heal(&mut self) {
        self.fair = true;
        self.commit_fails = false;
        self.plan.faults.clear();
        self.plan.busy_one_in = 0;
        self.plan.lookup_ms = self.plan.lookup_ms.min(1_000);
        let now = self.now;
        self.store.down_until = now;
        for node in &mut self.nodes {
            (node.down_until, node.cut_until, node.flaps_until) = (0, 0, 0);
            node.stalled_until = node.stalled_until.min(now);
        }
        for device in &mut self.devices {
            device.suspended_until = device.suspended_until.min(now);
        }
        if self.devices.iter().all(|device| device.over.is_some()) {
            self.restart_client(0);
        }
    }

    /// Runs until everything is at rest.
    pub(crate) fn settle(&mut self) -> Held {
        let (until, steps) = (self.now + PATIENCE_MS, self.trace.steps() + STEPS);
        loop {
            let restless = self.restless();
            let Some(what) = restless else { break };
            let patient = self.now < until && self.trace.steps() < steps;
            hold!(patient, P1, "on a fair network, {what}");
            let stepped = self.step()?;
            hold!(stepped, P1, "nothing is due, and {what}");
        }
        self.check_end()
    }

    /// What is not at rest yet.
    fn restless(&self) -> Option<String> {
        for (index, device) in self.devices.iter().enumerate().filter(|(_, device)| device.over.is_none()) {
            let state = device.client.state();
            if state != State::Active {
                return Some(format!("device {index} is {state:?}"));
            }
            let connection = self.connections.iter().find(|connection| device.connection == Some(connection.id));
            let attached = connection.and_then(|connection| connection.attached.as_ref());
            if attached.is_none_or(|attached| attached.fence != self.store.fence) {
                return Some(format!("device {index} is not attached to who owns the session"));
            }
            let known = connection.map(|connection| connection.watch.network);
            if known != Some(device.config.network) {
                return Some(format!("the server thinks that {known:?} is the network of device {index}"));
            }
            if !device.caught_up || device.last < self.store.head() {
                return Some(format!("device {index} is at {} of {}", device.last, self.store.head()));
            }
            if device.client.unaccepted() > 0 {
                return Some(format!("{} messages of device {index} wait", device.client.unaccepted()));
            }
            if !device.inbox.is_empty() {
                return Some(format!("the application of device {index} is behind"));
            }
            if device.watch.ack_due.is_some() {
                return Some(format!("device {index} has not acknowledged everything"));
            }
        }
        for node in self.nodes.iter().filter_map(|node| node.actor.as_ref()) {
            if node.fence == self.store.fence && (!node.is_settled() || node.running.is_some()) {
                return Some("the session has something to say".to_owned());
            }
        }
        let answered = |turn| self.store.entries().any(|entry| entry.message.turn == turn && entry.is_reply());
        let unanswered = self.store.entries().find(|entry| entry.user().is_some() && !answered(entry.message.turn));
        if let Some(entry) = unanswered {
            return Some(format!("turn {} is not answered", entry.message.turn));
        }
        if self.posts.iter().any(|post| post.at.is_some()) {
            return Some("a post is not answered".to_owned());
        }
        self.unacknowledged()
    }

    /// The server must learn what was processed.
    fn unacknowledged(&self) -> Option<String> {
        let last = self.store.log().last().map_or(0, |entry| entry.message.seq);
        for connection in &self.connections {
            let live = connection.server.as_ref().filter(|server| server.state() == server::State::Active);
            let attached = connection.attached.as_ref().filter(|attached| attached.fence == self.store.fence);
            // Others linger until they notice.
            let (Some(live), Some(attached)) = (live, attached) else { continue };
            let Some(device) = self.devices.get(connection.device) else { continue };
            if live.acked() < last.min(attached.cursor).min(device.last) {
                return Some(format!("#{} acknowledged {} of {last}", connection.id, live.acked()));
            }
        }
        None
    }

    fn check_end(&self) -> Held {
        for (index, device) in self.devices.iter().enumerate().filter(|(_, device)| device.over.is_none()) {
            self.check_journal(index, device)?;
        }
        for sent in &self.sent {
            self.check_fate(sent.device, &sent.id, sent.fate)?;
        }
        for (number, _) in (0u64..).zip(&self.posts) {
            let there = self.store.ever(|entry| entry.post == Some(number));
            hold!(there, P1, "post {number} was answered, and is not delivered");
        }
        Ok(())
    }

    /// The application has everything that the log has.
    fn check_journal(&self, index: usize, device: &Device) -> Held {
        for entry in self.store.log() {
            let seq = entry.message.seq;
            let place = device.journal.partition_point(|seen| seen.seq < seq);
            let seen = device.journal.get(place).filter(|seen| seen.seq == seq);
            hold!(seen.is_some(), P1, "device {index} never got {seq}");
            let same = seen.is_some_and(|seen| seen.hash == entry.hash);
            hold!(same, P3, "device {index} has another message as {seq}");
        }
        Ok(())
    }

    fn check_fate(&self, device: usize, id: &str, fate: Fate) -> Result<(), Violation> {
        let effects = self.store.entries().filter(|entry| entry.user() == Some(id)).count();
        let lost = self.store.lost.iter().any(|entry| entry.user() == Some(id));
        let over = self.devices.get(device).is_none_or(|device| device.over.is_some());
        hold!(effects <= 1, P8, "{id} took effect {effects} times");
        match fate {
            Fate::Waiting => hold!(over, P1, "{id} was never settled"),
            Fate::Accepted => hold!(effects == 1 || lost, P1, "{id} was accepted, and is not in the log"),
            Fate::Refused => hold!(effects == 0, P8, "{id} was refused, and took effect"),
            Fate::Forgotten | Fate::Unknown => {}
        }
        Ok(())
    }
}

//! Commits: decided steps go to the store, and answers leave behind them.

use rolecall_wire::close;
use rolecall_wire::frame::ServerFrame;

use crate::actor::{Answer, Committing, Pending};
use crate::count::Count;
use crate::property::{Held, hold};
use crate::world::World;

impl World {
    /// Begins the next commit of a node's actor. `true` when it told something at once.
    pub(crate) fn begin_commit(&mut self, index: usize) -> bool {
        let now = self.now;
        let Some(node) = self.nodes.get_mut(index).filter(|node| node.stalled_until <= now) else { return false };
        let Some(actor) = node.actor.as_mut().filter(|actor| actor.committing.is_none()) else { return false };
        // A loss that nobody has proved yet: see `Store::unproven`.
        if self.store.unproven || (actor.pending.drafts.is_empty() && actor.pending.answers.is_empty()) {
            return false;
        }
        let step = std::mem::take(&mut actor.pending);
        if step.drafts.is_empty() {
            self.tell(index, step);
            return true;
        }
        let fails = std::mem::take(&mut self.commit_fails) || now < self.store.down_until;
        let whole = self.chance.spread(self.plan.commit_ms);
        let applied = self.chance.between(0, whole);
        // What fails may have been applied, and its writer does not know.
        let applies = now >= self.store.down_until && (!fails || self.chance.one_in(2));
        if fails {
            self.counts.add(Count::CommitFailed);
        }
        let apply_at = applies.then_some(now + applied);
        actor.committing = Some(Committing { step, apply_at, answer_at: now + whole, fails });
        false
    }

    /// The store takes a commit.
    pub(crate) fn apply(&mut self, index: usize) -> Held {
        let Some(actor) = self.nodes.get_mut(index).and_then(|node| node.actor.as_mut()) else { return Ok(()) };
        let Some(committing) = &mut actor.committing else { return Ok(()) };
        committing.apply_at = None;
        let Some(new) = self.store.commit(actor.fence, actor.head, &committing.step.drafts) else {
            committing.fails = true;
            self.counts.add(Count::CommitFenced);
            return Ok(());
        };
        self.store.learned = actor.lessons;
        self.store.check_effects(&new)?;
        let epoch = self.store.epoch();
        for entry in &new {
            self.trace.note("commit", entry.message.seq, entry.hash);
            for device in &self.devices {
                let place = device.journal.partition_point(|seen| seen.seq < entry.message.seq);
                let reused = device
                    .journal
                    .get(place)
                    .filter(|seen| (seen.epoch, seen.seq) == (epoch, entry.message.seq) && seen.hash != entry.hash);
                hold!(reused.is_none(), P6, "seq {} of epoch {epoch} was another message", entry.message.seq);
            }
        }
        Ok(())
    }

    /// The store answers.
    pub(crate) fn answer(&mut self, index: usize) {
        let Some(actor) = self.nodes.get_mut(index).and_then(|node| node.actor.as_mut()) else { return };
        let Some(committing) = actor.committing.take() else { return };
        if committing.fails {
            let code = if actor.fence == self.store.fence { close::TRY_LATER } else { close::REPLACED };
            return self.end_actor(index, code);
        }
        actor.committed(&committing.step);
        self.tell(index, committing.step);
    }

    /// Answers leave.
    fn tell(&mut self, index: usize, step: Pending) {
        let Some((skew, attached)) =
            self.nodes.get(index).and_then(|node| Some((node.skew, node.actor.as_ref()?.attached)))
        else {
            return;
        };
        for answer in step.answers {
            match answer {
                Answer::Frame { to, frame } => {
                    if attached == Some(to) {
                        self.tell_connection(to, skew, &frame);
                    }
                }
                Answer::Posted(post) => {
                    let lost = !self.fair && self.chance.one_in(3);
                    let again = self.now + self.chance.between(1, 3_000);
                    if let Some(post) = self.posts.get_mut(post) {
                        post.at = lost.then_some(again);
                    }
                }
            }
        }
    }

    fn tell_connection(&mut self, to: u64, skew: u64, frame: &ServerFrame) {
        let clock = self.now + skew;
        if let Some(at) = self.find(to)
            && let Some(server) = self.connections.get_mut(at).and_then(|connection| connection.server.as_mut())
        {
            server.send(clock, frame);
        }
    }

    /// The running reply goes on.
    pub(crate) fn speak(&mut self, index: usize) {
        let clocks = self.clocks();
        if let Some(actor) = self.nodes.get_mut(index).and_then(|node| node.actor.as_mut()) {
            actor.speak(clocks, &self.plan, &mut self.chance);
        }
    }

    /// A node looks whether it still owns the session.
    pub(crate) fn look_at_lease(&mut self, index: usize) {
        let Some(node) = self.nodes.get_mut(index) else { return };
        node.notice_at = None;
        if node.actor.as_ref().is_some_and(|actor| actor.fence != self.store.fence) {
            // Nobody took over: the store lost its tail.
            let code = if self.store.owner.is_none() { close::TRY_LATER } else { close::REPLACED };
            self.end_actor(index, code);
        }
    }

    /// An application posts a message, or repeats it because no answer came.
    pub(crate) fn try_post(&mut self, index: usize) {
        let (now, again) = (self.now, self.now + self.chance.between(500, 6_000));
        let Some(post) = self.posts.get_mut(index) else { return };
        post.at = Some(again);
        let up = |node: &crate::world::Node| node.down_until <= now && node.stalled_until <= now;
        if now < self.store.down_until || self.store.unproven {
            return;
        }
        // To whoever serves the session; a node that finds no owner becomes it.
        let owner = self.store.owner.filter(|owner| self.nodes.get(*owner).is_some_and(|node| node.actor.is_some()));
        let Some(node) = owner.or_else(|| self.nodes.iter().position(up)) else { return };
        if !self.nodes.get(node).is_some_and(up) {
            return;
        }
        self.own(node);
        let at_ms = self.clocks().1;
        let twice = self.chance.one_in(4);
        let Some(actor) = self.nodes.get_mut(node).and_then(|node| node.actor.as_mut()) else { return };
        actor.post(index, at_ms, &self.store);
        if twice {
            self.counts.add(Count::PostRetry);
            actor.post(index, at_ms, &self.store);
        }
    }
}

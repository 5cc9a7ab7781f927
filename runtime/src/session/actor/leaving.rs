//! How an actor leaves memory when nothing happens, and what goes on with it when something does.

use std::time::Duration;

use tokio::time::sleep;

use super::super::places::Asleep;
use super::Actor;

/// How long a session without client and without work stays in memory.
const DETACHED: Duration = Duration::from_secs(60);
/// How long a session whose client is there stays awake without work: longer than people take to say the next thing in
/// a lively chat, since to wake is to read the store.
const ATTACHED: Duration = Duration::from_secs(10);

impl Actor {
    /// Lets time pass only while there is nothing to do.
    pub(super) fn watch_idleness(&mut self) {
        let is_busy = self.in_flight.is_some() || self.generation.is_some() || !self.machine.is_settled();
        if is_busy || (self.attached.is_some() && !self.courier.is_idle()) {
            self.idle = None;
        } else if self.idle.is_none() {
            let patience = if self.attached.is_some() { ATTACHED } else { DETACHED };
            self.idle = Some(Box::pin(sleep(patience)));
        }
    }

    /// Goes on where the session fell asleep.
    pub(super) fn resume(&mut self, asleep: Asleep) {
        let Asleep { epoch: _, outbox, attached, latest, lessons } = asleep;
        self.machine.resume(lessons);
        (self.outbox, self.attached, self.latest) = (outbox, Some(attached), latest);
        let metrics = &self.deps.metrics;
        metrics.session_left("asleep");
        metrics.session_left("detached");
        metrics.session_entered("attached");
    }

    /// Leaves memory, unless somebody asks for the session just now. Says whether it does.
    pub(super) fn leave(&mut self) -> bool {
        let Some(attached) = self.detach() else { return self.deps.unload(&self.presence, &mut self.mailbox) };
        // Messages that were said are read from the store from now on.
        self.outbox.forget();
        let (outbox, lessons) = (self.outbox.clone(), self.machine.lessons());
        let asleep = Asleep { epoch: self.epoch, outbox, attached, latest: self.latest, lessons };
        let Err(asleep) = self.deps.sleep(&self.id, &mut self.mailbox, Box::new(asleep)) else { return true };
        self.attached = Some(asleep.attached);
        self.deps.metrics.session_left("detached");
        self.deps.metrics.session_entered("attached");
        false
    }

    /// What was handed over while the actor left goes to the next one: nothing that a client says is lost to a nap.
    pub(super) async fn pass_on(&mut self) {
        self.mailbox.close();
        while let Some(command) = self.mailbox.recv().await {
            self.deps.clone().pass_on(self.id.clone(), command).await;
        }
    }
}

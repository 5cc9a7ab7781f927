//! How an actor leaves memory when nothing happens, and what goes on with it when something does.

use std::sync::atomic::Ordering;
use std::time::Duration;

use rolecall_wire::close;
use tokio::time::sleep;

use super::super::event::Command;
use super::super::places::{Asleep, Attempt};
use super::Actor;
use crate::store::StoreError;

/// How long a session without client and without work stays in memory.
const DETACHED: Duration = Duration::from_secs(60);
/// How long a session whose client is there stays awake without work: longer than people take to say the next thing in
/// a lively chat, since to wake is to read the store.
const ATTACHED: Duration = Duration::from_secs(10);

impl Actor {
    /// Ends: lets go of the connection, with a word where something is wrong, and of the session.
    pub(super) async fn end(&mut self, outcome: Result<(), StoreError>) {
        match &outcome {
            Ok(()) => {}
            // It is not known who came, if anybody.
            Err(error @ StoreError::Lost(_)) => {
                tracing::warn!(session = %self.id, %error, "a session stops: it was taken over");
                self.close_attached(close::HANDOVER, "another server has the session now");
                self.keeps_hold = true;
            }
            Err(error @ StoreError::Doubted(_)) => {
                tracing::warn!(session = %self.id, %error, "a session stops, to be read again");
                self.close_attached(close::TRY_LATER, "the store went over to a copy; the session begins an epoch");
            }
            Err(error @ StoreError::NoSession(_)) => {
                tracing::warn!(session = %self.id, %error, "a session stops: the store has it no longer");
                self.close_attached(close::SESSION_GONE, "the session does not exist any more");
                self.keeps_hold = true;
            }
            Err(error) => {
                tracing::error!(session = %self.id, %error, "a session stops: the store refused");
                self.close_attached(close::TRY_LATER, "the session cannot be stored now");
            }
        }
        self.detach();
        self.generation = None;
        // The next actor reads the store: what may still be written must be decided first, or a
        // message could be accepted twice.
        if let Some(flight) = self.in_flight.take() {
            let _ = flight.commit.await;
        }
        if !self.keeps_hold {
            self.deps.release(&self.id, self.outbox.fence()).await;
        }
        self.pass_on().await;
    }

    /// Goes down. The mark of an unfinished reply stays, and the next process goes on with it.
    pub(super) async fn stop(&mut self) -> Result<(), StoreError> {
        self.generation = None;
        self.courier.detached();
        self.machine.keep_lessons();
        self.settle().await
    }

    /// Lets time pass only while there is nothing to do.
    pub(super) fn watch_idleness(&mut self) {
        let is_busy = self.in_flight.is_some() || self.generation.is_some() || !self.machine.is_settled();
        if is_busy || (self.attached.is_some() && !self.courier.is_idle()) {
            self.idle = None;
        } else if self.idle.is_none() {
            self.idle = Some(Box::pin(sleep(self.patience())));
        }
    }

    /// How long nothing may happen. Where this process hands its sessions over, a client that has gone comes to another one,
    /// which takes at once what nobody holds, and would have to ask for the rest and wait.
    fn patience(&self) -> Duration {
        match self.attached {
            Some(_) => ATTACHED,
            None if self.deps.leaving.load(Ordering::SeqCst) => Duration::ZERO,
            None => DETACHED,
        }
    }

    /// Goes on where the session fell asleep.
    pub(super) fn resume(&mut self, asleep: Asleep) {
        let Asleep { epoch: _, outbox, attached, latest, lessons } = asleep;
        self.machine.resume(lessons);
        self.machine.let_in(latest);
        (self.outbox, self.attached, self.latest) = (outbox, Some(attached), latest);
        let metrics = &self.deps.metrics;
        metrics.session_left("asleep");
        metrics.session_left("detached");
        metrics.session_entered("attached");
    }

    /// Leaves memory, unless somebody asks for the session just now. Says whether it does.
    pub(super) async fn leave(&mut self) -> Result<bool, StoreError> {
        let Some(attached) = self.detach() else {
            self.machine.keep_lessons();
            self.settle().await?;
            return Ok(self.deps.unload(&self.presence, &mut self.mailbox));
        };
        // Messages that were said are read from the store from now on.
        self.outbox.forget();
        let (outbox, lessons) = (self.outbox.clone(), self.machine.lessons());
        let asleep = Asleep { epoch: self.epoch, outbox, attached, latest: self.latest, lessons };
        let Err(asleep) = self.deps.sleep(&self.id, &mut self.mailbox, Box::new(asleep)) else {
            self.keeps_hold = true;
            return Ok(true);
        };
        self.attached = Some(asleep.attached);
        self.deps.metrics.session_left("detached");
        self.deps.metrics.session_entered("attached");
        Ok(false)
    }

    /// Another process is to serve the session. What was decided is committed, and told to the connection, before that one
    /// is let go; an unfinished reply keeps its mark. An attempt that its client gave up gets nothing, and finds why in the
    /// store. Says whether the actor ends.
    pub(super) async fn hand_over(&mut self, to: Attempt) -> Result<bool, StoreError> {
        if let Some(latest) = self.latest.filter(|latest| to.is_before(*latest)) {
            self.machine.tell_latest(latest);
            self.settle().await?;
            return Ok(false);
        }
        self.stop().await?;
        let (code, reason) = to.farewell(self.latest);
        self.close_attached(code, reason);
        Ok(true)
    }

    /// Looks whether the session is as this actor believes. What is under way finds out by itself.
    pub(super) async fn look(&mut self) -> Result<(), StoreError> {
        if self.in_flight.is_some() || !self.machine.is_settled() {
            return Ok(());
        }
        let row = self.deps.store.session(&self.id).await?.ok_or_else(|| StoreError::NoSession(self.id.clone()))?;
        let (id, head) = (self.id.clone(), self.outbox.head());
        if row.fence() != Some(self.outbox.fence()) {
            return Err(StoreError::Lost(id));
        }
        if row.epoch != self.epoch {
            return Err(StoreError::Fenced { id, expected: self.epoch, actual: row.epoch });
        }
        if row.head != head {
            return Err(StoreError::Moved { id, expected: head, actual: row.head });
        }
        if self.attached.is_some() {
            self.courier.posted(false);
        }
        Ok(())
    }

    /// What was handed over while the actor left goes to the next one: nothing that a client says is lost to a nap.
    pub(super) async fn pass_on(&mut self) {
        self.mailbox.close();
        while let Some(command) = self.mailbox.recv().await {
            // Whoever asks for this looks again, and wakes nothing.
            if !matches!(command, Command::Acknowledged(_)) {
                self.deps.clone().pass_on(self.id.clone(), command).await;
            }
        }
    }
}

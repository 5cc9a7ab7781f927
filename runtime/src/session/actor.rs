//! One session's task: it takes in what happens, lets the state decide, and carries out.

mod attaching;
mod cancelling;
mod jobs;
mod leaving;
mod turning;

use std::future::{self, Future};
use std::pin::Pin;
use std::sync::Arc;

use rolecall_wire::close;
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use tokio::sync::mpsc;
use tokio::time::Sleep;

use self::cancelling::NOBODY;
use super::attach::Control;
use super::error::SessionError;
use super::event::{Command, Event};
use super::generation::Generation;
use super::places::{Asleep, Attached, Attempt};
use super::registry::{Deps, Loaded, Presence};
use super::state::{ConnectionId, JobReport, Machine, Send, Start};
use super::turn::TurnEvent;
use crate::clock;
use crate::ids::{Epoch, SessionId};
use crate::offline::{self, Count, Courier, Window};
use crate::outbox::{Outbox, Step};
use crate::store::{Committed, StoreError};

/// A session's actor.
pub(super) struct Actor {
    deps: Arc<Deps>,
    id: SessionId,
    role: String,
    epoch: Epoch,
    outbox: Outbox,
    machine: Machine,
    mailbox: mpsc::Receiver<Command>,
    presence: Presence,
    attached: Option<Attached>,
    /// The last attempt to connect that was let in.
    latest: Option<Attempt>,
    generation: Option<Generation>,
    in_flight: Option<InFlight>,
    /// Who wants to know what comes of a job.
    taker: Option<jobs::Taker>,
    courier: Courier,
    idle: Option<Pin<Box<Sleep>>>,
    /// The session sleeps: its hold goes on without an actor.
    keeps_hold: bool,
    /// When the session was claimed, or read, ms of the process's clock; `None` once something has happened since.
    read_ms: Option<u64>,
}

/// A commit under way.
struct InFlight {
    commit: Pin<Box<dyn Future<Output = Result<Committed, StoreError>> + std::marker::Send>>,
    answers: Vec<(ConnectionId, ServerFrame)>,
    delivers: bool,
    counts: Vec<Count>,
    jobs: Vec<JobReport>,
}

impl Actor {
    pub(super) fn new(
        deps: Arc<Deps>,
        loaded: Loaded,
        mailbox: mpsc::Receiver<Command>,
        presence: Presence,
        asleep: Option<Box<Asleep>>,
    ) -> (Self, Option<Start>) {
        deps.metrics.session_entered("detached");
        let Loaded { row, fence, known_in, saved, said } = loaded;
        let id = row.created.id;
        let outbox = Outbox::new(deps.store.clone(), id.clone(), fence, known_in, row.head);
        let mut machine = Machine::new(saved, row.head);
        let (start, latest) = (machine.go_on(said), machine.latest());
        let mut actor = Self {
            deps,
            id,
            role: row.created.role,
            epoch: row.epoch,
            outbox,
            machine,
            mailbox,
            presence,
            attached: None,
            latest,
            generation: None,
            in_flight: None,
            taker: None,
            courier: Courier::default(),
            idle: None,
            keeps_hold: false,
            read_ms: Some(clock::monotonic_ms()),
        };
        if let Some(asleep) = asleep {
            actor.resume(*asleep);
        }
        (actor, start)
    }

    /// Lives until the process stops, the store fails, or nothing happens for long.
    pub(super) async fn run(mut self, start: Option<Start>) {
        self.begin(start);
        let outcome = loop {
            self.flush();
            let event = self.next().await;
            let handled = self.handle(event).await;
            self.read_ms = None;
            match handled {
                Ok(true) => {}
                Ok(false) => break Ok(()),
                Err(error) => break Err(error),
            }
        };
        self.end(outcome).await;
    }

    /// Only classifies.
    async fn next(&mut self) -> Event {
        self.watch_idleness();
        let stop = self.deps.stop.clone();
        let (deps, id, role) = (&self.deps, &self.id, &self.role);
        tokio::select! {
            biased;
            () = stop.cancelled() => Event::Stop,
            outcome = optional(self.in_flight.as_mut().map(|flight| &mut flight.commit)) => Event::Committed(outcome),
            command = self.mailbox.recv(), if self.machine.listens() => command.map_or(Event::Idle, Event::Command),
            event = report(self.generation.as_mut()), if self.machine.has_room() => Event::Turn(event.map(Box::new)),
            () = gone(self.attached.as_ref()) => Event::Detached,
            window = self.courier.next(|| deps.assemble(id, role)) => Event::Assembled(window),
            () = optional(self.idle.as_mut()) => Event::Idle,
        }
    }

    /// Says whether the actor goes on.
    async fn handle(&mut self, event: Event) -> Result<bool, StoreError> {
        let event = match event {
            // Whoever asks for this again and again keeps no session in memory.
            Event::Command(Command::Acknowledged(answer)) => {
                let _ = answer.send((self.outbox.fence(), self.machine.lessons().acknowledged()));
                return Ok(true);
            }
            other => other,
        };
        // Whatever else happens, it is not idle.
        self.idle = None;
        match event {
            Event::Stop => {
                self.stop().await?;
                return Ok(false);
            }
            Event::Committed(Ok(committed)) => self.committed(committed)?,
            Event::Committed(Err(error)) => return Err(self.failed(error)),
            Event::Command(Command::Release(to)) => return Ok(!self.hand_over(to).await?),
            Event::Command(command) => self.command(command).await?,
            Event::Turn(event) => self.turn(event),
            Event::Assembled(Ok(window)) => self.assembled(window),
            Event::Assembled(Err(error)) => {
                // What is said lives elsewhere: a damaged inbox does not take the session with it.
                tracing::error!(session = %self.id, %error, "the waiting messages cannot be read and stay where they are");
                self.deps.look_again(&self.id, &error);
                self.settle_courier();
            }
            Event::Detached => drop(self.detach()),
            Event::Idle => return Ok(!self.leave().await?),
        }
        Ok(true)
    }

    async fn command(&mut self, command: Command) -> Result<(), StoreError> {
        match command {
            Command::Attach(hello, generation, answer) => {
                let outcome = self.attach(&hello, generation).await;
                let failed = match &outcome {
                    Err(SessionError::Store(error)) => Some(error.clone()),
                    _ => None,
                };
                // A client that gave up takes its attachment with it.
                let _ = answer.send(outcome);
                failed.map_or(Ok(()), Err)
            }
            Command::Frame(from, frame) => {
                // What a replaced connection still had to say, its client says again on the next one.
                if self.attached.as_ref().is_some_and(|attached| attached.id == from) {
                    self.frame(from, *frame);
                }
                Ok(())
            }
            Command::Posted(urgent) => {
                if self.attached.is_some() {
                    self.courier.posted(urgent);
                }
                Ok(())
            }
            Command::Cancel(turn) => {
                self.cancel(NOBODY, turn);
                Ok(())
            }
            Command::Look => self.look().await,
            Command::Job(order, answer) => {
                self.job(*order, answer);
                Ok(())
            }
            Command::CancelJob(id) => {
                self.cancel_job(&id);
                Ok(())
            }
            Command::Leave(after_ms) => {
                if let Some(attached) = &self.attached {
                    self.machine.tell(attached.id, ServerFrame::Goaway { after_ms });
                }
                Ok(())
            }
            // The first two are not handled here.
            Command::Release(_) | Command::Acknowledged(_) | Command::Wake => Ok(()),
        }
    }

    fn frame(&mut self, from: ConnectionId, frame: ClientFrame) {
        let now_ms = clock::unix_ms();
        match frame {
            ClientFrame::Send { id, client_seq, text } => match self.deps.contracts.get(&self.role) {
                Some(contract) => {
                    let words = self.deps.turns.admit(&contract, &text);
                    let start = self.machine.send(now_ms, Send { from, id, client_seq, words });
                    self.begin(start);
                }
                None => {
                    let error = SessionError::NoRole(self.role.clone());
                    let (code, message) = (error.code().to_owned(), error.to_string());
                    self.machine.tell(from, ServerFrame::Error { code, message, id: Some(id) });
                }
            },
            ClientFrame::Cancel { turn } => self.cancel(from, turn),
            ClientFrame::Ack { .. } | ClientFrame::Beat { .. } => {}
        }
    }

    fn assembled(&mut self, window: Window) {
        self.machine.deliver(clock::unix_ms(), window.messages);
        self.settle_courier();
    }

    /// Starts the next commit if none is under way; what needs none leaves at once.
    fn flush(&mut self) {
        if self.in_flight.is_some() || self.machine.is_settled() {
            return;
        }
        self.machine.set_lineage(self.outbox.known_in());
        let (pending, state) = self.machine.take();
        if !pending.is_durable() {
            return self.answer(pending.answers);
        }
        let delivers = !pending.delivered.is_empty();
        let step = Step { entries: pending.entries, delivered: pending.delivered, state, running: pending.running };
        let (outbox, epoch) = (self.outbox.clone(), self.epoch);
        let metrics = self.deps.metrics.clone();
        let commit = Box::pin(async move {
            let began = clock::now();
            let committed = outbox.commit(epoch, step).await;
            metrics.store().committed(began.elapsed(), committed.as_ref().err());
            committed
        });
        let (answers, counts, jobs) = (pending.answers, pending.counts, pending.jobs);
        self.in_flight = Some(InFlight { commit, answers, delivers, counts, jobs });
    }

    fn committed(&mut self, committed: Committed) -> Result<(), StoreError> {
        let Some(flight) = self.in_flight.take() else { return Ok(()) };
        self.machine.check(&self.id, committed.head)?;
        let now_ms = clock::unix_ms();
        for count in flight.counts {
            self.deps.metrics.offline(offline::bucket(count.created_ms, now_ms), count.outcome);
        }
        self.answer(flight.answers);
        self.report(flight.jobs);
        self.settle_courier();
        Ok(())
    }

    fn settle_courier(&mut self) {
        let delivers = self.in_flight.as_ref().is_some_and(|flight| flight.delivers);
        if !delivers && !self.machine.delivers() {
            self.courier.settled();
        }
    }

    fn answer(&mut self, answers: Vec<(ConnectionId, ServerFrame)>) {
        for (to, frame) in answers {
            let Some(attached) = self.attached.as_ref().filter(|attached| attached.id == to) else { continue };
            // A connection that takes nothing is let go.
            if attached.teller.tell(Control::Frame(Box::new(frame))).is_err() {
                self.close_attached(close::TRY_LATER, "the connection does not take what it is told");
            }
        }
    }

    /// Commits everything that was decided.
    async fn settle(&mut self) -> Result<(), StoreError> {
        self.flush();
        while let Some(flight) = &mut self.in_flight {
            match flight.commit.as_mut().await {
                Ok(committed) => self.committed(committed)?,
                Err(error) => return Err(self.failed(error)),
            }
            self.flush();
        }
        Ok(())
    }

    /// A commit that failed is over: nobody waits for it again.
    fn failed(&mut self, error: StoreError) -> StoreError {
        self.in_flight = None;
        error
    }

    /// Lets go of the connection with a last word.
    fn close_attached(&mut self, code: u16, reason: &'static str) {
        if let Some(attached) = self.detach() {
            attached.teller.hang_up(code, reason);
        }
    }

    fn detach(&mut self) -> Option<Attached> {
        let attached = self.attached.take()?;
        self.courier.detached();
        self.deps.metrics.session_left("attached");
        self.deps.metrics.session_entered("detached");
        Some(attached)
    }
}

impl Drop for Actor {
    fn drop(&mut self) {
        // Here, so that one that panicked is counted out too.
        self.detach();
        self.deps.metrics.session_left("detached");
    }
}

async fn optional<F: Future + Unpin>(future: Option<F>) -> F::Output {
    match future {
        Some(future) => future.await,
        None => future::pending().await,
    }
}

async fn report(generation: Option<&mut Generation>) -> Option<TurnEvent> {
    match generation {
        Some(generation) => generation.events.recv().await,
        None => future::pending().await,
    }
}

async fn gone(attached: Option<&Attached>) {
    match attached {
        Some(attached) => attached.teller.alone().await,
        None => future::pending().await,
    }
}

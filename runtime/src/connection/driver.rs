//! One connection's task: link, wire machine and session, moved along.
//!
//! The loop waits for one thing, gives it to the machine, then drains the machine. It pulls from the
//! outbox only when everything before is written, so a slow client holds no memory but its cursor
//! and what its link lets wait; an idle one holds its machine, its link, and a place in its session.

use std::collections::VecDeque;
use std::time::Duration;

use rolecall_wire::close;
use rolecall_wire::frame::{ClientFrame, Message, ServerFrame};
use rolecall_wire::server::{Event, Input, Server};
use tokio::time::{sleep, timeout};
use tokio_util::sync::CancellationToken;

use super::link::{Link, Received};
use super::pass::Pass;
use crate::clock;
use crate::ids::{Seq, SessionId};
use crate::outbox::Batch;
use crate::session::{Attachment, Control};
use crate::store::StoreError;
use crate::telemetry::Metrics;

/// Messages pulled at once.
const BATCH: usize = 32;
/// How long a write may take before the client counts as gone.
const WRITE_PATIENCE: Duration = Duration::from_secs(30);
/// Sent messages whose acknowledgement is timed; others are not.
const TIMED: usize = 64;
/// Clients of a server that goes down come back spread over this time.
const SPREAD_MS: u32 = 2_000;

/// A connection.
pub(super) struct Driver<L> {
    machine: Server,
    link: L,
    attachment: Attachment,
    pass: Pass,
    metrics: Metrics,
    stop: CancellationToken,
    /// Sent messages that are not acknowledged: their place, and when they were committed.
    unacked: VecDeque<(Seq, u64)>,
    /// Where the replay began, until it is over.
    replaying: Option<Seq>,
    /// The code that the peer closed with.
    peer_code: Option<u16>,
    ended: bool,
}

/// What the loop waited for.
enum Happened {
    Stop,
    Control(Option<Control>),
    Received(Received),
    Timeout,
    Revoked,
    Batch(Result<Batch, StoreError>),
}

impl<L: Link> Driver<L> {
    /// A connection, and its first frames. Boxed: it is moved about before it is served, and its future is the smaller.
    pub(super) fn welcoming(
        machine: Server,
        link: L,
        attachment: Attachment,
        pass: Pass,
        last_seq: Seq,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Box<Self> {
        let (unacked, replaying) = (VecDeque::new(), None);
        let mut driver = Box::new(Self {
            machine,
            link,
            attachment,
            pass,
            metrics,
            stop,
            unacked,
            replaying,
            peer_code: None,
            ended: false,
        });
        driver.welcome(last_seq);
        driver
    }

    /// Serves the connection until it ends.
    pub(super) async fn run(mut self: Box<Self>) {
        loop {
            let written = timeout(WRITE_PATIENCE, self.drain()).await;
            if !matches!(written, Ok(true)) {
                // The link is broken or stuck; the machine is told, so that the end is counted.
                self.machine.handle_input(clock::monotonic_ms(), Input::Gone);
                self.handle_events().await;
            }
            if self.ended {
                break;
            }
            let happened = self.next().await;
            self.handle(happened);
        }
        let Self { attachment, link, .. } = *self;
        // The session is let go before the link, which may take a while.
        drop(attachment);
        Box::pin(link.linger()).await;
    }

    fn welcome(&mut self, last_seq: Seq) {
        let first = last_seq.saturating_add(1);
        let welcome = ServerFrame::Welcome {
            session_id: self.attachment.session().to_string(),
            role: self.attachment.role.clone(),
            epoch: self.attachment.epoch,
            next_seq: self.attachment.head.saturating_add(1),
            resume_from: first,
            client_seq: self.attachment.client_seq,
            // The machine fills these in.
            heartbeat_ms: 0,
            timeout_ms: 0,
        };
        self.machine.send(clock::monotonic_ms(), &welcome);
        self.metrics.heartbeat_interval(f64::from(self.machine.heartbeat_ms()) / 1_000.0);
        self.replaying = Some(first);
        self.end_replay(first);
        self.renew();
    }

    /// Gives the client a newer token, when it is time.
    fn renew(&mut self) {
        let now = clock::monotonic_ms();
        let Attachment { role, epoch, .. } = &self.attachment;
        if let Some(token) = self.pass.renew(now, self.attachment.session(), role, *epoch) {
            self.machine.send(now, &token);
        }
    }

    async fn next(&mut self) -> Happened {
        let now = clock::monotonic_ms();
        // What the client has no room for stays in the log.
        let room = usize::try_from(self.machine.room()).unwrap_or(BATCH).min(BATCH);
        let due = self
            .machine
            .poll_timeout()
            .into_iter()
            .chain(self.pass.due_ms())
            .min()
            .map(|at| Duration::from_millis(at.saturating_sub(now)));
        tokio::select! {
            biased;
            () = self.stop.cancelled() => Happened::Stop,
            control = self.attachment.control.recv() => Happened::Control(control),
            received = self.link.receive() => Happened::Received(received),
            () = sleep(due.unwrap_or(WRITE_PATIENCE)) => Happened::Timeout,
            () = self.pass.revoked() => Happened::Revoked,
            batch = self.attachment.reader.next_batch(room), if room > 0 => Happened::Batch(batch),
        }
    }

    fn handle(&mut self, happened: Happened) {
        let now = clock::monotonic_ms();
        match happened {
            Happened::Stop => {
                self.machine.send(now, &ServerFrame::Goaway { after_ms: spread(self.attachment.session()) });
                self.machine.close(close::RESTART, "the server restarts");
            }
            Happened::Control(Some(Control::Frame(frame))) => self.machine.send(now, &frame),
            Happened::Control(Some(Control::Close { code, reason })) => self.machine.close_at(now, code, reason),
            Happened::Control(None) => self.machine.close(close::TRY_LATER, "the session let go of this connection"),
            Happened::Received(received) => self.received(now, received),
            Happened::Timeout => {
                self.machine.handle_timeout(now);
                self.renew();
            }
            Happened::Revoked => {
                self.machine.close(close::TOKEN_REFUSED, "the key of this connection's token was revoked");
            }
            Happened::Batch(Ok(batch)) => self.batch(now, batch),
            Happened::Batch(Err(error)) => {
                tracing::error!(session = %self.attachment.session(), %error, "a connection cannot read its session");
                self.machine.close(close::TRY_LATER, "the session cannot be read now");
            }
        }
    }

    fn received(&mut self, now: u64, received: Received) {
        match received {
            Received::Binary(bytes) => self.machine.handle_input(now, Input::Binary(&bytes)),
            Received::Text(text) => self.machine.handle_input(now, Input::Text(&text)),
            Received::Control(payload) => self.machine.handle_input(now, Input::Pong(&payload)),
            Received::Closed(code) => {
                self.peer_code = code;
                self.machine.handle_input(now, Input::Gone);
            }
            Received::Broken(code, reason) => self.machine.close(code, &reason),
        }
    }

    fn batch(&mut self, now: u64, batch: Batch) {
        match batch {
            Batch::Messages(messages) => messages.into_iter().for_each(|message| self.message(now, message)),
            Batch::Skipped { from, to } => {
                self.machine.send(now, &ServerFrame::Skipped { from, to });
                self.end_replay(to.saturating_add(1));
            }
        }
    }

    fn message(&mut self, now: u64, message: Message) {
        let (seq, at_ms) = (message.seq, message.at_ms);
        if self.replaying.is_none() && self.unacked.len() < TIMED {
            self.unacked.push_back((seq, at_ms));
        }
        self.machine.send(now, &ServerFrame::Message(message));
        self.end_replay(seq.saturating_add(1));
    }

    /// Says so when everything that was missed has been sent.
    fn end_replay(&mut self, next: Seq) {
        let head = self.attachment.head;
        if next > head
            && let Some(from) = self.replaying.take()
        {
            let to = head.max(from.saturating_sub(1));
            self.machine.send(clock::monotonic_ms(), &ServerFrame::Resumed { from, to });
        }
    }

    /// Sends and reports what the machine has. Says whether the link took it.
    async fn drain(&mut self) -> bool {
        loop {
            self.handle_events().await;
            let Some(transmit) = self.machine.poll_transmit() else { break };
            if self.link.feed(transmit).await.is_err() {
                return false;
            }
        }
        // A close that both sides have sent leaves nothing to flush, which is no failure.
        self.link.flush().await.is_ok() || self.ended
    }

    async fn handle_events(&mut self) {
        while let Some(event) = self.machine.poll_event() {
            match event {
                Event::Frame(ClientFrame::Ack { seq }) => self.acked(seq),
                Event::Frame(frame) => self.attachment.submit(frame).await,
                Event::Rtt { rtt_ms } => {
                    self.metrics.heartbeat("ok");
                    self.metrics.heartbeat_latency(seconds(rtt_ms));
                    self.metrics.heartbeat_interval(f64::from(self.machine.heartbeat_ms()) / 1_000.0);
                }
                Event::Unsendable { seq, reason } => {
                    tracing::error!(session = %self.attachment.session(), seq, reason, "a message is larger than any frame and is skipped");
                }
                Event::Network(_) => {
                    self.metrics.heartbeat_interval(f64::from(self.machine.heartbeat_ms()) / 1_000.0);
                }
                Event::Ended { code, reason } => {
                    self.ended = true;
                    if let Some(learned) = self.machine.learned() {
                        self.attachment.lessons.set(learned);
                    }
                    if code == close::EXPIRED {
                        self.metrics.heartbeat("timeout");
                    }
                    let code = self.peer_code.unwrap_or(code);
                    self.metrics.closed(code);
                    tracing::debug!(session = %self.attachment.session(), code, reason, "a connection ended");
                }
            }
        }
    }

    fn acked(&mut self, seq: Seq) {
        self.attachment.acknowledge(seq);
        let now_ms = clock::unix_ms();
        while let Some((_, at_ms)) = self.unacked.pop_front_if(|(sent, _)| *sent <= seq) {
            self.metrics.commit_to_ack(seconds(now_ms.saturating_sub(at_ms)));
        }
        if self.unacked.is_empty() {
            // Idle connections hold no memory for it.
            self.unacked = VecDeque::new();
        }
    }
}

fn seconds(ms: u64) -> f64 {
    Duration::from_millis(ms).as_secs_f64()
}

/// A delay that is a session's own, so that not all come back at once.
fn spread(id: &SessionId) -> u32 {
    let digest = blake3::hash(id.as_str().as_bytes());
    let number = digest.as_bytes().first_chunk::<4>().map_or(0, |bytes| u32::from_be_bytes(*bytes));
    number % SPREAD_MS
}

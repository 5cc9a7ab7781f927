//! A turn on its way: attempts at an answer, until the contract's ladder comes to its end.

use std::time::Duration;

use rolecall_wire::frame::Outcome;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{MAX_STALL, ToolCall, TurnEnd, TurnEvent, Turns, Usage};
use crate::clock;
use crate::enforce::{Additions, Called, Calls, End, Permitted, Prompt, ReplyStream};
use crate::model::{Asking, ModelChunk, ModelError};

/// How long a receiver that has events to read may let a cancelled turn wait.
const FAREWELL: Duration = Duration::from_secs(1);

/// A turn being answered.
pub(super) struct Running<'a> {
    pub(super) turns: &'a Turns,
    pub(super) id: String,
    pub(super) reply: Box<ReplyStream>,
    pub(super) events: mpsc::Sender<TurnEvent>,
    pub(super) cancel: CancellationToken,
    pub(super) usage: Usage,
    /// Tokens of this attempt, as the model counted them.
    pub(super) counted: u64,
    pub(super) length_limited: bool,
    pub(super) filtered: bool,
    /// The calls of this attempt.
    pub(super) calls: Calls,
    /// Those that go out.
    pub(super) called: Vec<Permitted<ToolCall>>,
}

/// Why a turn is over.
pub(super) enum Ended {
    /// The contract's ladder came to its end.
    Reply(Outcome),
    /// Cancelled.
    Cancelled,
    /// Nobody listens any more.
    Abandoned,
    /// The model failed.
    Failed(ModelError),
}

impl Running<'_> {
    pub(super) async fn answer(&mut self, mut asking: Asking, mut prompt: Permitted<Prompt>) -> Ended {
        loop {
            if let Err(ended) = self.attempt(&mut asking, prompt.clone()).await {
                return ended;
            }
            let limit = prompt.get().max_tokens.map(u64::from);
            if limit.is_some_and(|limit| self.counted >= limit) {
                self.reply.say_no_more();
            }
            let (release, next) = self.end_attempt(prompt.get().tools.required()).await;
            if let Err(ended) = self.release(release).await {
                return ended;
            }
            match next {
                Ok(additions) => prompt = prompt.get().again(additions, self.counted),
                Err(outcome) => return Ended::Reply(outcome),
            }
        }
    }

    /// What comes of an answer: its last piece, and the end or what to tell the model.
    async fn end_attempt(&mut self, call_wanted: bool) -> (Option<Permitted<String>>, Result<Additions, Outcome>) {
        let calls = std::mem::take(&mut self.calls);
        let end = if calls.is_empty() && !call_wanted {
            self.reply.end_attempt().await
        } else {
            match self.reply.end_with_calls(calls, self.length_limited || self.filtered).await {
                Err(end) => end,
                Ok(Called { release, outcome, calls }) => {
                    self.called = calls;
                    return (release, Err(outcome));
                }
            }
        };
        match end {
            End::Done { release, outcome, .. } => (release, Err(outcome)),
            End::Retry { release, additions } => (release, Ok(additions)),
        }
    }

    /// Reads one answer of the model until it ends or nothing more of it can go out. Leaving drops
    /// the call, which cancels it upstream.
    async fn attempt(&mut self, asking: &mut Asking, prompt: Permitted<Prompt>) -> Result<(), Ended> {
        let began_ms = clock::monotonic_ms();
        (self.length_limited, self.filtered, self.counted) = (false, false, 0);
        let tools = &prompt.get().tools;
        self.calls = Calls::of(tools);
        // Where nothing is offered, a call says nothing.
        let any_tools = tools.any();
        let mut call = asking.call(prompt);
        let (mut usage, mut first) = (Usage::default(), true);
        let result = loop {
            let chunk = tokio::select! {
                biased;
                () = self.cancel.cancelled() => break Err(Ended::Cancelled),
                () = self.events.closed() => break Err(Ended::Abandoned),
                chunk = call.next() => chunk,
            };
            match chunk {
                Some(Ok(ModelChunk::Text(text))) => {
                    if std::mem::take(&mut first) {
                        self.turns.metrics.first_token(seconds_since(began_ms));
                    }
                    let push = self.reply.push(&text).await;
                    if let Err(ended) = self.release(push.release).await {
                        break Err(ended);
                    }
                    // A remark may be cut in front of a call: what is said on goes nowhere, the call does.
                    if push.stop && !(any_tools && self.reply.is_cut()) {
                        break Ok(());
                    }
                }
                Some(Ok(ModelChunk::Call(piece))) => {
                    if std::mem::take(&mut first) {
                        self.turns.metrics.first_token(seconds_since(began_ms));
                    }
                    if any_tools && !self.calls.take(piece) {
                        break Ok(());
                    }
                }
                Some(Ok(ModelChunk::Usage(counted))) => usage = counted,
                Some(Ok(ModelChunk::Stop { length })) => {
                    self.length_limited = length;
                    break Ok(());
                }
                Some(Ok(ModelChunk::Filtered)) => {
                    self.filtered = true;
                    break Ok(());
                }
                Some(Err(error)) => break Err(Ended::Failed(error)),
                None => break Ok(()),
            }
        };
        self.usage = self.usage.and(usage);
        self.counted = usage.completion_tokens;
        result
    }

    async fn release(&self, piece: Option<Permitted<String>>) -> Result<(), Ended> {
        let Some(piece) = piece else { return Ok(()) };
        // What the reply counts as out is sent even when a cancellation is waiting; only a receiver
        // that is gone, or as good as gone, stops it.
        if self.send(TurnEvent::Released(piece)).await { Ok(()) } else { Err(Ended::Abandoned) }
    }

    /// Whether the receiver took it in time.
    async fn send(&self, event: TurnEvent) -> bool {
        let patience = async {
            tokio::select! {
                () = tokio::time::sleep(MAX_STALL) => MAX_STALL,
                () = async { self.cancel.cancelled().await; tokio::time::sleep(FAREWELL).await } => FAREWELL,
            }
        };
        tokio::select! {
            biased;
            sent = self.events.send(event) => sent.is_ok(),
            stall = patience => {
                tracing::warn!(?stall, "nobody reads the reply; its turn is abandoned");
                false
            }
        }
    }

    pub(super) async fn end(mut self, ended: Ended) {
        let mut retry_after = None;
        let (outcome, failure) = match ended {
            Ended::Abandoned => return self.trace(None),
            Ended::Reply(outcome) => (outcome, None),
            Ended::Cancelled => (Outcome::Cancelled, None),
            Ended::Failed(error) => {
                retry_after = error.retry_after();
                (Outcome::Failed, Some((error.code().to_owned(), self.outward(&error).await)))
            }
        };
        self.trace(Some(outcome));
        let end = TurnEnd {
            outcome,
            text: self.reply.text(),
            calls: std::mem::take(&mut self.called),
            hits: self.reply.hits(),
            usage: self.usage,
            length_limited: self.length_limited,
            filtered: self.filtered,
            failure,
            retry_after,
        };
        // A receiver that is gone needs no end.
        let _ = self.send(TurnEvent::Ended(end)).await;
    }

    /// What the client is told of a failure. Where that repeats words of the model's server, the contract
    /// judges them as it does any other text that reaches people.
    async fn outward(&self, error: &ModelError) -> String {
        let told = error.outward();
        if !matches!(error, ModelError::Rejected { .. }) {
            return told;
        }
        let judged = self.turns.admit_delivery(self.reply.contract(), &told).await;
        judged.map_or_else(|_| ModelError::REJECTED.to_owned(), Permitted::into_inner)
    }

    /// Keeps the account of the reply, if a rule acted on it.
    fn trace(&self, outcome: Option<Outcome>) {
        if let Some(trace) = self.reply.trace(&self.id, outcome) {
            self.turns.traces.keep(trace);
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "milliseconds far below 2^52")]
fn seconds_since(began_ms: u64) -> f64 {
    clock::monotonic_ms().saturating_sub(began_ms) as f64 / 1000.0
}

//! One turn: a user's words in, a contract-abiding reply out.

mod notes;

use std::sync::Arc;
use std::time::Duration;

use rolecall_dsl::Contract;
use rolecall_dsl::monitor::DeliveryMode;
use rolecall_wire::frame::{Hit, Outcome};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::clock;
use crate::dialogue;
use crate::enforce::{self, Additions, Called, Calls, End, Judges, Permitted, Prompt, ReplyStream, UserText};
pub use crate::enforce::{Line, Overrides, Refused, Speaker, ToolCall, ToolUse};
use crate::model::{Asking, Model, ModelChunk, ModelError, Models, Rations};
use crate::plugin::PluginHost;
use crate::telemetry::{Metrics, Traces};
pub(crate) use notes::remembered;

/// How long a receiver may take no piece of a reply before its turn is abandoned, as if it were gone:
/// a reader that stalls must not hold a model call for ever.
pub const MAX_STALL: Duration = Duration::from_secs(60);

/// A turn to be answered.
#[derive(Debug, Clone)]
pub struct TurnRequest {
    /// The id under which its trace is kept.
    pub id: String,
    /// The contract that the reply must keep.
    pub contract: Arc<Contract>,
    /// What was said before, oldest first.
    pub history: Vec<Line>,
    /// What is remembered of the dialogue; without it, it is read from the history.
    pub dialogue: Option<dialogue::State>,
    /// What the user says now.
    pub user: Permitted<UserText>,
    /// The part of the reply that was already committed before an interruption; usually empty.
    /// The reply continues behind it, and it counts for every rule.
    pub already: String,
    /// The caller's parameters.
    pub overrides: Overrides,
    /// What may be called, and what was called since the user's words.
    pub tools: ToolUse,
}

/// Tokens as the model counted them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Usage {
    /// Of the prompt.
    pub prompt_tokens: u64,
    /// Of the replies, discarded attempts included.
    pub completion_tokens: u64,
    /// Those of the prompt that the model took from a cache.
    pub cached_tokens: u64,
    /// Those of the replies that nobody sees.
    pub reasoning_tokens: u64,
}

impl Usage {
    /// Both together.
    #[must_use]
    pub fn and(self, other: Self) -> Self {
        Self {
            prompt_tokens: self.prompt_tokens.saturating_add(other.prompt_tokens),
            completion_tokens: self.completion_tokens.saturating_add(other.completion_tokens),
            cached_tokens: self.cached_tokens.saturating_add(other.cached_tokens),
            reasoning_tokens: self.reasoning_tokens.saturating_add(other.reasoning_tokens),
        }
    }
}

/// What a running turn reports, in order.
#[derive(Debug, Clone)]
pub enum TurnEvent {
    /// The next piece of the reply. Never empty, never taken back.
    Released(Permitted<String>),
    /// The end; nothing follows.
    Ended(TurnEnd),
}

/// How a turn ended.
#[derive(Debug, Clone)]
pub struct TurnEnd {
    /// How.
    pub outcome: Outcome,
    /// The whole reply: what was already there and every piece released.
    pub text: Permitted<String>,
    /// The tools to call: the reply goes on with their results, in a turn of its own. They were
    /// judged together with it.
    pub calls: Vec<Permitted<ToolCall>>,
    /// The rules that acted.
    pub hits: Vec<Hit>,
    /// What the model counted.
    pub usage: Usage,
    /// Whether the model itself stopped its last answer at its token limit.
    pub length_limited: bool,
    /// Whether the model's server ended its last answer by a filter of its own.
    pub filtered: bool,
    /// For `Outcome::Failed`: a stable code and a message that clients may see.
    pub failure: Option<(String, String)>,
    /// For `Outcome::Failed`: when the model's server asked to come back.
    pub retry_after: Option<Duration>,
}

/// Answers turns. Cloning shares it.
#[derive(Clone)]
pub struct Turns {
    models: Models,
    judges: Arc<dyn Judges>,
    metrics: Metrics,
    traces: Traces,
}

impl std::fmt::Debug for Turns {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turns").field("models", &self.models).finish_non_exhaustive()
    }
}

impl Turns {
    /// Turns answered by the models of a server, under contracts whose policies are these plugins.
    #[must_use]
    pub fn new(models: Models, plugins: PluginHost, metrics: Metrics) -> Self {
        Self { models, judges: Arc::new(plugins), metrics, traces: Traces::nowhere() }
    }

    /// Turns answered by one model whatever their route, with policies from anywhere, such as doubles
    /// in tests.
    #[must_use]
    pub fn with_judges(model: Arc<dyn Model>, judges: Arc<dyn Judges>, metrics: Metrics) -> Self {
        Self { models: Models::only(model, Rations::default(), &metrics), judges, metrics, traces: Traces::nowhere() }
    }

    /// The same with a place for the traces of replies on which rules acted.
    #[must_use]
    pub fn traced(self, traces: Traces) -> Self {
        Self { traces, ..self }
    }

    /// Checks a user's words on the way in.
    ///
    /// # Errors
    /// When there are none, or more than [`MAX_USER_BYTES`](enforce::MAX_USER_BYTES).
    pub fn admit(&self, _contract: &Contract, text: &str) -> Result<Permitted<UserText>, Refused> {
        enforce::admit(text)
    }

    /// How the reply to a turn goes out.
    #[must_use]
    pub fn delivery_mode(&self, contract: &Arc<Contract>, user: &str, first_turn: bool) -> DeliveryMode {
        enforce::delivery_mode(&contract.for_turn(user, first_turn), self.judges.as_ref())
    }

    /// Checks a text that is delivered without a model, such as an offline message, against the
    /// contract; on a violation its rules and messages come back. Matches of rules with
    /// `on_violation redact` are replaced.
    ///
    /// # Errors
    /// The rules that are broken.
    pub async fn admit_delivery(&self, contract: &Arc<Contract>, text: &str) -> Result<Permitted<String>, Vec<Hit>> {
        enforce::admit_delivery(contract, Arc::clone(&self.judges), &self.metrics, text).await
    }

    /// Answers one turn, sending what happens to `events` until `Ended`. Returns early when the
    /// receiver is gone, or took nothing for [`MAX_STALL`]. Cancelling stops the model call and ends
    /// with `Outcome::Cancelled`.
    pub async fn run(&self, request: TurnRequest, events: mpsc::Sender<TurnEvent>, cancel: CancellationToken) {
        let TurnRequest { id, contract, history, dialogue, user, already, overrides, tools } = request;
        let asking = self.models.asking(&contract);
        // What guards tell apart is decided once, before anything is said.
        let contract = contract.for_turn(&user.get().text, enforce::opens(&history));
        let reply = Box::new(ReplyStream::new(&contract, Arc::clone(&self.judges), self.metrics.clone(), &already));
        let notes = notes::notes(&contract, &history, dialogue, &user.get().text);
        let prompt = Prompt::with_tools(Prompt::first(contract, history, user, &already, &overrides), tools);
        let prompt = Prompt::noting(prompt, notes);
        let mut turn = Running {
            turns: self,
            id,
            reply,
            events,
            cancel,
            usage: Usage::default(),
            length_limited: false,
            filtered: false,
            calls: Calls::default(),
            called: Vec::new(),
        };
        let ended = match asking {
            // Boxed: a turn's state is large, and whoever awaits this would carry it around.
            Ok(asking) => Box::pin(turn.answer(asking, prompt)).await,
            Err(error) => {
                tracing::warn!(code = error.code(), %error, "a turn cannot be answered");
                Ended::Failed(error)
            }
        };
        turn.end(ended).await;
    }
}

/// A turn being answered.
struct Running<'a> {
    turns: &'a Turns,
    id: String,
    reply: Box<ReplyStream>,
    events: mpsc::Sender<TurnEvent>,
    cancel: CancellationToken,
    usage: Usage,
    length_limited: bool,
    filtered: bool,
    /// The calls of this attempt.
    calls: Calls,
    /// Those that go out.
    called: Vec<Permitted<ToolCall>>,
}

/// Why a turn is over.
enum Ended {
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
    async fn answer(&mut self, mut asking: Asking, mut prompt: Permitted<Prompt>) -> Ended {
        loop {
            if let Err(ended) = self.attempt(&mut asking, prompt.clone()).await {
                return ended;
            }
            let (release, next) = self.end_attempt(prompt.get().tools.required()).await;
            if let Err(ended) = self.release(release).await {
                return ended;
            }
            match next {
                Ok(additions) => prompt = prompt.get().again(additions),
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
        (self.length_limited, self.filtered) = (false, false);
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
                    if push.stop {
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
        let sent = tokio::time::timeout(MAX_STALL, self.events.send(event)).await;
        if sent.is_err() {
            tracing::warn!(stall = ?MAX_STALL, "nobody reads the reply; its turn is abandoned");
        }
        matches!(sent, Ok(Ok(())))
    }

    async fn end(mut self, ended: Ended) {
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

#[cfg(test)]
mod tests;

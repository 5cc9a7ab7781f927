//! One turn: a user's words in, a contract-abiding reply out.

mod notes;
mod running;

use std::sync::Arc;
use std::time::Duration;

use rolecall_dsl::Contract;
use rolecall_dsl::monitor::DeliveryMode;
use rolecall_wire::frame::{Hit, Outcome};
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::dialogue;
use crate::enforce::{self, Calls, Judges, Permitted, Prompt, ReplyStream, UserText};
pub use crate::enforce::{Line, Overrides, Refused, Speaker, ToolCall, ToolUse};
use crate::model::{Model, Models, Rations};
use crate::plugin::PluginHost;
use crate::telemetry::{Metrics, Traces};
pub(crate) use notes::remembered;
use running::{Ended, Running};

/// How long a receiver may take no piece of a reply before its turn is abandoned, as if it were gone:
/// a reader that stalls must not hold a model call for ever.
pub const MAX_STALL: Duration = Duration::from_secs(60);

/// A turn to be answered.
#[derive(Debug, Clone)]
pub struct TurnRequest {
    /// The id under which its trace is kept.
    pub id: String,
    /// The session that it belongs to, if any: its policies may keep their instances from turn to turn.
    pub session: Option<String>,
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
        let TurnRequest { id, session, contract, history, dialogue, user, already, overrides, tools } = request;
        let asking = self.models.asking(&contract);
        // What guards tell apart is decided once, before anything is said.
        let contract = contract.for_turn(&user.get().text, enforce::opens(&history));
        let judges = Arc::clone(&self.judges).pinned(session.as_deref());
        let reply = Box::new(ReplyStream::new(&contract, judges, self.metrics.clone(), &already));
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
            counted: 0,
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

#[cfg(test)]
mod tests;

//! `POST /v1/chat/completions`: a role as an OpenAI model.
//!
//! The contract's prompt leads. A caller's own system messages are context, spoken by the user:
//! they cannot outrank the contract, which is enforced on the reply in any case. What the contract
//! did is told by the finish reason: `content_filter` where the reply is not the model's any more, the
//! fallback or nothing at all; `stop` for a reply of the model's, also one that was cut or redacted.
//! Where the reply is whole, headers name each rule and what it did; a stream carries no chunk that a
//! strict client would not know.

mod parameters;
mod request;
mod shape;
mod stream;

use std::pin::pin;
use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use rolecall_dsl::Contract;
use rolecall_wire::frame::{Hit, Outcome};
use serde_json::{Map, Value};
use tokio::sync::mpsc;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::body::JsonBody;
use super::error::ApiError;
use crate::app::App;
use crate::model;
use crate::session::turn::{TurnEnd, TurnEvent, TurnRequest};
use request::ChatRequest;
use shape::Shape;

/// Events that may wait for the client to read; the turn waits when they are that many.
const EVENTS: usize = 32;

/// A turn that runs for a caller. Dropping it, as a disconnect does, cancels the turn.
#[derive(Debug)]
struct Running {
    events: mpsc::Receiver<TurnEvent>,
    _cancel: DropGuard,
}

/// Answers a chat completion request.
///
/// # Errors
/// Unsupported parameters, unknown roles, too many requests at once, a model that failed before
/// its first text.
pub(super) async fn completions(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let request = ChatRequest::parse(body)?;
    let Some(contract) = app.contracts.get(&request.model) else {
        return Err(ApiError::no_role(&app.contracts, &request.model, "model"));
    };
    let shape = Shape::new(&contract, request.include_usage)?;
    let streamed = request.stream;
    let running = start(&app, Arc::clone(&contract), request)?;
    let mut response = if streamed { stream::respond(running, shape).await? } else { whole(running, &shape).await? };
    let name = format!("{}@{}", escape(&contract.name), contract.version);
    insert(&mut response, "x-rolecall-contract", &name);
    Ok(response)
}

fn start(app: &App, contract: Arc<Contract>, request: ChatRequest) -> Result<Running, ApiError> {
    let user = app
        .turns
        .admit(&contract, &request.user)
        .map_err(|refused| ApiError::invalid("message_refused", refused.to_string()).param("messages"))?;
    let Ok(place) = Arc::clone(&app.completions).try_acquire_owned() else {
        let message = format!("{} completions are being answered; try again shortly", app.config.max_completions);
        return Err(ApiError::new(StatusCode::TOO_MANY_REQUESTS, "too_many_completions", message));
    };
    let turn =
        TurnRequest { contract, history: request.history, user, already: String::new(), overrides: request.overrides };
    let (sender, events) = mpsc::channel(EVENTS);
    let cancel = CancellationToken::new();
    let running = app.turns.clone();
    let stop = cancel.clone();
    let last_moment = last_moment(app);
    app.shutdown.spawn(async move {
        let mut answering = pin!(running.run(turn, sender, stop.clone()));
        tokio::select! {
            () = answering.as_mut() => {}
            () = last_moment => {
                stop.cancel();
                answering.await;
            }
        }
        drop(place);
    });
    Ok(Running { events, _cancel: cancel.drop_guard() })
}

/// When a reply must end because the process does: it may take most of the shutdown's patience, and
/// the rest is for telling the caller.
fn last_moment(app: &App) -> impl Future<Output = ()> + Send + use<> {
    let stop = app.shutdown.signal();
    let grace = app.config.shutdown_patience * 3 / 4;
    async move {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    }
}

async fn whole(mut running: Running, shape: &Shape) -> Result<Response, ApiError> {
    loop {
        match running.next().await? {
            TurnEvent::Released(_) => {}
            TurnEvent::Ended(end) => {
                let finish = finish_reason(&end)?;
                let mut response = Json(shape.completion(&end, finish)).into_response();
                if !end.hits.is_empty() {
                    insert(&mut response, "x-rolecall-rules", &rules(&end.hits));
                }
                return Ok(response);
            }
        }
    }
}

impl Running {
    async fn next(&mut self) -> Result<TurnEvent, ApiError> {
        self.events.recv().await.ok_or_else(|| {
            ApiError::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "turn_lost",
                "the turn ended without a result; see the server's log",
            )
        })
    }
}

/// How the reply ended, in OpenAI's words, or the error that it ended with.
fn finish_reason(end: &TurnEnd) -> Result<&'static str, ApiError> {
    match end.outcome {
        Outcome::Complete | Outcome::Repaired if end.length_limited => Ok("length"),
        Outcome::Complete | Outcome::Repaired => Ok("stop"),
        Outcome::Fallback | Outcome::Refused => Ok("content_filter"),
        Outcome::Cancelled => Err(ApiError::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "shutting_down",
            "the server is shutting down; try again",
        )),
        Outcome::Failed => {
            let (code, message) = end
                .failure
                .clone()
                .unwrap_or_else(|| ("model_failed".to_owned(), "the model failed; see the server's log".to_owned()));
            let status = StatusCode::from_u16(model::status_of(&code)).unwrap_or(StatusCode::BAD_GATEWAY);
            Err(ApiError::new(status, code, message).retry_after(end.retry_after))
        }
    }
}

/// `rule=action` pairs, each once, in the order in which they acted.
fn rules(hits: &[Hit]) -> String {
    let mut pairs: Vec<String> = Vec::new();
    for hit in hits {
        let pair = format!("{}={}", escape(&hit.rule), escape(&hit.action));
        if !pairs.contains(&pair) {
            pairs.push(pair);
        }
    }
    pairs.join(", ")
}

/// Percent-encodes what a header cannot carry: role and rule names may be Chinese.
fn escape(text: &str) -> String {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.' | b':');
    text.bytes().map(|byte| if plain(byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") }).collect()
}

fn insert(response: &mut Response, name: &'static str, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(name, value);
    }
}

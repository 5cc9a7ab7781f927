//! `POST /v1/messages`: a role as a model of Anthropic's Messages API.
//!
//! The contract's prompt leads; a caller's `system` is context, spoken by the user. What the contract did
//! is told by the stop reason: `refusal` where the reply is not the model's any more, the fallback or
//! nothing at all, with the rules in `stop_details`, or where the model's own server filtered it;
//! `end_turn` for a reply of the model's, also one that was cut or redacted; `tool_use` for one that goes on
//! with the results of its calls.

mod content;
mod parameters;
mod request;
mod shape;
mod tools;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value};

use super::body::JsonBody;
use super::completion::{self, Completion, Fields, Request};
use super::error::ApiError;
use crate::app::App;
use request::MessagesRequest;
use shape::{Events, Shape};

/// Answers a request for a message.
///
/// # Errors
/// As for chat completions, in Anthropic's shape.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let MessagesRequest { model, dialogue, overrides, tools, stream } = MessagesRequest::parse(Fields::new(body))?;
    let Some(contract) = app.contracts.get(&model) else {
        return Err(ApiError::no_role(&app.contracts, &model, "model"));
    };
    let mut completion = Completion::start(&app, Request { contract, dialogue, overrides, tools, choices: 1 })?;
    let shape = Shape::new(&completion);
    if stream {
        return completion::respond(completion, Events::new(shape)).await;
    }
    let ends = completion.whole().await?;
    let message = ends.first().map_or(Value::Null, |end| shape.message(end));
    Ok(completion.answer(&ends, &message))
}

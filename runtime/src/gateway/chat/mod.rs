//! `POST /v1/chat/completions`: a role as an OpenAI model.
//!
//! The contract's prompt leads. A caller's own system messages are context, spoken by the user:
//! they cannot outrank the contract, which is enforced on the reply in any case. What the contract
//! did is told by the finish reason: `content_filter` where the reply is not the model's any more, the
//! fallback or nothing at all, or where the model's own server filtered it; `stop` for a reply of the
//! model's, also one that was cut or redacted; `tool_calls` for one that goes on with the results of its calls.
//! Headers name each rule and what it did where the reply is whole, trailers where it is streamed; a
//! stream carries no chunk that a strict client would not know.

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
use request::ChatRequest;
use shape::{Chunks, Shape};

/// Answers a chat completion request.
///
/// # Errors
/// Unsupported parameters, unknown roles, too many requests at once, a model that failed before
/// its first text.
pub(super) async fn completions(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let ChatRequest { model, dialogue, overrides, tools, choices, json, stream, include_usage } =
        ChatRequest::parse(Fields::new(body))?;
    let Some(contract) = app.contracts.get(&model) else {
        return Err(ApiError::no_role(&app.contracts, &model, "model"));
    };
    if json {
        parameters::require_json(&contract)?;
    }
    let mut completion = Completion::start(&app, Request { contract, dialogue, overrides, tools, choices })?;
    let shape = Shape::new(&completion);
    if stream {
        return completion::respond(completion, Chunks::new(shape, choices, include_usage)).await;
    }
    let ends = completion.whole().await?;
    Ok(completion.answer(&ends, &shape.completion(&ends)))
}

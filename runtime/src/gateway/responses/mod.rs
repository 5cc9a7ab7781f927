//! `POST /v1/responses`: a role as a model of OpenAI's Responses API.
//!
//! The contract's prompt leads; a caller's `instructions` are context, spoken by the user. What the contract
//! did is told by the status: `incomplete` because of `content_filter` where the reply is not the model's
//! any more, the fallback or nothing at all, or where the model's own server filtered it; `completed` for a
//! reply of the model's, also one that was cut or redacted.
//!
//! Nothing is stored, whatever `store` says, which clients leave at true: each response says so, and a
//! request that refers to an earlier one is refused. The caller sends the dialogue whole.

mod input;
mod parameters;
mod request;
mod shape;
mod stream;
mod tools;

use std::sync::Arc;

use axum::extract::State;
use axum::response::Response;
use serde_json::{Map, Value};

use super::body::JsonBody;
use super::completion::{self, Completion, Fields, Request};
use super::error::ApiError;
use crate::app::App;
use request::ResponsesRequest;
use shape::Shape;
use stream::Events;

/// Answers a request for a response.
///
/// # Errors
/// As for chat completions.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    JsonBody(body): JsonBody<Map<String, Value>>,
) -> Result<Response, ApiError> {
    let ResponsesRequest { model, dialogue, overrides, tools, stream, echo } =
        ResponsesRequest::parse(Fields::new(body))?;
    let Some(contract) = app.contracts.get(&model) else {
        return Err(ApiError::no_role(&app.contracts, &model, "model"));
    };
    let mut completion = Completion::start(&app, Request { contract, dialogue, overrides, tools, choices: 1 })?;
    let shape = Shape::new(&completion, echo);
    if stream {
        return completion::respond(completion, Events::new(shape)).await;
    }
    let ends = completion.whole().await?;
    let body = ends.first().map_or(Value::Null, |end| shape.ended(end));
    Ok(completion.answer(&ends, &body))
}

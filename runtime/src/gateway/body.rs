//! JSON bodies: bounded, typed, and precise about what is wrong.

use std::time::Duration;

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{StatusCode, header};
use futures_util::StreamExt;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::error::ApiError;
use super::mistake;

/// The largest body that is read, in bytes (1 MiB); larger ones get status 413.
pub const MAX_BODY_BYTES: usize = 1 << 20;

/// How much of a body that is too large is read before the connection is given up, in bytes (8 MiB).
const MAX_DRAINED_BYTES: usize = 8 << 20;

/// How long a body may take to arrive; later ones get status 408.
const PATIENCE: Duration = Duration::from_secs(30);

/// A JSON object of type `T` as a body. Its content type must say so, which also keeps foreign web pages from
/// posting here without the browser asking first.
#[derive(Debug, Clone)]
pub(crate) struct JsonBody<T>(pub(crate) T);

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for JsonBody<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, _state: &S) -> Result<Self, ApiError> {
        parse(&json(request).await?).map(Self)
    }
}

/// A body of any JSON, as of a call that takes one thing or several.
///
/// # Errors
/// As a [`JsonBody`] that is not what it should be, but for its shape.
pub(crate) async fn any_json(request: Request) -> Result<Value, ApiError> {
    typed(&json(request).await?)
}

/// The bytes of a body that says that it is JSON.
async fn json(request: Request) -> Result<Vec<u8>, ApiError> {
    let content_type = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok());
    if !content_type.is_some_and(is_json) {
        let message = "send the header `Content-Type: application/json`";
        return Err(ApiError::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", message));
    }
    collected(request.into_body()).await
}

/// A body as it came, within its bounds of size and time.
///
/// # Errors
/// 413 when it is larger than [`MAX_BODY_BYTES`], 408 when it takes too long, 400 when it ends early.
pub(crate) async fn collected(body: Body) -> Result<Vec<u8>, ApiError> {
    tokio::time::timeout(PATIENCE, read(body)).await.map_err(|_| {
        let message = format!("the body did not arrive within {} s; send it again", PATIENCE.as_secs());
        ApiError::new(StatusCode::REQUEST_TIMEOUT, "body_timeout", message)
    })?
}

fn is_json(content_type: &str) -> bool {
    let essence = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Collects the body. Of one that is too large the rest is read and dropped, up to a bound: a client
/// that is still sending would otherwise see a reset connection instead of the answer.
async fn read(body: Body) -> Result<Vec<u8>, ApiError> {
    let mut pieces = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut length = 0usize;
    while let Some(piece) = pieces.next().await {
        let Ok(piece) = piece else {
            return Err(ApiError::invalid("body_incomplete", "the body ended early; send it again"));
        };
        length = length.saturating_add(piece.len());
        if length <= MAX_BODY_BYTES {
            bytes.extend_from_slice(&piece);
        } else if length > MAX_DRAINED_BYTES {
            break;
        }
    }
    if length > MAX_BODY_BYTES {
        let message = format!("the body is larger than {MAX_BODY_BYTES} bytes; send less");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message));
    }
    Ok(bytes)
}

/// Parses an object; the message names line and column, and of a wrong type the field.
pub(super) fn parse<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    // Fields without their names, in the order of a type here, would be taken for it. What is within the body may be written
    // so; nobody does that by mistake.
    let is_json = || serde_json::from_slice::<serde::de::IgnoredAny>(bytes).is_ok();
    if bytes.trim_ascii_start().starts_with(b"[") && is_json() {
        let message = "the body does not have the expected shape: found an array, expected an object";
        return Err(ApiError::invalid("invalid_body", message));
    }
    typed(bytes)
}

fn typed<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, ApiError> {
    serde_json::from_slice(bytes).map_err(|error| match error.classify() {
        serde_json::error::Category::Data => misshapen::<T>(bytes, &error),
        _ => ApiError::invalid("invalid_json", format!("the body is not JSON: {error}")),
    })
}

/// Reads such a body once more, with an account of the place: bodies that are right do without it.
fn misshapen<T: DeserializeOwned>(bytes: &[u8], error: &serde_json::Error) -> ApiError {
    let what = "the body does not have the expected shape";
    let at = format!("line {} column {}", error.line(), error.column());
    let mut json = serde_json::Deserializer::from_slice(bytes);
    let Err(placed) = serde_path_to_error::deserialize::<_, T>(&mut json) else {
        return ApiError::invalid("invalid_body", format!("{what}: {error}"));
    };
    let said = mistake::words(placed.inner());
    match mistake::place("", placed.path()) {
        field if field.is_empty() => ApiError::invalid("invalid_body", format!("{what}: {said} ({at})")),
        field => ApiError::invalid("invalid_body", format!("{what}: `{field}`: {said} ({at})")).param(field),
    }
}

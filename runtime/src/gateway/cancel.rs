//! `POST /v1/sessions/{sid}/cancel`: stops a reply, from any device and at any server.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::{Deserialize, Serialize};

use super::auth::{bearer, check_key, session_claims};
use super::body::{collected, parse};
use super::error::ApiError;
use crate::app::App;
use crate::ids::SessionId;
use crate::session::Cancelled;

/// Which reply; without a turn, the one that is being made.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelRequest {
    turn: Option<u64>,
}

#[derive(Debug, Serialize)]
struct CancelResponse {
    turn: Option<u64>,
    /// `ended`, `ending` while its end is not committed yet, or `idle` when no reply was being made.
    state: &'static str,
}

/// Stops a reply. To stop one again has no effect.
///
/// # Errors
/// 401 for whoever has neither an API key nor a token of the session, 404 for a session or turn that does not exist, 503
/// while the store does not answer.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    Path(sid): Path<String>,
    request: Request,
) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let id = sid.parse::<SessionId>().map_err(ApiError::from);
    authorise(&app, &head.headers, id.as_ref().ok()).await?;
    let id = id?;
    let body = collected(body).await?;
    let CancelRequest { turn } = if body.is_empty() { CancelRequest::default() } else { parse(&body)? };
    let (status, turn, state) = match app.sessions.cancel(&id, turn).await? {
        Cancelled::Ended(turn) => (StatusCode::OK, Some(turn), "ended"),
        Cancelled::Ending(turn) => (StatusCode::ACCEPTED, Some(turn), "ending"),
        Cancelled::Idle => (StatusCode::OK, None, "idle"),
    };
    Ok((status, Json(CancelResponse { turn, state })).into_response())
}

/// Applications by their API key, as they post messages; people by a token of the session, from any of their devices. A
/// token of another session learns nothing of this one.
async fn authorise(app: &App, headers: &HeaderMap, id: Option<&SessionId>) -> Result<(), ApiError> {
    let refused = match check_key(&app.config, headers) {
        Ok(()) => return Ok(()),
        Err(refused) => refused,
    };
    // Tokens have three parts, keys hardly ever.
    if bearer(headers).is_none_or(|bearer| bearer.split('.').count() != 3) {
        return Err(refused);
    }
    let claims = session_claims(app, headers)?;
    let Some(id) = id.filter(|id| **id == claims.sid) else {
        let message = "this token is of another session";
        return Err(ApiError::new(StatusCode::NOT_FOUND, "session_not_found", message).param("sid"));
    };
    let position = app.sessions.position(id).await?;
    Ok(position.admit(claims.generation)?)
}

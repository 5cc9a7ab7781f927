//! `POST /v1/sessions`, `POST /v1/reconnect`, `GET /v1/diff`.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::{Extension, Json};
use rolecall_wire::frame::{Message, Network};
use serde::{Deserialize, Serialize};

use super::auth::session_claims;
use super::body::JsonBody;
use super::error::ApiError;
use super::peer::Peer;
use super::query::Parameters;
use crate::app::App;
use crate::ids::{Epoch, Seq};
use crate::session::Stand;

/// The most messages of one page of `GET /v1/diff`.
const MAX_PAGE: u64 = 1_000;

/// Messages of a page when the caller does not say.
const DEFAULT_PAGE: u64 = 500;

/// The longest `user`, in bytes.
const MAX_USER_BYTES: usize = 256;

/// `POST /v1/sessions`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateRequest {
    role: String,
    /// The client's network type; it is told again, and kept up to date, when a connection opens.
    #[serde(default, rename = "network")]
    _network: Option<Network>,
    #[serde(default)]
    user: String,
}

/// Not `Debug`: it holds the token.
#[derive(Serialize)]
struct CreateResponse {
    session_id: String,
    session_token: String,
    next_sequence_id: Seq,
    epoch: Epoch,
    ws_url: String,
}

/// Opens a session for a role.
///
/// # Errors
/// Unknown and refused roles, a store that does not write.
pub(super) async fn create(
    State(app): State<Arc<App>>,
    peer: Option<Extension<Peer>>,
    headers: HeaderMap,
    JsonBody(request): JsonBody<CreateRequest>,
) -> Result<Response, ApiError> {
    if request.user.len() > MAX_USER_BYTES {
        let message = format!("`user` has {} bytes; at most {MAX_USER_BYTES} are kept", request.user.len());
        return Err(ApiError::invalid("user_too_long", message).param("user"));
    }
    if app.contracts.get(&request.role).is_none() {
        return Err(ApiError::no_role(&app.contracts, &request.role, "role"));
    }
    let created = app.sessions.create(&request.role, &request.user).await?;
    let session_token = app.tokens.issue(&created.id, &request.role, created.epoch)?;
    let body = CreateResponse {
        session_id: created.id.to_string(),
        session_token,
        next_sequence_id: created.next_seq,
        epoch: created.epoch,
        ws_url: ws_url(&app, peer.is_some_and(|Extension(peer)| peer.secure), &headers),
    };
    Ok((StatusCode::CREATED, Json(body)).into_response())
}

/// The WebSocket address, by the name that the caller used. What a proxy says of the scheme is believed of anybody: it
/// is the caller's own answer that it changes.
fn ws_url(app: &App, secure: bool, headers: &HeaderMap) -> String {
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let host = host.map_or_else(|| app.config.listen.to_string(), str::to_owned);
    let secure = secure || headers.get("x-forwarded-proto").is_some_and(|proto| proto.as_bytes() == b"https");
    format!("{}://{host}/v1/session", if secure { "wss" } else { "ws" })
}

/// `POST /v1/reconnect`. Not `Debug`: it holds the token.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ReconnectRequest {
    session_token: String,
    last_sequence_id: Seq,
    /// The epoch that it belongs to; 0 when the client does not know one.
    #[serde(default)]
    epoch: Epoch,
}

#[derive(Debug, Serialize)]
struct ReconnectResponse {
    session_id: String,
    epoch: Epoch,
    next_sequence_id: Seq,
    /// Whether the client can go on without a hole: it has everything, or `missing` has the rest.
    resumed: bool,
    /// Whether the client has messages that the store lost. An epoch has begun since, or begins when it attaches.
    regressed: bool,
    /// The first message that the client has otherwise: the store lost it, and another has its number
    /// now. The client forgets what it has from there on.
    forked_at: Option<Seq>,
    missing: Option<Missing>,
}

#[derive(Debug, Serialize)]
struct Missing {
    from: Seq,
    to: Seq,
    url: String,
}

/// Tells a returning client where it stands, and which messages it missed.
///
/// # Errors
/// 401 for a bad, expired or replayed token, 404 for a session that is gone, 400 for a place that is impossible.
pub(super) async fn reconnect(
    State(app): State<Arc<App>>,
    JsonBody(request): JsonBody<ReconnectRequest>,
) -> Result<Response, ApiError> {
    let claims = app.tokens.verify(&request.session_token)?;
    let client = (request.epoch, request.last_sequence_id);
    let (position, stand) = app.sessions.stand(&claims.sid, client).await?;
    position.admit(claims.generation)?;
    position.check(request.epoch, request.last_sequence_id)?;
    let forked_at = if let Stand::Forked(first) = stand { Some(first) } else { None };
    let last = forked_at.map_or(request.last_sequence_id, |first| first.saturating_sub(1));
    let from = last.saturating_add(1).max(position.floor.saturating_add(1));
    let missing =
        (from <= position.head).then(|| Missing { from, to: position.head, url: format!("/v1/diff?from={from}") });
    let body = ReconnectResponse {
        session_id: claims.sid.to_string(),
        epoch: position.epoch,
        next_sequence_id: position.head.saturating_add(1),
        resumed: stand == Stand::Here && last >= position.floor,
        regressed: matches!(stand, Stand::Lost | Stand::Ahead),
        forked_at,
        missing,
    };
    Ok(Json(body).into_response())
}

/// Sequence ids that never come.
#[derive(Debug, PartialEq, Eq, Serialize)]
struct Hole {
    from: Seq,
    to: Seq,
}

/// The holes in messages that begin with `from`; without any, nothing up to the head comes.
fn holes(from: Seq, messages: &[Message], head: Seq) -> Vec<Hole> {
    if messages.is_empty() && from <= head {
        return vec![Hole { from, to: head }];
    }
    let mut next = from;
    let mut holes = Vec::new();
    for message in messages {
        if message.seq > next {
            holes.push(Hole { from: next, to: message.seq.saturating_sub(1) });
        }
        next = message.seq.saturating_add(1);
    }
    holes
}

#[derive(Debug, Serialize)]
struct DiffResponse {
    session_id: String,
    epoch: Epoch,
    /// The committed messages from `from` on, in order.
    messages: Vec<Message>,
    /// Sequence ids among these that never come: the store lost them.
    skipped: Vec<Hole>,
    /// Where the next page begins; null at the end.
    next: Option<Seq>,
    /// The sequence id of the last committed message.
    head: Seq,
}

/// A page of committed messages.
///
/// # Errors
/// 401 for a bad or replayed token, 410 when the messages asked for are no longer kept.
pub(super) async fn diff(
    State(app): State<Arc<App>>,
    headers: HeaderMap,
    query: Parameters,
) -> Result<Response, ApiError> {
    let claims = session_claims(&app, &headers)?;
    query.only(&["from", "limit"])?;
    let from = query.number("from", &(0..=Seq::MAX))?.unwrap_or(1).max(1);
    let limit = query.number("limit", &(1..=MAX_PAGE))?.unwrap_or(DEFAULT_PAGE);
    let limit = usize::try_from(limit).unwrap_or(usize::MAX);
    let position = app.sessions.position(&claims.sid).await?;
    position.admit(claims.generation)?;
    if from <= position.floor {
        let message = format!("messages up to {} are no longer kept; ask from {}", position.floor, position.floor + 1);
        return Err(ApiError::new(StatusCode::GONE, "log_trimmed", message).param("from"));
    }
    let messages = app.sessions.read(&claims.sid, from, limit).await?;
    let last = messages.last().map_or(0, |message| message.seq);
    let body = DiffResponse {
        session_id: claims.sid.to_string(),
        epoch: position.epoch,
        next: (last < position.head && !messages.is_empty()).then(|| last + 1),
        // What was committed since the position was read counts.
        head: position.head.max(last),
        skipped: holes(from, &messages, position.head),
        messages,
    };
    Ok(Json(body).into_response())
}

#[cfg(test)]
mod tests {
    use rolecall_wire::frame::Body;

    use super::*;

    // Fails when a page passes over what the store lost without naming it.
    #[test]
    fn holes_of_a_page_are_named() {
        let message = |seq| Message { seq, turn: 1, at_ms: 1, body: Body::Delta { text: "x".into() } };
        let page = [message(3), message(4), message(7)];
        assert_eq!(holes(2, &page, 9), [Hole { from: 2, to: 2 }, Hole { from: 5, to: 6 }]);
        assert_eq!(holes(3, &page[..2], 9), []);
        assert_eq!(holes(8, &[], 9), [Hole { from: 8, to: 9 }]);
        assert_eq!(holes(10, &[], 9), []);
    }
}

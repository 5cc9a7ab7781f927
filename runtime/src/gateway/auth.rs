//! Who may call: API keys for applications, session tokens for clients, and nobody's web page.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::uri::Authority;
use axum::http::{HeaderMap, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use super::error::ApiError;
use super::token::Claims;
use crate::app::App;
use crate::config::{Config, is_loopback_name};

/// Requires an API key where keys are configured.
pub(super) async fn require_key(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    match check_key(&app.config, request.headers()) {
        Ok(()) => next.run(request).await,
        Err(error) => error.into_response(),
    }
}

/// Without keys, a server on loopback answers only those who call it by a loopback name. A web page
/// that points its own name at 127.0.0.1 (DNS rebinding) is refused.
pub(super) async fn require_local_name(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let open = app.config.api_keys.is_empty() && !app.config.insecure;
    if open && !names_loopback(&request) {
        let message =
            "without API keys this server answers only to localhost; set ROLECALL_API_KEYS to call it by other names";
        return ApiError::new(StatusCode::FORBIDDEN, "foreign_host", message).into_response();
    }
    next.run(request).await
}

/// The claims of the session token in `Authorization: Bearer`.
///
/// # Errors
/// 401 when there is none, or a bad one.
pub(crate) fn session_claims(app: &App, headers: &HeaderMap) -> Result<Claims, ApiError> {
    Ok(app.tokens.verify(session_token(headers)?)?)
}

/// The same for a request of a connection that is open, which its token need not outlive.
///
/// # Errors
/// 401 when there is none, or a bad one.
pub(crate) fn open_claims(app: &App, headers: &HeaderMap) -> Result<Claims, ApiError> {
    Ok(app.tokens.verify_open(session_token(headers)?)?)
}

fn session_token(headers: &HeaderMap) -> Result<&str, ApiError> {
    bearer(headers).ok_or_else(|| {
        let message = "send the session token as `Authorization: Bearer TOKEN`";
        ApiError::new(StatusCode::UNAUTHORIZED, "token_missing", message)
    })
}

/// Whether a caller has shown one of the server's API keys.
pub(super) fn has_key(config: &Config, headers: &HeaderMap) -> bool {
    key(headers).is_some_and(|given| is_known(config, given))
}

/// Whether a caller may do what applications may: with one of the API keys, or anybody where there are none.
///
/// # Errors
/// 401.
pub(super) fn check_key(config: &Config, headers: &HeaderMap) -> Result<(), ApiError> {
    if config.api_keys.is_empty() {
        return Ok(());
    }
    let Some(given) = key(headers) else {
        let message = "send an API key as `Authorization: Bearer KEY` or `x-api-key: KEY`";
        return Err(ApiError::new(StatusCode::UNAUTHORIZED, "api_key_missing", message));
    };
    if is_known(config, given) {
        return Ok(());
    }
    Err(ApiError::new(StatusCode::UNAUTHORIZED, "api_key_invalid", "the API key is not one of this server's"))
}

/// Digests compare in constant time, and every key is compared, so that the time tells nothing.
fn is_known(config: &Config, given: &str) -> bool {
    let given = blake3::hash(given.as_bytes());
    config.api_keys.iter().fold(false, |known, key| (blake3::hash(key.reveal().as_bytes()) == given) | known)
}

fn key(headers: &HeaderMap) -> Option<&str> {
    bearer(headers).or_else(|| api_key(headers))
}

/// What stands behind `Bearer`.
pub(super) fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, rest) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| rest.trim()).filter(|token| !token.is_empty())
}

/// Where older clients of Anthropic's put the key.
fn api_key(headers: &HeaderMap) -> Option<&str> {
    headers.get("x-api-key")?.to_str().ok().map(str::trim).filter(|key| !key.is_empty())
}

fn names_loopback(request: &Request) -> bool {
    let in_header = request.headers().get(header::HOST).and_then(|value| value.to_str().ok());
    let Some(authority) = request.uri().authority().map(Authority::as_str).or(in_header) else {
        // HTTP/1.0 and in-process callers; browsers always send one.
        return true;
    };
    let Ok(authority) = authority.parse::<Authority>() else { return false };
    is_loopback_name(authority.host())
}

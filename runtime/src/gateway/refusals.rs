//! Who was kept out, counted by reason.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::Response;

use super::error::ApiError;
use crate::app::App;

/// The errors that keep somebody out, by their codes: origins, names, keys, tokens, limits. What is wrong with a request
/// is none of them, and neither is a busy server. Connections that end before a request are counted where they
/// end; those that end after an upgrade are in `close_total`.
const REASONS: &[&str] = &[
    "foreign_origin",
    "foreign_host",
    "api_key_missing",
    "api_key_invalid",
    "token_missing",
    "token_invalid",
    "token_expired",
    "token_key_unknown",
    "token_refused",
    "token_replayed",
    "forward_unproven",
    "too_many_requests",
    "too_many_resumes",
    "body_too_large",
    "body_timeout",
];

/// Counts the answer, if it is one of them.
pub(super) async fn count(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let response = next.run(request).await;
    let error = response.extensions().get::<ApiError>();
    if let Some(reason) = error.and_then(|error| REASONS.iter().find(|reason| **reason == error.code())) {
        app.metrics.refused(reason);
    }
    response
}

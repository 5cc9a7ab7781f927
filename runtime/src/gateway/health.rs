//! `/`, `/healthz`, `/readyz`, `/metrics`.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

use super::error::ApiError;
use super::routes;
use crate::app::App;
use crate::ids::SessionId;

/// What this server is and where to go on.
pub(super) async fn index(State(app): State<Arc<App>>) -> Response {
    let roles: Vec<String> = app.contracts.list().iter().map(|contract| contract.name.clone()).collect();
    let endpoints: Vec<String> =
        routes::table().iter().map(|route| format!("{} {}", route.method, route.path)).collect();
    Json(json!({
        "name": "rolecall",
        "version": env!("CARGO_PKG_VERSION"),
        "roles": roles,
        "endpoints": endpoints,
    }))
    .into_response()
}

/// The process answers.
pub(super) async fn healthz() -> Response {
    Json(json!({"status": "ok"})).into_response()
}

/// Whether sessions can be served: contracts are in force, the store reads and writes, no shutdown runs.
///
/// # Errors
/// 503 with what is missing.
pub(super) async fn readyz(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    let unready = |code: &str, message: &str| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, code, message);
    if app.shutdown.signal().is_cancelled() || !app.sessions.is_open() {
        return Err(unready("shutting_down", "the server is shutting down"));
    }
    if app.contracts.list().is_empty() {
        return Err(unready("no_contracts", "no contract is in force; `rolecall verify` shows why"));
    }
    app.store.healthy()?;
    let probe = SessionId::random().map_err(|error| unready("no_randomness", &error.to_string()))?;
    app.store.session(&probe).await?;
    Ok(Json(json!({"status": "ready"})).into_response())
}

/// Prometheus metrics.
///
/// # Errors
/// Never in practice.
pub(super) async fn metrics(State(app): State<Arc<App>>) -> Result<Response, ApiError> {
    // Nobody looks at a message when it expires; how old it was is not known any more, save that it waited.
    for _ in 0..app.store.take_expired() {
        app.metrics.offline("batch", "expired");
    }
    let text = app
        .metrics
        .render()
        .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "metrics_unavailable", error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

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
use crate::store::Store;

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

/// Random sessions of which one is looked for whose part of the store is well: some is found while one part in a hundred is.
const PROBES: usize = 256;

/// Whether sessions can be served: contracts are in force, the store reads and writes, no shutdown runs. A store on several
/// servers may do so for a part of the sessions only: `degraded`, and no reason to take this server out of a balancer,
/// since every other one sees the same.
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
    let probe = probe(&*app.store)?;
    app.store.session(&probe).await?;
    Ok(Json(match app.store.healthy() {
        Ok(()) => json!({"status": "ready"}),
        Err(error) => json!({"status": "degraded", "message": ApiError::from(error).message()}),
    })
    .into_response())
}

/// A session that does not exist, and that the store would serve.
fn probe(store: &dyn Store) -> Result<SessionId, ApiError> {
    let mut outcome = Ok(());
    for _ in 0..PROBES {
        let id = SessionId::random()
            .map_err(|error| ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "no_randomness", error.to_string()))?;
        outcome = store.serves(&id);
        if outcome.is_ok() {
            return Ok(id);
        }
    }
    outcome?;
    Err(ApiError::new(
        StatusCode::SERVICE_UNAVAILABLE,
        "store_unavailable",
        "no part of the store was found that is well",
    ))
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
    app.metrics.store().is_up(app.store.healthy().is_ok());
    let text = app
        .metrics
        .render()
        .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "metrics_unavailable", error.to_string()))?;
    Ok(([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], text).into_response())
}

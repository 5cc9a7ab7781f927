//! `GET /v1/traces/{id}`: why a reply is as it is.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;

use super::error::ApiError;
use crate::app::App;
use crate::enforce::Trace;
use crate::telemetry::traces;

/// The trace of a reply.
///
/// # Errors
/// 404 when no rule acted on such a reply, or its trace has made room for newer ones.
pub(super) async fn one(State(app): State<Arc<App>>, Path(id): Path<String>) -> Result<Json<Trace>, ApiError> {
    match traces::find(&app.config.data, &id).await {
        Ok(Some(trace)) => Ok(Json(trace)),
        Ok(None) => Err(ApiError::new(StatusCode::NOT_FOUND, "no_such_trace", traces::absent(&id)).param("id")),
        Err(error) => {
            tracing::error!(%error, "the traces cannot be read");
            let message = "the traces cannot be read; see the server's log";
            Err(ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "traces_unreadable", message))
        }
    }
}

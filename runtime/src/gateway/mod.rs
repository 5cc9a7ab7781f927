//! HTTP: routes, who may call them, and the one shape of every error.
//!
//! Applications authenticate by API key, clients by session token; `/`, `/healthz` and `/readyz`
//! are open. What is not served is answered with a typed error, never with silence.

mod auth;
mod body;
mod chat;
mod completion;
mod error;
mod health;
mod held;
mod messages;
mod models;
mod serve;
mod sessions;
mod timestamp;
pub mod token;
mod traces;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::from_fn_with_state;
use axum::routing::{get, post};

use crate::app::App;
use crate::connection;

pub use body::MAX_BODY_BYTES;
pub use error::ApiError;
pub use serve::serve;

/// Every route.
pub fn router(app: Arc<App>) -> Router {
    let keyed = Router::new()
        .route("/v1/sessions", post(sessions::create))
        .route("/v1/sessions/{sid}/messages", post(messages::post))
        .route("/v1/models", get(models::list))
        .route("/v1/models/{role}", get(models::one))
        .route("/v1/chat/completions", post(chat::completions))
        .route("/v1/traces/{id}", get(traces::one))
        .route("/metrics", get(health::metrics))
        .route_layer(from_fn_with_state(Arc::clone(&app), auth::require_key));
    let by_token = Router::new()
        .route("/v1/session", get(connection::upgrade))
        .route("/v1/reconnect", post(sessions::reconnect))
        .route("/v1/diff", get(sessions::diff));
    let open = Router::new()
        .route("/", get(health::index))
        .route("/healthz", get(health::healthz))
        .route("/readyz", get(health::readyz));
    keyed
        .merge(by_token)
        .merge(open)
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_route)
        .layer(from_fn_with_state(Arc::clone(&app), auth::require_local_name))
        .with_state(app)
}

async fn no_route(uri: Uri) -> ApiError {
    let message = format!("there is nothing at {}; GET / lists the endpoints", uri.path());
    ApiError::new(StatusCode::NOT_FOUND, "no_such_endpoint", message)
}

async fn wrong_method(method: Method, uri: Uri) -> ApiError {
    let message = format!("{} does not take {method}; GET / lists the endpoints", uri.path());
    ApiError::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", message)
}

#[cfg(test)]
mod tests;

//! HTTP: routes, who may call them, and the one shape of every error.
//!
//! Applications authenticate by API key, clients by session token; `/`, `/healthz` and `/readyz`
//! are open. What is not served is answered with a typed error, never with silence.
//!
//! What comes in passes [`mod@serve`] (limits of its address, TLS, deadlines), then the layers of [`router`]: who is kept
//! out is counted, foreign web pages are told so, requests are rationed by address, keys are asked for.

mod anthropic;
mod auth;
mod body;
mod cancel;
mod chat;
mod completion;
mod dialect;
mod error;
mod forward;
mod health;
mod held;
mod jobs;
mod limits;
mod messages;
mod mistake;
mod models;
mod openapi;
mod origins;
mod peer;
mod query;
mod refusals;
mod responses;
mod routes;
mod seen;
mod serve;
mod sessions;
mod timestamp;
pub mod tls;
pub mod token;
mod traces;
mod turned_away;

use std::sync::Arc;

use axum::Router;
use axum::http::{Method, StatusCode, Uri};
use axum::middleware::{from_fn, from_fn_with_state};

use crate::app::App;

pub(crate) use auth::open_claims;
pub use body::MAX_BODY_BYTES;
pub(crate) use body::{JsonBody, any_json, collected};
pub(crate) use completion::{event_line, event_stream};
pub use error::ApiError;
pub(crate) use forward::Onward;
pub use forward::{ForwardError, Forwarder};
pub use limits::Allowances;
pub(crate) use query::Parameters;
pub use serve::serve;

/// Everything that is served, and an answer for everything else.
pub fn router(app: Arc<App>) -> Router {
    routes::router(&app)
        .method_not_allowed_fallback(wrong_method)
        .fallback(no_route)
        .layer(from_fn_with_state(Arc::clone(&app), limits::ration))
        .layer(from_fn_with_state(Arc::clone(&app), forward::admit))
        .layer(from_fn_with_state(Arc::clone(&app), auth::require_local_name))
        // Around all that refuses: a page must be able to read why.
        .layer(origins::cors(&app))
        .layer(from_fn_with_state(Arc::clone(&app), origins::judge_preflight))
        .layer(from_fn_with_state(Arc::clone(&app), refusals::count))
        .layer(from_fn(dialect::errors))
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

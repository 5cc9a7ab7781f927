//! `GET /openapi.json`: every route described, for people and for generators of clients.

use axum::http::header;
use axum::response::{IntoResponse, Response};

/// The description, OpenAPI 3.1.
pub(super) const DOCUMENT: &str = include_str!("openapi.json");

/// The description.
pub(super) async fn document() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT).into_response()
}

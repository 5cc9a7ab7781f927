//! `GET /v1/models`: the roles, in a shape that OpenAI's and Anthropic's clients both read.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use rolecall_dsl::Contract;
use serde_json::{Value, json};

use super::error::ApiError;
use super::timestamp;
use crate::app::App;

/// Every role in force, on one page.
pub(super) async fn list(State(app): State<Arc<App>>) -> Response {
    let data: Vec<Value> = app.contracts.list().iter().map(|contract| model(&app, contract)).collect();
    let id = |model: Option<&Value>| model.and_then(|model| model.get("id")).cloned().unwrap_or_default();
    let (first, last) = (id(data.first()), id(data.last()));
    let page = json!({"object": "list", "data": data, "has_more": false, "first_id": first, "last_id": last});
    Json(page).into_response()
}

/// One role.
///
/// # Errors
/// 404 for unknown roles, 503 for refused ones.
pub(super) async fn one(State(app): State<Arc<App>>, Path(role): Path<String>) -> Result<Response, ApiError> {
    match app.contracts.get(&role) {
        Some(contract) => Ok(Json(model(&app, &contract)).into_response()),
        None => Err(ApiError::no_role(&app.contracts, &role, "model")),
    }
}

fn model(app: &App, contract: &Contract) -> Value {
    let mut model = json!({
        "id": contract.name,
        "object": "model",
        "created": app.started_at,
        "owned_by": "rolecall",
        "type": "model",
        "display_name": contract.name,
        "created_at": timestamp::rfc3339(app.started_at),
        "lifecycle": "active",
        "version": contract.version.to_string(),
        "description": contract.doc,
        "contract": contract.digest,
    });
    // The file says something else than what is in force.
    if let (Some(fields), Some(reason)) = (model.as_object_mut(), app.contracts.waiting(&contract.name)) {
        fields.insert("change_refused".to_owned(), json!(&*reason));
    }
    model
}

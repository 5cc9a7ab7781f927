//! `POST /v1/sessions/{sid}/messages`, `GET …/messages/{biz_id}`: messages for people who may be away.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use rolecall_plugin_host::OfflineMessage;
use serde::{Deserialize, Serialize};

use super::body::JsonBody;
use super::error::ApiError;
use super::timestamp;
use crate::app::App;
use crate::clock;
use crate::ids::{Seq, SessionId};
use crate::session::{MessageStanding, Posted};

/// The longest id, role and intent, in bytes.
const MAX_NAME_BYTES: usize = 128;

/// The longest text, in bytes.
const MAX_TEXT_BYTES: usize = 64 * 1_024;

/// A message as an application posts it.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct PostRequest {
    biz_id: String,
    #[serde(default)]
    role: String,
    #[serde(default)]
    intent: String,
    #[serde(default)]
    priority: Priority,
    #[serde(default)]
    turn_id: u64,
    text: String,
    #[serde(default)]
    created_at: Option<timestamp::Given>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Priority {
    Low,
    #[default]
    Normal,
    High,
}

#[derive(Debug, Serialize)]
struct MessageResponse {
    biz_id: String,
    /// Of a post `queued` for a new message, `waiting` for one that was posted before, `delivered`; later `pending`,
    /// `processed`, `acknowledged`.
    state: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    sequence_id: Option<Seq>,
}

/// Takes a message for delivery, once per `biz_id`.
///
/// # Errors
/// Fields that are missing, empty or too long; sessions that do not exist; full inboxes; texts that
/// the contract forbids.
pub(super) async fn post(
    State(app): State<Arc<App>>,
    Path(sid): Path<String>,
    JsonBody(request): JsonBody<PostRequest>,
) -> Result<Response, ApiError> {
    let sid: SessionId = sid.parse()?;
    let message = request.into_message()?;
    let biz_id = message.biz_id.clone();
    let (status, state, sequence_id) = match app.sessions.post(&sid, message).await? {
        Posted::Queued => (StatusCode::ACCEPTED, "queued", None),
        Posted::Waiting => (StatusCode::ACCEPTED, "waiting", None),
        Posted::Delivered(seq) => (StatusCode::OK, "delivered", Some(seq)),
    };
    Ok((status, Json(MessageResponse { biz_id, state, sequence_id })).into_response())
}

/// Says how a posted message stands.
///
/// # Errors
/// 404 for one that is not known.
pub(super) async fn get(
    State(app): State<Arc<App>>,
    Path((sid, biz_id)): Path<(String, String)>,
) -> Result<Response, ApiError> {
    let (state, sequence_id) = match app.sessions.standing(&sid.parse()?, &biz_id).await? {
        MessageStanding::Pending => ("pending", None),
        MessageStanding::Processed(seq) => ("processed", seq),
        MessageStanding::Acknowledged(seq) => ("acknowledged", Some(seq)),
    };
    Ok(Json(MessageResponse { biz_id, state, sequence_id }).into_response())
}

impl PostRequest {
    fn into_message(self) -> Result<OfflineMessage, ApiError> {
        bounded("biz_id", &self.biz_id, 1, MAX_NAME_BYTES)?;
        bounded("role", &self.role, 0, MAX_NAME_BYTES)?;
        bounded("intent", &self.intent, 0, MAX_NAME_BYTES)?;
        bounded("text", &self.text, 1, MAX_TEXT_BYTES)?;
        if self.text.trim().is_empty() {
            return Err(ApiError::invalid("invalid_field", "`text` is blank; say something").param("text"));
        }
        let created_at_ms = match self.created_at {
            Some(given) => given.unix_ms().map_err(|message| {
                ApiError::invalid("invalid_field", format!("`created_at`: {message}")).param("created_at")
            })?,
            None => clock::unix_ms(),
        };
        Ok(OfflineMessage {
            biz_id: self.biz_id,
            role: self.role,
            intent: self.intent,
            priority: match self.priority {
                Priority::Low => 0,
                Priority::Normal => 1,
                Priority::High => 2,
            },
            turn_id: self.turn_id,
            text: self.text,
            created_at_ms,
        })
    }
}

fn bounded(field: &str, value: &str, least: usize, most: usize) -> Result<(), ApiError> {
    if (least..=most).contains(&value.len()) {
        return Ok(());
    }
    let message = format!("`{field}` has {} bytes; write {least} to {most}", value.len());
    Err(ApiError::invalid("invalid_field", message).param(field))
}

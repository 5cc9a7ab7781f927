use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::extract::{FromRequest, Request, State};
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rolecall_wire::frame::{ClientFrame, Network};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::elsewhere;
use super::links::{Entry, no_connection};
use crate::app::App;
use crate::connection::link::Received;
use crate::gateway::{ApiError, JsonBody, Parameters, any_json, collected, open_claims};
use crate::store::Node;

/// Frames of one request.
const FRAMES: usize = 64;
/// Bytes of a request: a frame of the largest size, and what stands around it.
const MAX_BYTES: usize = rolecall_wire::limits::MAX_PAYLOAD + 1_024;
/// How long a request waits until its frames are taken in.
const PATIENCE: Duration = Duration::from_secs(10);

/// `POST /v1/heartbeat`.
#[derive(Debug, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HeartbeatRequest {
    connection: String,
    #[serde(default)]
    ack: u64,
    #[serde(default)]
    sent_ms: u64,
    network: Option<Network>,
}

/// `POST /v1/session/frames?connection=ID`: what the client says, a frame or a list of frames, in order.
///
/// # Errors
/// 400 when something is no frame, which ends the connection (`PROTOCOL.md` §2.6); 404 when it has ended: nothing was
/// taken in then, or what was is repeated harmlessly; 502 and 504 when another server has it, and does not answer.
pub(crate) async fn frames(
    State(app): State<Arc<App>>,
    query: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    query.only(&["connection"])?;
    let connection = query.required("connection", "the name that the connection was given")?;
    let claims = open_claims(&app, request.headers())?;
    if let Some(carrier) = app.forwarder.carrier(connection, request.extensions())? {
        return frames_elsewhere(&app, &carrier, connection, request).await;
    }
    let entry = app.links.find(connection, &claims)?;
    // Before anything of it is read: JSON takes many times its bytes.
    let _taking = Arc::clone(&entry.taking).try_acquire_owned().map_err(|_taken| busy())?;
    bounded(request.headers())?;
    let body = any_json(request).await?;
    let frames = match body {
        Value::Array(frames) => frames,
        frame => vec![frame],
    };
    if frames.is_empty() || frames.len() > FRAMES {
        let message = format!("a request has 1 to {FRAMES} frames, this one {}", frames.len());
        return Err(ApiError::invalid("bad_frames", message));
    }
    let taken = frames.len();
    let wrong = frames.iter().enumerate().find_map(|(at, frame)| Some((at, ClientFrame::deserialize(frame).err()?)));
    if let Some((at, error)) = wrong {
        // The connection ends by it as any other does, and hears nothing of what stands behind it.
        take(&entry, frames.into_iter().take(at + 1).collect()).await?;
        let message =
            format!("item {} of {taken} is no frame: {:.200}; it ends the connection", at + 1, error.to_string());
        return Err(ApiError::invalid("bad_frame", message));
    }
    take(&entry, frames).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"taken": taken}))).into_response())
}

/// What is said on a connection of another server goes there as it is, and is judged there.
async fn frames_elsewhere(app: &App, carrier: &Node, connection: &str, request: Request) -> Result<Response, ApiError> {
    bounded(request.headers())?;
    let (head, body) = request.into_parts();
    let body = collected(body).await?.into();
    let path = format!("/v1/session/frames?connection={connection}");
    elsewhere(app, carrier, Method::POST, path, &head.headers, Some(body), PATIENCE).await
}

fn bounded(headers: &HeaderMap) -> Result<(), ApiError> {
    let length = headers.get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_none_or(|length: usize| length > MAX_BYTES) {
        let message = format!("say the length of the body (`Content-Length`), at most {MAX_BYTES} bytes");
        return Err(ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", message));
    }
    Ok(())
}

/// `POST /v1/heartbeat`: a `ClientBeat` (`PROTOCOL.md` §6.3), for clients that send nothing else.
///
/// # Errors
/// As for [`frames()`].
pub(crate) async fn heartbeat(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let (head, body) = request.into_parts();
    let request = Request::from_parts(head.clone(), body);
    let JsonBody(beat) = JsonBody::<HeartbeatRequest>::from_request(request, &()).await?;
    let claims = open_claims(&app, &head.headers)?;
    if let Some(carrier) = app.forwarder.carrier(&beat.connection, &head.extensions)? {
        let (path, body) = ("/v1/heartbeat".to_owned(), json!(beat).to_string().into());
        return elsewhere(&app, &carrier, Method::POST, path, &head.headers, Some(body), PATIENCE).await;
    }
    let HeartbeatRequest { connection, ack, sent_ms, network } = beat;
    let entry = app.links.find(&connection, &claims)?;
    let beat = json!({"type": "beat", "ack": ack, "sent_ms": sent_ms, "network": network});
    take(&entry, vec![beat]).await?;
    Ok((StatusCode::ACCEPTED, Json(json!({"taken": 1}))).into_response())
}

async fn take(entry: &Entry, frames: Vec<Value>) -> Result<(), ApiError> {
    let taking = async {
        for frame in frames {
            entry.incoming.send(Received::Text(frame.to_string().into())).await.map_err(|_over| no_connection())?;
        }
        Ok(())
    };
    tokio::time::timeout(PATIENCE, taking).await.map_err(|_elapsed| busy())?
}

fn busy() -> ApiError {
    let message = "frames of this connection are being taken in; send these again, one request at a time";
    ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "busy", message).retry_after(Some(Duration::from_secs(1)))
}

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{Outgoing, Started, start};
use crate::app::App;
use crate::connection::handshake;
use crate::gateway::ApiError;

/// `GET /v1/session/events?last_seq=N&epoch=E&network=4g`: the session's frames as server-sent events (WHATWG
/// HTML §9.2), the first of which names the connection for [`frames`](super::frames()).
///
/// # Errors
/// As for the upgrade.
pub(crate) async fn events(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let Started { id, said } = start(&app, handshake::hello(&request)?).await?;
    let opening = format!("event: open\ndata: {}\n\n", json!({"connection": id}));
    let said = stream::unfold(said, |mut said| async move { said.recv().await.map(|next| (event(next), said)) });
    let body = stream::iter([opening]).chain(said).map(|event| Ok::<_, std::convert::Infallible>(Bytes::from(event)));
    let mut response = Response::new(Body::from_stream(body));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Tells nginx not to collect the stream.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// JSON has no line ends, so that a frame is one line.
fn event(said: Outgoing) -> String {
    match said {
        Outgoing::Frame(frame, _room) => format!("data: {frame}\n\n"),
        Outgoing::Ping => ":\n\n".to_owned(),
        Outgoing::Close(close) => format!("event: close\ndata: {}\n\n", json!(close)),
    }
}

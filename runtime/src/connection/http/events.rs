use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::response::Response;
use bytes::Bytes;
use futures_util::{StreamExt, stream};
use serde_json::json;

use super::{Outgoing, Started, start};
use crate::app::App;
use crate::connection::handshake;
use crate::gateway::{ApiError, event_line, event_stream};

/// `GET /v1/session/events?last_seq=N&epoch=E&network=4g`: the session's frames as server-sent events (WHATWG
/// HTML §9.2), the first of which names the connection for [`frames`](super::frames()).
///
/// # Errors
/// As for the upgrade.
pub(crate) async fn events(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let Started { id, said } = start(&app, handshake::hello(&request)?).await?;
    let opening = event_line(Some("open"), &json!({"connection": id}));
    let said = stream::unfold(said, |mut said| async move { said.recv().await.map(|next| (event(next), said)) });
    let body = stream::iter([opening]).chain(said).map(|event| Ok::<_, std::convert::Infallible>(Bytes::from(event)));
    Ok(event_stream(Body::from_stream(body)))
}

/// A frame is JSON already, which has no line ends.
fn event(said: Outgoing) -> String {
    match said {
        Outgoing::Frame(frame, _room) => format!("data: {frame}\n\n"),
        Outgoing::Ping => ":\n\n".to_owned(),
        Outgoing::Close(close) => event_line(Some("close"), &json!(close)),
    }
}

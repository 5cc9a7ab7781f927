use std::fmt::Write as _;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::{Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;
use tokio::sync::mpsc::Receiver;
use tokio_tungstenite::tungstenite::Bytes;

use super::link::Close;
use super::links::{Polled, no_connection};
use super::{Outgoing, Started, elsewhere, start};
use crate::app::App;
use crate::clock;
use crate::connection::handshake;
use crate::connection::link::Received;
use crate::gateway::{ApiError, Parameters, open_claims};

/// Frames of one answer.
const FRAMES: usize = 64;
/// Bytes after which an answer takes no further frame.
const BYTES: usize = 256 << 10;
/// How long an answer waits for something to say, unless the client says otherwise.
const WAIT: Duration = Duration::from_secs(20);
/// How long it waits at most: shorter than proxies are patient, and than the silence that ends a connection.
const LONGEST_WAIT: Duration = Duration::from_secs(25);

/// What comes within so long goes in one answer.
const GATHER: Duration = Duration::from_millis(5);
/// How often a request counts as a sign of life.
const ALIVE_MS: u64 = 1_000;

/// What an answer says.
#[derive(Debug, Default)]
struct Batch {
    frames: Vec<String>,
    close: Option<Close>,
}

/// `POST /v1/session/poll?last_seq=N&epoch=E&network=4g`: opens a connection whose frames are polled for.
///
/// # Errors
/// As for the upgrade.
pub(crate) async fn open(State(app): State<Arc<App>>, request: Request) -> Result<Response, ApiError> {
    let Started { id, said } = start(&app, handshake::hello(&request)?).await?;
    app.links.polls(&id, said);
    Ok((StatusCode::CREATED, axum::Json(json!({"connection": id}))).into_response())
}

/// `GET /v1/session/poll?connection=ID&wait_ms=N`: the frames since the last answer, as soon as there is one. A
/// newer request of the same connection ends the wait of an older one. An answer that gets lost takes its frames
/// with it: a client whose request fails opens another connection (`PROTOCOL.md` §12).
///
/// # Errors
/// 404 when the connection has ended.
pub(crate) async fn poll(
    State(app): State<Arc<App>>,
    query: Parameters,
    request: Request,
) -> Result<Response, ApiError> {
    query.only(&["connection", "wait_ms"])?;
    let connection = query.required("connection", "the name that the connection was given")?;
    let wait_ms = query.number("wait_ms", &(0..=u64::MAX))?;
    let wait = wait_ms.map_or(WAIT, Duration::from_millis).min(LONGEST_WAIT);
    let claims = open_claims(&app, request.headers())?;
    if let Some(carrier) = app.forwarder.carrier(connection, request.extensions())? {
        let path = format!("/v1/session/poll?connection={connection}&wait_ms={}", wait.as_millis());
        return elsewhere(&app, &carrier, Method::GET, path, request.headers(), None, wait).await;
    }
    let entry = app.links.find(connection, &claims)?;
    if let Some(close) = entry.last_word {
        return Ok(Batch { frames: Vec::new(), close: Some(close) }.response());
    }
    let polled = entry.polled.ok_or_else(|| {
        ApiError::invalid("not_polled", "what this connection says goes out as events; it is not polled for")
    })?;
    // To ask is a sign of life, but no frame: once a second is enough, and many answers are no flood.
    let now = clock::monotonic_ms();
    if now.saturating_sub(polled.alive_ms.load(Ordering::Relaxed)) >= ALIVE_MS {
        polled.alive_ms.store(now, Ordering::Relaxed);
        // Where much waits to be taken in, there are signs enough.
        let _full_or_over = entry.incoming.try_send(Received::Control(Bytes::new()));
    }
    let batch = next(&polled, wait).await?;
    if let Some(close) = &batch.close {
        app.links.told(connection, close.clone());
    }
    Ok(batch.response())
}

/// Waits until there is something to say, for so long and while there is no newer request.
async fn next(polled: &Polled, wait: Duration) -> Result<Batch, ApiError> {
    let mine = polled.requests.fetch_add(1, Ordering::SeqCst) + 1;
    polled.newer.notify_waiters();
    let outdated = async {
        loop {
            // It hears of what comes from here on, before the look.
            let newer = polled.newer.notified();
            if polled.requests.load(Ordering::SeqCst) != mine {
                return;
            }
            newer.await;
        }
    };
    let something = async {
        let mut said = polled.said.lock().await;
        let first = said.recv().await;
        (first, said)
    };
    let (first, mut said) = tokio::select! {
        biased;
        () = outdated => return Ok(Batch::default()),
        () = tokio::time::sleep(wait) => return Ok(Batch::default()),
        something = something => something,
    };
    let first = first.ok_or_else(no_connection)?;
    if !matches!(first, Outgoing::Close(_)) {
        // What comes at the same time goes with it.
        tokio::time::sleep(GATHER).await;
    }
    Ok(Batch::gather(first, &mut said))
}

impl Batch {
    /// What is there already, behind the first.
    fn gather(first: Outgoing, said: &mut Receiver<Outgoing>) -> Self {
        let (mut batch, mut bytes, mut next) = (Self::default(), 0, Some(first));
        while let Some(said_now) = next {
            match said_now {
                Outgoing::Frame(frame, _room) => {
                    bytes += frame.len();
                    batch.frames.push(frame);
                }
                Outgoing::Ping => {}
                Outgoing::Close(close) => {
                    batch.close = Some(close);
                    break;
                }
            }
            let more = batch.frames.len() < FRAMES && bytes < BYTES;
            next = more.then(|| said.try_recv().ok()).flatten();
        }
        batch
    }

    /// Frames are JSON already.
    fn response(self) -> Response {
        let close = json!(self.close);
        let mut body = String::from("{\"frames\":[");
        body.push_str(&self.frames.join(","));
        // Writing to a string cannot fail.
        let _ = write!(body, "],\"close\":{close}}}");
        let headers = [(header::CONTENT_TYPE, "application/json"), (header::CACHE_CONTROL, "no-store")];
        (headers, body).into_response()
    }
}

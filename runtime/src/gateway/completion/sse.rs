//! A body of server-sent events (WHATWG HTML) with trailers behind it.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use hyper::body::Frame;
use serde::Serialize;

/// What is sent when there is nothing to say; clients skip it.
pub(super) const KEEP_ALIVE: &str = ": keep-alive\n\n";

/// What is told instead of an event that cannot be written.
const UNWRITABLE: &str = r#"{"type":"error","error":{"type":"server_error","code":"event_unwritable","message":"an event cannot be written as JSON; see the server's log"}}"#;

/// An event. Surfaces that tell events apart by name give one. The data must be what JSON can always
/// express, such as a [`Value`](serde_json::Value): anything else is logged, and told as an error that the clients
/// of every surface raise.
#[must_use]
pub(crate) fn event_line(name: Option<&str>, data: &impl Serialize) -> String {
    let data = serde_json::to_string(data).unwrap_or_else(|error| {
        tracing::error!(%error, "an event cannot be written as JSON");
        UNWRITABLE.to_owned()
    });
    match name {
        Some(name) => format!("event: {name}\ndata: {data}\n\n"),
        None => format!("data: {data}\n\n"),
    }
}

struct Events(BoxStream<'static, Frame<Bytes>>);

impl hyper::body::Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.0.poll_next_unpin(cx).map(|frame| frame.map(Ok))
    }
}

/// An answer of these frames. Trailers reach those who asked for them (`TE: trailers`).
pub(super) fn response(frames: impl Stream<Item = Frame<Bytes>> + Send + 'static) -> Response {
    event_stream(Body::new(Events(frames.boxed())))
}

/// An answer of events that nobody keeps or collects on its way.
pub(crate) fn event_stream(body: Body) -> Response {
    let mut response = Response::new(body);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    // Tells nginx not to collect the stream.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    response
}

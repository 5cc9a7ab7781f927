//! A reply as server-sent events.

use std::convert::Infallible;

use axum::body::Body;
use axum::http::{HeaderValue, header};
use axum::response::Response;
use bytes::Bytes;
use futures_util::stream;
use serde_json::Value;

use super::shape::Shape;
use super::{Running, finish_reason};
use crate::gateway::error::ApiError;
use crate::session::turn::{TurnEnd, TurnEvent};

/// What is sent next.
enum Phase {
    /// The chunk with the role, then the event that came first.
    Opening(TurnEvent),
    /// Whatever comes.
    Running,
    /// Everything was sent.
    Done,
}

/// Waits for the first event, so that a failure before the first text is an HTTP error, then
/// streams.
pub(super) async fn respond(mut running: Running, shape: Shape) -> Result<Response, ApiError> {
    let first = running.next().await?;
    if let TurnEvent::Ended(end) = &first {
        finish_reason(end)?;
    }
    let events = stream::unfold((running, shape, Phase::Opening(first)), |(mut running, shape, phase)| async move {
        let (text, next) = match phase {
            Phase::Opening(event) => {
                let (text, next) = on_event(&shape, &event);
                (format!("{}{text}", event_line(&shape.opening())), next)
            }
            Phase::Running => match running.next().await {
                Ok(event) => on_event(&shape, &event),
                Err(error) => (event_line(&error.body()), Phase::Done),
            },
            Phase::Done => return None,
        };
        Some((Ok::<_, Infallible>(Bytes::from(text)), (running, shape, next)))
    });
    let mut response = Response::new(Body::from_stream(events));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream; charset=utf-8"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    // Tells nginx not to collect the stream.
    headers.insert("x-accel-buffering", HeaderValue::from_static("no"));
    Ok(response)
}

fn on_event(shape: &Shape, event: &TurnEvent) -> (String, Phase) {
    match event {
        TurnEvent::Released(piece) => (event_line(&shape.piece(piece.get())), Phase::Running),
        TurnEvent::Ended(end) => (ending(shape, end), Phase::Done),
    }
}

/// The end of the stream; after an error no `[DONE]` follows, because nothing was done.
fn ending(shape: &Shape, end: &TurnEnd) -> String {
    match finish_reason(end) {
        Ok(reason) => {
            let usage = if shape.include_usage { event_line(&shape.usage(end.usage)) } else { String::new() };
            format!("{}{usage}data: [DONE]\n\n", event_line(&shape.closing(reason)))
        }
        Err(error) => event_line(&error.body()),
    }
}

fn event_line(value: &Value) -> String {
    format!("data: {value}\n\n")
}

//! Connections for networks that let no WebSocket through (`PROTOCOL.md` §12): the same machine and the same
//! frames, as JSON. What the server says goes out as events of one long answer ([`mod@events`]) or in answers to one
//! request after another ([`mod@poll`]); what the client says comes in by requests of its own ([`mod@frames`]).

mod events;
mod frames;
mod link;
mod links;
mod poll;

pub(crate) use events::events;
pub(crate) use frames::{frames, heartbeat};
pub(crate) use links::Links;
pub(crate) use poll::{open, poll};

use std::time::Duration;

use axum::body::Bytes;
use axum::http::{HeaderMap, Method, header};
use axum::response::Response;
use rolecall_wire::frame::Hello;
use rolecall_wire::heartbeat::Mode;
use rolecall_wire::server::Encoding;
use tokio::sync::mpsc;

use self::link::Outgoing;
use self::links::no_connection;
use super::Opened;
use crate::app::App;
use crate::gateway::{ApiError, Onward};
use crate::store::Node;

/// A connection that its driver serves, and what it says.
struct Started {
    /// By this name the client's requests find it.
    id: String,
    said: mpsc::Receiver<Outgoing>,
}

/// What another server may take to pass a request on and its answer back, beyond what it waits for.
const ON_THE_WAY: Duration = Duration::from_secs(5);

/// Passes a request of a connection on to the server that has it. Its token was verified.
async fn elsewhere(
    app: &App,
    carrier: &Node,
    method: Method,
    path_and_query: String,
    headers: &HeaderMap,
    body: Option<Bytes>,
    waits: Duration,
) -> Result<Response, ApiError> {
    let authorization = headers.get(header::AUTHORIZATION).cloned().ok_or_else(no_connection)?;
    let patience = waits.saturating_add(ON_THE_WAY);
    let onward = Onward { method, path_and_query, authorization, body, patience };
    Ok(app.forwarder.pass_on(carrier, onward).await?)
}

/// Attaches the session that a request names, and starts to serve it.
async fn start(app: &App, hello: Hello) -> Result<Started, ApiError> {
    // A place first: whoever attaches ends the connection that the session has.
    let claims = app.tokens.verify(&hello.token)?;
    let (link, id, said) = app.links.open(&claims)?;
    let mut opened = Opened::attach(app, hello, Encoding::JsonV1).await?;
    // What is learned of a link is how long it may be silent; requests of their own say nothing of that.
    opened.config.mode = Mode::Table;
    opened.drive(app, async { Some(link) });
    Ok(Started { id, said })
}

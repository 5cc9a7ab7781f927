//! A connection, whatever carries it.

use std::net::SocketAddr;

use anyhow::Result;
use rolecall_conformance::{Arrival, Carrier, Opening, Said};
use rolecall_tests::http::{Request, Response};

use crate::events::Events;
use crate::poll::Poll;
use crate::websocket::WebSocket;

/// A live connection.
pub(crate) enum Link {
    WebSocket(Box<WebSocket>),
    Events(Box<Events>),
    Poll(Box<Poll>),
}

/// What comes of an attempt to open one.
pub(crate) enum Opened {
    Live(Link),
    /// The status and `error.code`.
    Refused(u16, String),
}

impl Link {
    pub(crate) async fn open(to: SocketAddr, carrier: Carrier, opening: &Opening, token: &str) -> Result<Opened> {
        match carrier {
            Carrier::WebsocketBsp => WebSocket::open(to, opening, "rolecall.bsp.v1").await,
            Carrier::WebsocketBsp2 => WebSocket::open(to, opening, "rolecall.bsp.v2").await,
            Carrier::WebsocketJson => WebSocket::open(to, opening, "rolecall.json.v1").await,
            Carrier::Events => Events::open(to, opening, token).await,
            Carrier::Poll => Poll::open(to, opening, token).await,
        }
    }

    /// The name that the client's requests find it by.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::WebSocket(_) => None,
            Self::Events(events) => Some(&events.connection),
            Self::Poll(poll) => Some(&poll.connection),
        }
    }

    pub(crate) async fn say(&mut self, said: Said) -> Result<()> {
        match self {
            Self::WebSocket(socket) => socket.say(said).await,
            Self::Events(events) => events.say(said).await,
            Self::Poll(poll) => poll.say(said).await,
        }
    }

    pub(crate) async fn next(&mut self) -> Result<Arrival> {
        match self {
            Self::WebSocket(socket) => socket.next().await,
            Self::Events(events) => events.next().await,
            Self::Poll(poll) => poll.next().await,
        }
    }
}

/// A query with the token, where it goes there.
pub(crate) fn query(opening: &Opening) -> String {
    let token = opening.token.as_ref().filter(|_| opening.token_in == "query");
    match token {
        Some(token) if opening.query.is_empty() => format!("token={token}"),
        Some(token) => format!("{}&token={token}", opening.query),
        None => opening.query.clone(),
    }
}

/// The token, where it goes into a header.
pub(crate) fn bearer(opening: &Opening) -> Option<&str> {
    opening.token.as_deref().filter(|_| opening.token_in == "header")
}

/// A refused attempt.
pub(crate) fn refused(status: u16, body: &[u8]) -> Opened {
    let body: serde_json::Value = serde_json::from_slice(body).unwrap_or_default();
    Opened::Refused(status, body["error"]["code"].as_str().unwrap_or_default().to_owned())
}

/// Says something by a request of its own, as §12.3 has it.
pub(crate) async fn post(to: SocketAddr, connection: &str, token: &str, said: Said) -> Result<Response> {
    let body = match said {
        Said::Frame(frame) => frame.to_string(),
        Said::Text(text) => text,
        other => anyhow::bail!("{other:?} cannot be said over HTTP"),
    };
    let request = Request::new("POST", &format!("/v1/session/frames?connection={connection}")).bearer(token);
    let response = request.header("content-type", "application/json").body(body.into_bytes()).send(to).await?;
    // What is no frame is refused at once, and ends the connection all the same.
    let refused = response.status == 400 && response.text().contains("\"bad_frame\"");
    anyhow::ensure!(response.status == 202 || refused, "a frame is answered {} {}", response.status, response.text());
    Ok(response)
}

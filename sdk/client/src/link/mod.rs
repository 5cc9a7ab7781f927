//! What carries the frames: a WebSocket, or HTTP requests where none gets through (`PROTOCOL.md` §12).

mod batches;
mod events;
mod http;
mod websocket;

use std::future::Future;
use std::pin::Pin;

use bytes::Bytes;
use rolecall_wire::client;
use rolecall_wire::frame::Hello;
use rolecall_wire::server::Encoding;
use serde::{Deserialize, Serialize};

pub(crate) use websocket::{absolute, install_tls};

use crate::Error;
use http::HttpLink;
use websocket::WebSocket;

/// What carries a session's frames. All have the same guarantees; they differ in what gets through to the server
/// and in how much it costs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Transport {
    /// A WebSocket.
    #[default]
    WebSocket,
    /// One long answer of server-sent events, and a request for each thing that is said.
    Events,
    /// An answer to one request after another: for proxies that collect answers before they pass them on.
    Poll,
    /// A WebSocket; events when two attempts in a row did not even reach the server's answer, and polling when
    /// events do not come either.
    Auto,
}

/// Attempts without an answer after which [`Transport::Auto`] tries what comes next.
const ATTEMPTS: u32 = 2;

impl Transport {
    /// How frames are encoded: over HTTP as JSON, whatever was configured.
    pub(crate) fn encoding(self, configured: Encoding) -> Encoding {
        if self == Self::WebSocket { configured } else { Encoding::JsonV1 }
    }
}

/// Which transport an attempt takes.
#[derive(Debug)]
pub(crate) struct Choice {
    wanted: Transport,
    current: Transport,
    failed: u32,
}

impl Choice {
    pub(crate) fn new(wanted: Transport) -> Self {
        let current = if wanted == Transport::Auto { Transport::WebSocket } else { wanted };
        Self { wanted, current, failed: 0 }
    }

    pub(crate) fn current(&self) -> Transport {
        self.current
    }

    /// What came of an attempt, as the machine is to take it: a middlebox that knows no WebSocket answers in the
    /// server's place, or lets the server answer that this is none.
    pub(crate) fn judge(&self, incoming: Incoming) -> Incoming {
        match incoming {
            Incoming::Refused(400 | 403 | 405 | 426 | 501 | 502)
                if self.wanted == Transport::Auto && self.current == Transport::WebSocket =>
            {
                Incoming::Gone
            }
            other => other,
        }
    }

    /// The session is there.
    pub(crate) fn answered(&mut self) {
        self.failed = 0;
    }

    /// An attempt did not bring the session.
    pub(crate) fn unanswered(&mut self) {
        self.failed += 1;
        if self.wanted != Transport::Auto || self.failed < ATTEMPTS {
            return;
        }
        self.failed = 0;
        self.current = match self.current {
            Transport::WebSocket | Transport::Auto => Transport::Events,
            Transport::Events => Transport::Poll,
            Transport::Poll => Transport::WebSocket,
        };
    }
}

/// An open link.
#[derive(Debug)]
pub(crate) enum Link {
    WebSocket(Box<WebSocket>),
    Http(Box<HttpLink>),
}

/// What came from the server.
#[derive(Debug)]
pub(crate) enum Incoming {
    Opened(Link),
    Refused(u16),
    Binary(Bytes),
    Text(String),
    Ping(Bytes),
    /// A sign of life with nothing in it.
    Nothing,
    Closed(u16),
    Gone,
}

/// What goes to the server.
#[derive(Debug)]
pub(crate) enum Outgoing {
    Binary(Bytes),
    Text(String),
}

/// An attempt to connect.
pub(crate) type Opening = Pin<Box<dyn Future<Output = Incoming> + Send>>;

/// Begins an attempt.
///
/// # Errors
/// The URL or the token cannot be used.
pub(crate) fn open(transport: Transport, ws_url: &str, hello: &Hello, encoding: Encoding) -> Result<Opening, Error> {
    Ok(match transport {
        Transport::WebSocket | Transport::Auto => {
            Box::pin(websocket::open(websocket::request(ws_url, hello, encoding)?))
        }
        Transport::Events => Box::pin(HttpLink::open_events(http::Place::new(ws_url, hello)?)),
        Transport::Poll => Box::pin(HttpLink::open_polling(http::Place::new(ws_url, hello)?)),
    })
}

impl Incoming {
    /// As the machine takes it.
    pub(crate) fn input(&self) -> Option<client::Input<'_>> {
        Some(match self {
            Self::Opened(_) => client::Input::Opened,
            Self::Refused(status) => client::Input::Refused { status: *status },
            Self::Binary(bytes) => client::Input::Binary(bytes),
            Self::Text(text) => client::Input::Text(text),
            Self::Ping(payload) => client::Input::Ping(payload),
            Self::Nothing => return None,
            Self::Closed(code) => client::Input::Closed { code: *code },
            Self::Gone => client::Input::Gone,
        })
    }
}

impl Link {
    /// The next thing that comes. Cancel-safe.
    pub(crate) async fn next(&mut self) -> Incoming {
        match self {
            Self::WebSocket(socket) => socket.next().await,
            Self::Http(link) => link.next().await,
        }
    }

    /// Sends; `false` when the link is dead.
    pub(crate) async fn send(&mut self, outgoing: Outgoing) -> bool {
        match self {
            Self::WebSocket(socket) => socket.send(outgoing).await,
            Self::Http(link) => link.send(outgoing).await,
        }
    }

    /// Says that it ends, if the server still takes it, and drops the link.
    pub(crate) async fn close(self, code: u16, reason: String) {
        match self {
            Self::WebSocket(socket) => socket.close(code, reason).await,
            // The server sees that nobody reads any more.
            Self::Http(_) => {}
        }
    }

    /// Answers the server's close and drops the link.
    pub(crate) async fn answer_close(self) {
        match self {
            Self::WebSocket(socket) => socket.answer_close().await,
            Self::Http(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when a server that answers badly is left for another transport, or one that is not reached is not.
    #[test]
    fn auto_goes_on_only_where_nothing_answers() {
        let mut choice = Choice::new(Transport::Auto);
        choice.unanswered();
        choice.answered();
        choice.unanswered();
        assert_eq!(choice.current(), Transport::WebSocket);
        for expected in [Transport::Events, Transport::Poll, Transport::WebSocket] {
            choice.unanswered();
            if expected != Transport::Events {
                choice.unanswered();
            }
            assert_eq!(choice.current(), expected);
        }
        let mut fixed = Choice::new(Transport::Poll);
        (0..9).for_each(|_| fixed.unanswered());
        assert_eq!(fixed.current(), Transport::Poll);
    }
}

//! Frames over HTTP: what the server says comes as events or in batches, what the client says goes by requests.

use std::time::Duration;

use rolecall_wire::frame::Hello;
use rolecall_wire::upgrade;
use serde::Deserialize;

use super::batches::Batches;
use super::events::Events;
use super::{Incoming, Link, Outgoing};
use crate::Error;
use crate::driver::Way;
use crate::secret::Secret;
use crate::trust::Trust;

/// How long a request may take whose answer is short.
const PATIENCE: Duration = Duration::from_secs(15);
/// How long a connection may wait for the next request: shorter than servers keep it.
const IDLE: Duration = Duration::from_secs(5);
/// How often a frame is said when the server is busy or the connection goes.
const TRIES: u32 = 3;
/// How long between.
const PAUSE: Duration = Duration::from_secs(1);
/// How long the answer of events may last; the server ends it, or the machine gives it up.
const LONG: Duration = Duration::from_secs(365 * 24 * 3_600);

/// Where a session's connections are, and what opens one.
#[derive(Debug, Clone)]
pub(super) struct Place {
    http: reqwest::Client,
    /// `http://host/v1/session`
    base: String,
    token: Secret,
    query: String,
}

/// An open connection.
#[derive(Debug)]
pub(crate) struct HttpLink {
    place: Place,
    connection: String,
    said: Said,
}

#[derive(Debug)]
enum Said {
    Events(Events),
    Batches(Batches),
}

#[derive(Debug, Deserialize)]
pub(super) struct Connection {
    pub(super) connection: String,
}

/// How the server ended it.
#[derive(Debug, Deserialize)]
pub(super) struct Close {
    pub(super) code: u16,
}

impl Place {
    pub(super) fn new(way: &Way, hello: &Hello) -> Result<Self, Error> {
        let ws_url = &way.ws_url;
        let bad = |detail: String| Error::Url { url: ws_url.clone(), detail };
        // `ws` becomes `http`, `wss` becomes `https`.
        let rest = ws_url.strip_prefix("ws").ok_or_else(|| bad("it must start with ws:// or wss://".into()))?;
        let base = format!("http{rest}");
        reqwest::Url::parse(&base).map_err(|error| bad(error.to_string()))?;
        let http = Trust::apply(way.trust.as_ref(), reqwest::Client::builder());
        let http = http.connect_timeout(PATIENCE).pool_idle_timeout(IDLE).build();
        let http = http.map_err(|error| bad(error.to_string()))?;
        Ok(Self { http, base, token: Secret::new(hello.token.clone()), query: upgrade::query(hello) })
    }

    pub(super) fn get(&self, path: &str, patience: Duration) -> reqwest::RequestBuilder {
        self.http.get(format!("{}{path}", self.base)).bearer_auth(self.token.reveal()).timeout(patience)
    }

    fn post(&self, path: &str) -> reqwest::RequestBuilder {
        self.http.post(format!("{}{path}", self.base)).bearer_auth(self.token.reveal()).timeout(PATIENCE)
    }
}

impl HttpLink {
    pub(super) async fn open_events(place: Place) -> Incoming {
        let request = place.get(&format!("/events?{}", place.query), LONG);
        let response = match answered(request).await {
            Ok(response) => response,
            Err(instead) => return instead,
        };
        match Events::open(response).await {
            Some((connection, events)) => Self { place, connection, said: Said::Events(events) }.opened(),
            None => Incoming::Gone,
        }
    }

    pub(super) async fn open_polling(place: Place) -> Incoming {
        let response = match answered(place.post(&format!("/poll?{}", place.query))).await {
            Ok(response) => response,
            Err(instead) => return instead,
        };
        let Ok(Connection { connection }) = response.json().await else { return Incoming::Gone };
        let said = Said::Batches(Batches::new(place.clone(), connection.clone()));
        Self { place, connection, said }.opened()
    }

    fn opened(self) -> Incoming {
        Incoming::Opened(Link::Http(Box::new(self)))
    }

    /// The next thing that comes. Cancel-safe.
    pub(super) async fn next(&mut self) -> Incoming {
        match &mut self.said {
            Said::Events(events) => events.next().await,
            Said::Batches(batches) => batches.next().await,
        }
    }

    /// Says a frame; `false` when the connection is over, or the server not to be reached.
    pub(super) async fn send(&mut self, outgoing: Outgoing) -> bool {
        let Outgoing::Text(frame) = outgoing else {
            tracing::error!("a binary frame for a connection over HTTP, which speaks JSON");
            return false;
        };
        for attempt in 1..=TRIES {
            let request = self.place.post(&format!("/frames?connection={}", self.connection));
            let request = request.header("content-type", "application/json").body(frame.clone());
            // To say the same again is harmless (§12.3).
            let again = match request.send().await {
                Ok(response) if response.status().is_success() => return true,
                Ok(response) => {
                    tracing::warn!(status = response.status().as_u16(), "a frame was not taken in");
                    matches!(response.status().as_u16(), 429 | 503)
                }
                Err(error) => {
                    tracing::debug!(%error, "cannot say a frame");
                    !error.is_timeout()
                }
            };
            if !again || attempt == TRIES {
                break;
            }
            tokio::time::sleep(PAUSE).await;
        }
        false
    }
}

/// The answer, if it is a good one.
async fn answered(request: reqwest::RequestBuilder) -> Result<reqwest::Response, Incoming> {
    match request.send().await {
        Ok(response) if response.status().is_success() => Ok(response),
        Ok(response) => Err(Incoming::Refused(response.status().as_u16())),
        Err(error) => {
            tracing::debug!(%error, "cannot connect");
            Err(Incoming::Gone)
        }
    }
}

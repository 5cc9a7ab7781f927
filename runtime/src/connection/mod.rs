//! Connections: what opens one, and one task per connection that drives the wire machine.
//!
//! The request that opens it carries everything ([`handshake`]): token, place and network type; the session
//! is found and attached before it is answered, so that what is wrong is an HTTP error with a typed body. The
//! task ([`driver`]) then moves frames between the [`link`], the machine of `rolecall_wire::server` and the
//! session. A link is a WebSocket ([`socket`]) or HTTP requests ([`http`]).

mod ahead;
mod driver;
mod handshake;
pub(crate) mod http;
mod link;
mod pass;
mod socket;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use rolecall_wire::frame::Hello;
use rolecall_wire::server::{Config, Encoding, Server};
use tokio_util::sync::CancellationToken;

use self::driver::Driver;
use self::handshake::Handshake;
use self::link::Link;
use self::pass::Pass;
use crate::app::App;
use crate::clock;
use crate::gateway::ApiError;
use crate::ids::SessionId;
use crate::session::Attachment;
use crate::telemetry::Metrics;

/// `GET /v1/session?last_seq=N&epoch=E&network=4g`: upgrades to a WebSocket that speaks the session
/// protocol (`PROTOCOL.md` §3).
///
/// The token comes in `Authorization: Bearer`, as the subprotocol `rolecall.token.<token>`, or as
/// `?token=`; the encoding as the subprotocol `rolecall.bsp.v2`, `rolecall.bsp.v1` (the default) or
/// `rolecall.json.v1`.
///
/// # Errors
/// As an HTTP status with a typed body: 400 for a malformed request, 401 for a bad token, 403 for a foreign web
/// page, 404 for a session or role that does not exist, 426 for a request that is no WebSocket upgrade, 429 for a
/// token that opens too many, 503 while the session cannot be served.
pub async fn upgrade(State(app): State<Arc<App>>, mut request: Request) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    let handshake = match Handshake::parse(&request) {
        Ok(handshake) => handshake,
        Err(refusal) => return refusal.into_response(),
    };
    let response = accepted(&handshake);
    let opened = match Opened::attach(&app, handshake.hello, handshake.encoding).await {
        Ok(opened) => opened,
        Err(error) => return error.into_response(),
    };
    let session = opened.session().clone();
    let link = async move {
        match upgraded.await {
            Ok(io) => Some(socket::accept(TokioIo::new(io)).await),
            Err(error) => {
                tracing::debug!(%session, %error, "a connection went before its upgrade");
                None
            }
        }
    };
    opened.drive(&app, link);
    response
}

/// A session that is attached to, before anything is sent.
struct Opened {
    pass: Pass,
    attachment: Attachment,
    config: Config,
    encoding: Encoding,
    hello: Hello,
}

impl Opened {
    /// Finds the session of a token and attaches to it.
    async fn attach(app: &App, hello: Hello, encoding: Encoding) -> Result<Self, ApiError> {
        let claims = app.tokens.verify(&hello.token)?;
        let pass = Pass::new(&app.tokens, &claims, hello.refresh);
        app.limits.session(&claims.sid, claims.generation)?;
        let attachment = app.sessions.attach(&claims.sid, &hello, claims.generation).await?;
        let heartbeat = app.contracts.get(&attachment.role).map(|contract| contract.heartbeat).unwrap_or_default();
        let mut seed = [0; 8];
        // Only a first beat follows from it: without chance all come at their time.
        if let Err(error) = getrandom::fill(&mut seed) {
            tracing::warn!(%error, "no random numbers for heartbeats");
        }
        let config = Config { seed: u64::from_le_bytes(seed), ..handshake::config(&heartbeat) };
        Ok(Self { pass, attachment, config, encoding, hello })
    }

    fn session(&self) -> &SessionId {
        self.attachment.session()
    }

    /// Serves the connection in a task of its own, over the link that comes, if it comes.
    fn drive<L: Link + 'static>(self, app: &App, link: impl Future<Output = Option<L>> + Send + 'static) {
        let opening = Box::pin(self.open(link, app.metrics.clone(), app.shutdown.signal()));
        app.shutdown.spawn(async move {
            // What opening takes, the token included, is given back before the connection is served: that may be for
            // days, and one that is idle is to be small.
            let driver = opening.await;
            if let Some(driver) = driver {
                driver.run().await;
            }
        });
    }

    async fn open<L: Link>(
        self,
        link: impl Future<Output = Option<L>> + Send,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Option<Box<Driver<L>>> {
        let Self { pass, attachment, mut config, encoding, hello } = self;
        let began = clock::monotonic_ms();
        let link = link.await?;
        // Read late: the connection that this one replaces leaves what it learned when it ends. Should it end
        // later still, this one begins with what was known before.
        config.learned = attachment.lessons.get();
        let machine = Server::new(config, encoding, &hello, began);
        Some(Driver::welcoming(machine, link, attachment, pass, hello.last_seq, metrics, stop))
    }
}

fn accepted(handshake: &Handshake) -> Response {
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    let headers = response.headers_mut();
    headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
    headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
    headers.insert(header::SEC_WEBSOCKET_ACCEPT, handshake.accept.clone());
    if handshake.offered {
        headers.insert(header::SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(handshake.encoding.subprotocol()));
    }
    response
}

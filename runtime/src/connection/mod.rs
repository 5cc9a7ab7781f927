//! Connections: the WebSocket upgrade, and one task per connection that drives the wire machine.
//!
//! The upgrade carries everything ([`handshake`]): token, place and network type; the session is found
//! and attached before it is answered, so that what is wrong is an HTTP error with a typed body. The
//! task ([`driver`]) then moves frames between the [`socket`], the machine of `rolecall_wire::server`
//! and the session.

mod driver;
mod handshake;
mod socket;
#[cfg(test)]
mod tests;

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use hyper_util::rt::TokioIo;
use rolecall_wire::server::Server;

use self::driver::Driver;
use self::handshake::Handshake;
use crate::app::App;
use crate::clock;
use crate::gateway::ApiError;

/// `GET /v1/session?last_seq=N&epoch=E&network=4g`: upgrades to a WebSocket that speaks the session
/// protocol (`PROTOCOL.md` §3).
///
/// The token comes in `Authorization: Bearer`, as the subprotocol `rolecall.token.<token>`, or as
/// `?token=`; the encoding as the subprotocol `rolecall.bsp.v1` (the default) or `rolecall.json.v1`.
///
/// # Errors
/// As an HTTP status with a typed body: 400 for a malformed request, 401 for a bad token, 404 for a
/// session or role that does not exist, 426 for a request that is no WebSocket upgrade, 503 while the
/// session cannot be served.
pub async fn upgrade(State(app): State<Arc<App>>, mut request: Request) -> Response {
    let upgraded = hyper::upgrade::on(&mut request);
    let handshake = match Handshake::parse(&request) {
        Ok(handshake) => handshake,
        Err(refusal) => return refusal.into_response(),
    };
    let attached = match app.tokens.verify(&handshake.hello.token) {
        Ok(claims) => app.sessions.attach(&claims.sid, &handshake.hello).await.map(|held| (claims, held)),
        Err(error) => return ApiError::from(error).into_response(),
    };
    let (claims, attachment) = match attached {
        Ok(attached) => attached,
        Err(error) => return ApiError::from(error).into_response(),
    };
    let response = accepted(&handshake);
    let heartbeat = app.contracts.get(&claims.role).map(|contract| contract.heartbeat).unwrap_or_default();
    let config = handshake::config(&heartbeat);
    let machine = Server::new(config, handshake.encoding, &handshake.hello, clock::monotonic_ms());
    let (metrics, stop, last_seq) = (app.metrics.clone(), app.shutdown.signal(), handshake.hello.last_seq);
    app.shutdown.spawn(Box::pin(async move {
        match upgraded.await {
            Ok(io) => {
                let socket = socket::accept(TokioIo::new(io)).await;
                Driver::new(machine, socket, attachment, metrics, stop).run(&claims.sid, last_seq).await;
            }
            Err(error) => tracing::debug!(session = %claims.sid, %error, "a connection went before its upgrade"),
        }
    }));
    response
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

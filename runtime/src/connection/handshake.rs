//! The upgrade request, parsed once.

use std::time::Duration;

use axum::http::request::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rolecall_dsl::contract::{BeatMode, Heartbeat};
use rolecall_wire::frame::Hello;
use rolecall_wire::heartbeat::Mode;
use rolecall_wire::server::{Config, Encoding};
use rolecall_wire::upgrade::{self, Fault};
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::gateway::ApiError;

/// A well-formed upgrade request.
#[derive(Debug)]
pub(super) struct Handshake {
    /// What the client presents.
    pub(super) hello: Hello,
    /// How frames are encoded.
    pub(super) encoding: Encoding,
    /// Whether the client named the encoding, so that the answer must.
    pub(super) offered: bool,
    /// The value of `Sec-WebSocket-Accept`.
    pub(super) accept: HeaderValue,
}

/// Why a request is not upgraded.
#[derive(Debug)]
pub(super) struct Refusal(ApiError);

/// What a request presents of its session: its query and the token.
pub(super) fn hello<B>(request: &Request<B>) -> Result<Hello, ApiError> {
    let headers = request.headers();
    let authorization = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let offered = listed(headers, &header::SEC_WEBSOCKET_PROTOCOL);
    upgrade::hello(request.uri().query().unwrap_or_default(), authorization, offered).map_err(|fault| refused(&fault))
}

/// The answer to a client's fault.
fn refused(fault: &Fault) -> ApiError {
    let message = fault.to_string();
    match fault {
        Fault::NoToken => ApiError::new(StatusCode::UNAUTHORIZED, "token_missing", message),
        Fault::Subprotocol => ApiError::invalid("unknown_subprotocol", message),
        Fault::Unknown(_) | Fault::Twice(_) | Fault::Value { .. } => {
            let error = ApiError::invalid("invalid_query", message);
            fault.parameter().map_or(error.clone(), |name| error.param(format!("{name:.64}")))
        }
    }
}

/// Timers and limits of a connection, as the role's contract sets them.
pub(super) fn config(heartbeat: &Heartbeat) -> Config {
    let mut config = Config::default();
    let set = |value: &mut u32, time: Option<Duration>| {
        if let Some(milliseconds) = time.and_then(|time| u32::try_from(time.as_millis()).ok()) {
            *value = milliseconds;
        }
    };
    if heartbeat.mode == Some(BeatMode::Adaptive) {
        config.mode = Mode::Adaptive;
    }
    set(&mut config.timeout_ms, heartbeat.timeout);
    set(&mut config.table.floor, heartbeat.floor);
    set(&mut config.table.four_g, heartbeat.base.four_g);
    set(&mut config.table.three_g, heartbeat.base.three_g);
    set(&mut config.table.two_g, heartbeat.base.two_g);
    set(&mut config.table.slow_two_g, heartbeat.base.slow_two_g);
    set(&mut config.table.other, heartbeat.base.other);
    config
}

impl Handshake {
    /// Reads an upgrade request.
    pub(super) fn parse<B>(request: &Request<B>) -> Result<Self, Refusal> {
        let headers = request.headers();
        let accept = accept(request.method(), headers)?;
        let encoding = upgrade::encoding(listed(headers, &header::SEC_WEBSOCKET_PROTOCOL));
        let encoding = encoding.map_err(|fault| Refusal(refused(&fault)))?;
        Ok(Self {
            hello: hello(request).map_err(Refusal)?,
            encoding: encoding.unwrap_or(Encoding::BspV1),
            offered: encoding.is_some(),
            accept,
        })
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let needs_upgrade = self.0.status() == StatusCode::UPGRADE_REQUIRED;
        let mut response = self.0.into_response();
        if needs_upgrade {
            let headers = response.headers_mut();
            headers.insert(header::UPGRADE, HeaderValue::from_static("websocket"));
            headers.insert(header::CONNECTION, HeaderValue::from_static("Upgrade"));
            headers.insert(header::SEC_WEBSOCKET_VERSION, HeaderValue::from_static("13"));
        }
        response
    }
}

/// The answer to the client's key, if this is an upgrade at all (RFC 6455 §4.2.1).
fn accept(method: &Method, headers: &HeaderMap) -> Result<HeaderValue, Refusal> {
    let names = |header, wanted: &str| listed(headers, &header).any(|value| value.eq_ignore_ascii_case(wanted));
    let version = headers.get(header::SEC_WEBSOCKET_VERSION).is_some_and(|version| version == "13");
    if method != Method::GET
        || !names(header::CONNECTION, "upgrade")
        || !names(header::UPGRADE, "websocket")
        || !version
    {
        let message = "this is a WebSocket endpoint: connect with a WebSocket client, version 13, over HTTP/1.1";
        return Err(Refusal(ApiError::new(StatusCode::UPGRADE_REQUIRED, "upgrade_required", message)));
    }
    let bad_key = || Refusal(ApiError::invalid("bad_websocket_key", "`Sec-WebSocket-Key` is 16 bytes in base64"));
    let key = headers.get(header::SEC_WEBSOCKET_KEY).ok_or_else(bad_key)?;
    if key.len() != 24 {
        return Err(bad_key());
    }
    HeaderValue::from_str(&derive_accept_key(key.as_bytes())).map_err(|_| bad_key())
}

/// The members of a header that is a comma-separated list, possibly over several lines.
fn listed<'a>(headers: &'a HeaderMap, name: &header::HeaderName) -> impl Iterator<Item = &'a str> {
    let lines = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    lines.flat_map(upgrade::members)
}

#[cfg(test)]
mod tests {
    use axum::http::request::Builder;
    use rolecall_wire::frame::Network;

    use super::*;

    fn request(uri: &str) -> Builder {
        Request::get(uri)
            .header("connection", "keep-alive, Upgrade")
            .header("upgrade", "WebSocket")
            .header("sec-websocket-version", "13")
            .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
    }

    fn refused(builder: Builder) -> (u16, String) {
        let refusal = Handshake::parse(&builder.body(()).unwrap()).unwrap_err();
        (refusal.0.status().as_u16(), refusal.0.body()["error"]["code"].as_str().unwrap().to_owned())
    }

    // Fails when the accept key is wrong (RFC 6455 §1.3), or a token place or the query is not read.
    #[test]
    fn reads_the_token_from_three_places() {
        let bearer = request("/v1/session?last_seq=7&epoch=2&network=slow-2g").header("authorization", "bearer a.b.c");
        let handshake = Handshake::parse(&bearer.body(()).unwrap()).unwrap();
        assert_eq!(handshake.accept, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
        let expected =
            Hello { token: "a.b.c".into(), last_seq: 7, epoch: 2, network: Network::SlowTwoG, ..Hello::default() };
        assert_eq!((handshake.hello, handshake.encoding, handshake.offered), (expected, Encoding::BspV1, false));

        let protocol =
            request("/v1/session").header("sec-websocket-protocol", "rolecall.json.v1, rolecall.token.x.y.z");
        let handshake = Handshake::parse(&protocol.body(()).unwrap()).unwrap();
        assert_eq!(
            (handshake.hello.token.as_str(), handshake.encoding, handshake.offered),
            ("x.y.z", Encoding::JsonV1, true)
        );

        let query = Handshake::parse(&request("/v1/session?token=q").body(()).unwrap()).unwrap();
        assert_eq!((query.hello.token.as_str(), query.hello.network), ("q", Network::Other));
    }

    // Fails when a bad request is upgraded, or answered with the wrong status, or without what is allowed.
    #[test]
    fn refuses_what_is_no_upgrade_of_ours() {
        let cases = [
            (Request::get("/v1/session"), 426, "upgrade_required"),
            (request("/v1/session?last_seq=-1"), 400, "invalid_query"),
            (request("/v1/session?network=5g"), 400, "invalid_query"),
            (request("/v1/session?lastseq=1"), 400, "invalid_query"),
            (request("/v1/session").header("sec-websocket-protocol", "mqtt"), 400, "unknown_subprotocol"),
            (request("/v1/session").header("authorization", "Basic x"), 401, "token_missing"),
        ];
        for (builder, status, code) in cases {
            assert_eq!(refused(builder), (status, code.to_owned()));
        }
        let wrong = request("/v1/session?token=t&network=5g").body(()).unwrap();
        let body = Handshake::parse(&wrong).unwrap_err().0.body();
        assert_eq!(body["error"]["param"], "network");
        assert!(body["error"]["message"].as_str().unwrap().contains("cannot be `5g`; write `"), "{body}");
        let mut short = request("/v1/session?token=t");
        short.headers_mut().unwrap().insert("sec-websocket-key", HeaderValue::from_static("short"));
        assert_eq!(refused(short), (400, "bad_websocket_key".to_owned()));
    }
}

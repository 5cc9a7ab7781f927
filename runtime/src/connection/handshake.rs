//! The upgrade request, parsed once.

use std::time::Duration;

use axum::extract::Query;
use axum::http::request::Request;
use axum::http::{HeaderMap, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse, Response};
use rolecall_dsl::contract::{BeatMode, Heartbeat};
use rolecall_wire::frame::{Hello, Network};
use rolecall_wire::heartbeat::Mode;
use rolecall_wire::limits::MAX_ROLLUP_MS;
use rolecall_wire::server::{Config, Encoding};
use serde::Deserialize;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;

use crate::gateway::ApiError;

/// What the token's subprotocol begins with.
const TOKEN_PROTOCOL: &str = "rolecall.token.";

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

/// Not `Debug`: it may hold the token.
#[derive(Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct HelloQuery {
    #[serde(default)]
    last_seq: u64,
    #[serde(default)]
    epoch: u32,
    #[serde(default)]
    network: Network,
    #[serde(default)]
    instance: u64,
    #[serde(default)]
    attempt: u32,
    #[serde(default)]
    window: u32,
    #[serde(default)]
    rollup_ms: u32,
    #[serde(default)]
    refresh: bool,
    token: Option<String>,
}

/// What a request presents of its session: its query and the token.
pub(super) fn hello<B>(request: &Request<B>) -> Result<Hello, ApiError> {
    let Query(query) = Query::<HelloQuery>::try_from_uri(request.uri()).map_err(|error| {
        let message = format!("{}; write ?last_seq=N&epoch=E&network=4g", error.body_text());
        ApiError::invalid("invalid_query", message)
    })?;
    let headers = request.headers();
    let in_protocol =
        listed(headers, &header::SEC_WEBSOCKET_PROTOCOL).find_map(|name| name.strip_prefix(TOKEN_PROTOCOL));
    let token =
        bearer(headers).or(in_protocol).map(str::to_owned).or_else(|| query.token.clone()).ok_or_else(|| {
            let message = "send the session token as `Authorization: Bearer TOKEN`, as the subprotocol \
                       `rolecall.token.TOKEN` of a WebSocket, or as `?token=TOKEN`";
            ApiError::new(StatusCode::UNAUTHORIZED, "token_missing", message)
        })?;
    if query.rollup_ms > MAX_ROLLUP_MS {
        return Err(ApiError::invalid("invalid_query", format!("rollup_ms is at most {MAX_ROLLUP_MS}")));
    }
    let HelloQuery { last_seq, epoch, network, instance, attempt, window, rollup_ms, refresh, token: _ } = query;
    Ok(Hello { token, last_seq, epoch, network, instance, attempt, window, rollup_ms, refresh })
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
        let protocols: Vec<&str> = listed(headers, &header::SEC_WEBSOCKET_PROTOCOL).collect();
        let encoding = protocols.iter().find_map(|name| Encoding::from_subprotocol(name));
        if encoding.is_none() && !protocols.is_empty() {
            let message = "offer the subprotocol `rolecall.bsp.v2`, `rolecall.bsp.v1` or `rolecall.json.v1`";
            return Err(Refusal(ApiError::invalid("unknown_subprotocol", message)));
        }
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
    lines.flat_map(|line| line.split(',')).map(str::trim).filter(|member| !member.is_empty())
}

fn bearer(headers: &HeaderMap) -> Option<&str> {
    let value = headers.get(header::AUTHORIZATION)?.to_str().ok()?;
    let (scheme, token) = value.split_once(' ')?;
    scheme.eq_ignore_ascii_case("bearer").then(|| token.trim()).filter(|token| !token.is_empty())
}

#[cfg(test)]
mod tests {
    use axum::http::request::Builder;

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

    // Fails when a bad request is upgraded, or answered with the wrong status.
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
        let mut short = request("/v1/session?token=t");
        short.headers_mut().unwrap().insert("sec-websocket-key", HeaderValue::from_static("short"));
        assert_eq!(refused(short), (400, "bad_websocket_key".to_owned()));
    }
}

//! The WebSocket: how it is opened, and what comes and goes over it.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rolecall_wire::close;
use rolecall_wire::codec::HEADER_LEN;
use rolecall_wire::frame::Hello;
use rolecall_wire::limits::{MAX_PAYLOAD, MAX_SERVER_PAYLOAD};
use rolecall_wire::server::Encoding;
use rolecall_wire::upgrade;
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HeaderValue, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::protocol::frame::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error as WsError, Message, protocol::WebSocketConfig};
use tokio_tungstenite::{Connector, MaybeTlsStream, WebSocketStream, connect_async_tls_with_config};

use super::{Incoming, Link, Outgoing};
use crate::Error;
use crate::trust::Trust;

/// tungstenite would take 128 KiB per connection; frames of a chat are far smaller.
const BUFFER: usize = 4 * 1024;

/// A write that takes longer means a dead peer.
const WRITE_PATIENCE: Duration = Duration::from_secs(10);

/// A closing handshake that takes longer is not waited for.
const CLOSE_PATIENCE: Duration = Duration::from_secs(1);

/// An open WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket(WebSocketStream<MaybeTlsStream<TcpStream>>);

/// Opens a socket and presents the hello.
pub(super) async fn open(request: Request, trust: Option<Trust>) -> Incoming {
    let mut config = WebSocketConfig::default();
    config.read_buffer_size = BUFFER;
    config.write_buffer_size = 0;
    config.max_write_buffer_size = 4 * MAX_PAYLOAD;
    config.max_message_size = Some(MAX_SERVER_PAYLOAD + HEADER_LEN);
    config.max_frame_size = Some(MAX_SERVER_PAYLOAD + HEADER_LEN);
    let connector = trust.map(|trust| Connector::Rustls(trust.config()));
    match connect_async_tls_with_config(request, Some(config), true, connector).await {
        Ok((stream, _)) => Incoming::Opened(Link::WebSocket(Box::new(WebSocket(stream)))),
        Err(WsError::Http(response)) => Incoming::Refused(response.status().as_u16()),
        Err(error) => {
            tracing::debug!(%error, "cannot connect");
            Incoming::Gone
        }
    }
}

impl WebSocket {
    /// The next thing that comes. Cancel-safe. Pings are answered by tungstenite.
    pub(super) async fn next(&mut self) -> Incoming {
        match self.0.next().await {
            Some(Ok(Message::Binary(bytes))) => Incoming::Binary(bytes),
            Some(Ok(Message::Text(text))) => Incoming::Text(text.as_str().to_owned()),
            Some(Ok(Message::Ping(payload))) => Incoming::Ping(payload),
            Some(Ok(Message::Close(frame))) => Incoming::Closed(frame.map_or(close::NO_STATUS, |f| f.code.into())),
            Some(Ok(Message::Pong(_) | Message::Frame(_))) => Incoming::Nothing,
            Some(Err(WsError::Capacity(_))) => Incoming::Closed(close::TOO_LARGE),
            Some(Err(_)) | None => Incoming::Gone,
        }
    }

    /// Sends; `false` when the socket is dead.
    pub(super) async fn send(&mut self, outgoing: Outgoing) -> bool {
        let message = match outgoing {
            Outgoing::Binary(bytes) => Message::Binary(bytes),
            Outgoing::Text(text) => Message::Text(text.into()),
        };
        matches!(tokio::time::timeout(WRITE_PATIENCE, self.0.send(message)).await, Ok(Ok(())))
    }

    /// Sends a close frame, if the peer still takes it, and drops the socket.
    pub(super) async fn close(mut self, code: u16, reason: String) {
        let frame = CloseFrame { code: CloseCode::from(code), reason: reason.into() };
        let _ = tokio::time::timeout(CLOSE_PATIENCE, self.0.close(Some(frame))).await;
    }

    /// Answers the peer's close frame and drops the socket.
    pub(super) async fn answer_close(mut self) {
        let _ = tokio::time::timeout(CLOSE_PATIENCE, self.0.flush()).await;
    }
}

/// The upgrade request (`PROTOCOL.md` §3).
pub(super) fn request(ws_url: &str, hello: &Hello, encoding: Encoding) -> Result<Request, Error> {
    let join = if ws_url.contains('?') { '&' } else { '?' };
    let url = format!("{ws_url}{join}{}", upgrade::query(hello));
    let bad = |detail: String| Error::Url { url: ws_url.to_owned(), detail };
    let mut request = url.as_str().into_client_request().map_err(|e| bad(e.to_string()))?;
    let mut bearer = HeaderValue::from_str(&format!("Bearer {}", hello.token))
        .map_err(|_| bad("the session token has characters that no header carries".into()))?;
    bearer.set_sensitive(true);
    let headers = request.headers_mut();
    headers.insert(AUTHORIZATION, bearer);
    headers.insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(encoding.subprotocol()));
    Ok(request)
}

/// A session's URL, which a server behind a proxy may give as a path, on the base URL.
pub(crate) fn absolute(ws_url: &str, base: &str) -> String {
    if ws_url.starts_with('/') {
        // `http` becomes `ws`, `https` becomes `wss`.
        format!("ws{}{ws_url}", base.trim_start_matches("http"))
    } else {
        ws_url.to_owned()
    }
}

/// Both HTTP and WebSocket take the process's TLS provider; ours serves when the application has
/// chosen none.
pub(crate) fn install_tls() {
    // An error says that there is one already.
    let _ = rustls::crypto::ring::default_provider().install_default();
}

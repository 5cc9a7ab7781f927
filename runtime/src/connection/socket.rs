//! The WebSocket under a connection, with buffers that suit ten thousand idle ones.

use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use rolecall_wire::close;
use rolecall_wire::limits::{MAX_PAYLOAD, MAX_SERVER_PAYLOAD};
use rolecall_wire::server::Transmit;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::error::{CapacityError, Error, ProtocolError};
use tokio_tungstenite::tungstenite::protocol::{CloseFrame, Role, WebSocketConfig};

use super::ahead::Ahead;
use super::link::{Gone, Link, Received};

/// Bytes of the read buffer. It is allocated for each connection and kept; larger frames grow it. Beats and
/// acknowledgements fit, and [`Ahead`] reads more at once.
const READ_BUFFER: usize = 128;
/// Bytes that are gathered before they are written.
const WRITE_BUFFER: usize = 8 * 1_024;
/// Bytes that may wait to be written: one full frame behind a full buffer.
const MAX_WRITE_BUFFER: usize = 2 * MAX_SERVER_PAYLOAD;
/// Bytes of a frame that are read: the largest payload and a BSP header.
const MAX_FRAME: usize = MAX_PAYLOAD + 64;
/// How long the peer may take to answer a close. A round trip of most networks, and short enough that
/// peers which never answer do not hold up a shutdown.
const CLOSE_PATIENCE: Duration = Duration::from_millis(300);

/// A WebSocket.
#[derive(Debug)]
pub(super) struct Socket<S>(WebSocketStream<Ahead<S>>);

/// The server's side of a WebSocket whose upgrade is done.
pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(stream: S) -> Socket<S> {
    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER)
        .write_buffer_size(WRITE_BUFFER)
        .max_write_buffer_size(MAX_WRITE_BUFFER)
        .max_message_size(Some(MAX_FRAME))
        .max_frame_size(Some(MAX_FRAME));
    Socket(WebSocketStream::from_raw_socket(Ahead::new(stream), Role::Server, Some(config)).await)
}

impl<S: AsyncRead + AsyncWrite + Unpin + Send> Link for Socket<S> {
    async fn receive(&mut self) -> Received {
        match self.0.next().await {
            Some(Ok(Message::Binary(bytes))) => Received::Binary(bytes),
            Some(Ok(Message::Text(text))) => Received::Text(text),
            Some(Ok(Message::Ping(payload) | Message::Pong(payload))) => Received::Control(payload),
            Some(Ok(Message::Close(frame))) => Received::Closed(frame.map(|frame| frame.code.into())),
            // Raw frames are never read.
            Some(Ok(Message::Frame(_))) | None => Received::Closed(None),
            Some(Err(error)) => broken(&error),
        }
    }

    async fn feed(&mut self, transmit: Transmit) -> Result<(), Gone> {
        let message = match transmit {
            Transmit::Binary(bytes) => Message::Binary(bytes),
            Transmit::Text(text) => Message::Text(text.into()),
            Transmit::Ping(payload) => Message::Ping(payload),
            Transmit::Close { code, reason } => {
                Message::Close(Some(CloseFrame { code: code.into(), reason: reason.into() }))
            }
        };
        self.0.feed(message).await.map_err(|_broken| Gone)
    }

    async fn flush(&mut self) -> Result<(), Gone> {
        self.0.flush().await.map_err(|_broken| Gone)
    }

    async fn linger(mut self) {
        let closing = async { while let Some(Ok(_)) = self.0.next().await {} };
        // A peer that does not answer is left.
        let _ = timeout(CLOSE_PATIENCE, closing).await;
    }
}

fn broken(error: &Error) -> Received {
    match error {
        Error::Capacity(CapacityError::MessageTooLong { .. }) => {
            Received::Broken(close::TOO_LARGE, format!("a frame has at most {MAX_PAYLOAD} bytes of payload"))
        }
        // The link was cut: what a lost network looks like, and nobody's breach of the protocol.
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => Received::Closed(None),
        Error::Protocol(fault) => Received::Broken(close::WS_PROTOCOL, fault.to_string()),
        Error::Utf8(_) => Received::Broken(1007, "a text frame is not UTF-8".to_owned()),
        _ => Received::Closed(None),
    }
}

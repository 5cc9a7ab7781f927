//! A connection of a client: WebSocket or MQTT over TCP, frame by frame.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail};
use futures_util::{SinkExt, StreamExt};
use rolecall_tests::ws;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Message, Utf8Bytes};

use super::mqtt;
use super::wire::Opening;

/// Bytes read at once: some twelve messages, and no burden for 10,000 connections in one process.
const READ: usize = 4_096;

/// An open connection.
pub(crate) enum Link {
    Web(Box<WebSocketStream<TcpStream>>),
    Packets { stream: TcpStream, buffer: Vec<u8> },
}

/// What arrived.
pub(crate) enum Frame {
    Text(Utf8Bytes),
    Packet(Vec<u8>),
}

impl AsRef<[u8]> for Frame {
    fn as_ref(&self) -> &[u8] {
        match self {
            Self::Text(text) => text.as_bytes(),
            Self::Packet(packet) => packet,
        }
    }
}

impl Link {
    /// Connects the client of this number.
    pub(crate) async fn open(to: SocketAddr, index: usize, opening: Opening) -> Result<Self> {
        let stream = ws::dial(to, Some(ws::source(index)?)).await.context("cannot connect")?;
        match opening {
            Opening::Upgrade(request, first) => {
                let config = WebSocketConfig::default().read_buffer_size(READ).write_buffer_size(0);
                let upgraded = tokio_tungstenite::client_async_with_config(*request, stream, Some(config)).await;
                let (mut web, _) = upgraded.context("the upgrade is refused")?;
                if let Some(first) = first {
                    web.send(Message::text(first)).await?;
                }
                Ok(Self::Web(Box::new(web)))
            }
            Opening::Packet(packet) => {
                let mut link = Self::Packets { stream, buffer: Vec::new() };
                link.send(packet).await?;
                Ok(link)
            }
        }
    }

    pub(crate) async fn send(&mut self, frame: Vec<u8>) -> Result<()> {
        match self {
            Self::Web(web) => web.send(Message::text(String::from_utf8(frame)?)).await.context("cannot send"),
            Self::Packets { stream, .. } => stream.write_all(&frame).await.context("cannot send"),
        }
    }

    /// The next frame. Cancel-safe; Pings are answered in passing.
    pub(crate) async fn next(&mut self) -> Result<Frame> {
        match self {
            Self::Web(web) => loop {
                match web.next().await {
                    Some(Ok(Message::Text(text))) => return Ok(Frame::Text(text)),
                    Some(Ok(Message::Ping(_))) => web.flush().await.context("cannot answer a Ping")?,
                    Some(Ok(Message::Pong(_))) => {}
                    Some(Ok(other)) => bail!("not a text: {other:?}"),
                    Some(Err(error)) => return Err(error).context("the connection broke"),
                    None => bail!("the connection ended"),
                }
            },
            Self::Packets { stream, buffer } => loop {
                if let Some(length) = mqtt::whole(buffer) {
                    let rest = buffer.split_off(length);
                    return Ok(Frame::Packet(std::mem::replace(buffer, rest)));
                }
                buffer.reserve(READ);
                if stream.read_buf(buffer).await.context("the connection broke")? == 0 {
                    bail!("the connection ended");
                }
            },
        }
    }

    /// Cuts the connection without a closing handshake (TCP reset).
    pub(crate) fn cut(self) -> Result<()> {
        let stream = match self {
            Self::Web(web) => web.into_inner(),
            Self::Packets { stream, .. } => stream,
        };
        Ok(stream.set_zero_linger()?)
    }
}

//! A client of `rolecall.json.v1` that knows frames only as JSON.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::{TcpSocket, TcpStream};
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::tungstenite::{Error, Message, client::IntoClientRequest};

use crate::clock::PATIENCE;

/// Connections from one source address: far below the ports that one has.
const PER_SOURCE: usize = 5_000;

/// The subprotocol spoken.
pub const PROTOCOL: &str = "rolecall.json.v1";

/// Where in a session a connection starts.
#[derive(Debug, Clone)]
pub struct Hello {
    /// The session token.
    pub token: String,
    /// The highest sequence id seen.
    pub last_seq: u64,
    /// The epoch it belongs to; 0 for unknown.
    pub epoch: u64,
    /// The loopback address to connect from.
    pub source: Option<Ipv4Addr>,
}

impl Hello {
    /// From the beginning.
    #[must_use]
    pub fn fresh(token: &str) -> Self {
        Self { token: token.to_owned(), last_seq: 0, epoch: 0, source: None }
    }
}

/// What came of an attempt to connect.
#[derive(Debug)]
pub enum Opened {
    /// Upgraded.
    Live(Box<Socket>),
    /// Answered with plain HTTP.
    Refused {
        /// The status.
        status: u16,
        /// The body.
        body: String,
    },
}

/// What arrived.
#[derive(Debug, Clone, PartialEq)]
pub enum Arrival {
    /// A frame.
    Frame(Value),
    /// The server closed with a code and a reason.
    Closed(u16, String),
    /// The connection ended without a closing handshake.
    Cut,
}

/// A live connection.
#[derive(Debug)]
pub struct Socket {
    stream: WebSocketStream<TcpStream>,
}

/// Buffers as small as 10,000 idle connections in one client process want them.
#[must_use]
pub fn small_buffers() -> WebSocketConfig {
    WebSocketConfig::default().read_buffer_size(1024).write_buffer_size(0)
}

/// Connects to `/v1/session`.
///
/// # Errors
/// When the server cannot be reached or its handshake is broken; a refusal is not an error.
pub async fn open(to: SocketAddr, hello: &Hello) -> Result<Opened> {
    let attempt = async {
        let url = format!("ws://{to}/v1/session?last_seq={}&epoch={}&network=4g", hello.last_seq, hello.epoch);
        let mut request = url.into_client_request()?;
        let headers = request.headers_mut();
        headers.insert("authorization", format!("Bearer {}", hello.token).parse()?);
        headers.insert("sec-websocket-protocol", PROTOCOL.parse()?);
        let stream = dial(to, hello.source).await?;
        match tokio_tungstenite::client_async_with_config(request, stream, Some(small_buffers())).await {
            Ok((stream, response)) => {
                let agreed = response.headers().get("sec-websocket-protocol").and_then(|value| value.to_str().ok());
                anyhow::ensure!(agreed == Some(PROTOCOL), "asked for {PROTOCOL}, got {agreed:?}");
                Ok(Opened::Live(Box::new(Socket { stream })))
            }
            Err(Error::Http(response)) => {
                let body = response.body().clone().unwrap_or_default();
                let body = String::from_utf8_lossy(&body).into_owned();
                Ok(Opened::Refused { status: response.status().as_u16(), body })
            }
            Err(error) => Err(error.into()),
        }
    };
    tokio::time::timeout(PATIENCE, attempt).await.map_err(|_elapsed| anyhow!("the WebSocket handshake hangs"))?
}

/// Connects and insists on being let in.
///
/// # Errors
/// When refused.
pub async fn connect(to: SocketAddr, hello: &Hello) -> Result<Socket> {
    match open(to, hello).await? {
        Opened::Live(socket) => Ok(*socket),
        Opened::Refused { status, body } => bail!("refused with {status}: {body}"),
    }
}

/// Connects from this loopback address, from any when `None`.
///
/// # Errors
/// When the address is taken or the server cannot be reached.
pub async fn dial(to: SocketAddr, source: Option<Ipv4Addr>) -> Result<TcpStream> {
    let stream = match source {
        None => TcpStream::connect(to).await?,
        Some(source) => {
            let socket = TcpSocket::new_v4()?;
            socket.bind(SocketAddr::from((source, 0)))?;
            socket.connect(to).await?
        }
    };
    stream.set_nodelay(true)?;
    Ok(stream)
}

/// The loopback address that the client of this number connects from, where one address has too few ports for all of them.
///
/// # Errors
/// When they are too many for the addresses of loopback.
pub fn source(index: usize) -> Result<Ipv4Addr> {
    let [high, low] = u16::try_from(index / PER_SOURCE + 257)?.to_be_bytes();
    Ok(Ipv4Addr::new(127, high, low, 1))
}

impl Socket {
    /// Sends a frame.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send(&mut self, frame: &Value) -> Result<()> {
        self.send_text(&frame.to_string()).await
    }

    /// Sends a text message as it is.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn send_text(&mut self, text: &str) -> Result<()> {
        self.stream.send(Message::text(text.to_owned())).await.context("cannot send")
    }

    /// Says something to the role.
    ///
    /// # Errors
    /// When the connection is gone.
    pub async fn say(&mut self, client_seq: u64, id: &str, text: &str) -> Result<()> {
        self.send(&json!({"type": "send", "id": id, "client_seq": client_seq, "text": text})).await
    }

    /// The next frame or the end. Pings are answered in passing.
    ///
    /// # Errors
    /// When nothing comes in time, or something that is not a frame.
    pub async fn next(&mut self) -> Result<Arrival> {
        self.within(PATIENCE).await?.context("the server is silent")
    }

    /// As [`next`](Self::next), giving up after a time of the caller's choice.
    ///
    /// # Errors
    /// When something that is not a frame comes.
    pub async fn within(&mut self, patience: Duration) -> Result<Option<Arrival>> {
        match tokio::time::timeout(patience, self.arrival()).await {
            Ok(arrival) => arrival.map(Some),
            Err(_elapsed) => Ok(None),
        }
    }

    /// Waits for whatever comes next, however long, and says whether the connection goes on. Pings are answered in passing.
    pub async fn next_or_end(&mut self) -> bool {
        matches!(self.stream.next().await, Some(Ok(message)) if !message.is_close())
    }

    /// The next frame of a type; others before it are handed to `seen`.
    ///
    /// # Errors
    /// When the connection ends first, or `seen` objects.
    pub async fn until(&mut self, kind: &str, mut seen: impl FnMut(&Value) -> Result<()>) -> Result<Value> {
        loop {
            match self.next().await? {
                Arrival::Frame(frame) if frame["type"] == kind => return Ok(frame),
                Arrival::Frame(frame) => seen(&frame)?,
                end => bail!("waiting for {kind}: {end:?}"),
            }
        }
    }

    /// Cuts the connection without a closing handshake, unread data lost (TCP reset).
    ///
    /// # Errors
    /// When the socket does not take the option.
    pub fn cut(self) -> Result<()> {
        let stream = self.stream.into_inner();
        stream.set_zero_linger()?;
        drop(stream);
        Ok(())
    }

    /// Closes with the closing handshake.
    ///
    /// # Errors
    /// When the connection broke before.
    pub async fn close(mut self) -> Result<()> {
        self.stream.close(None).await?;
        while let Some(Ok(_late)) = self.stream.next().await {}
        Ok(())
    }

    async fn arrival(&mut self) -> Result<Arrival> {
        loop {
            match self.stream.next().await {
                Some(Ok(Message::Text(text))) => {
                    let frame = serde_json::from_str(&text).with_context(|| format!("not a frame: {text}"))?;
                    return Ok(Arrival::Frame(frame));
                }
                Some(Ok(Message::Close(frame))) => {
                    // The answer to a close is sent with the next call; who waits for it must not wait long.
                    let _gone = self.stream.flush().await;
                    let (code, reason) = frame.map_or((1005, String::new()), |f| (f.code.into(), f.reason.to_string()));
                    return Ok(Arrival::Closed(code, reason));
                }
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(other)) => bail!("not a text frame: {other:?}"),
                Some(Err(_)) | None => return Ok(Arrival::Cut),
            }
        }
    }
}

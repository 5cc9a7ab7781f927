//! A WebSocket, with frames in any encoding.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use futures_util::{SinkExt, StreamExt};
use rolecall_conformance::{Arrival, Opening, Said};
use rolecall_tests::http::Request;
use rolecall_wire::frame::{ClientFrame, ServerFrame};
use rolecall_wire::server::Encoding;
use tokio::net::TcpStream;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::far::{FarClient, Payload};
use crate::link::{Link, Opened, bearer, query, refused};

/// How long anything expected may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The socket; none any more when it was cut.
pub(crate) struct WebSocket {
    stream: Option<WebSocketStream<TcpStream>>,
    encoding: Encoding,
    client: FarClient,
    /// Frames of the last message that were not taken yet.
    heard: VecDeque<ServerFrame>,
    /// The subprotocol that was answered.
    pub(crate) chosen: Option<String>,
}

impl WebSocket {
    pub(crate) async fn open(to: SocketAddr, opening: &Opening, own: &str) -> Result<Opened> {
        let path = format!("/v1/session?{}", query(opening));
        if let Some(headers) = &opening.headers {
            let plain = Request::new("GET", &path);
            let plain = headers.iter().fold(plain, |request, (name, value)| request.header(name, value));
            let answer = plain.bearer(opening.token.as_deref().unwrap_or_default()).send(to).await?;
            return Ok(refused(answer.status, &answer.body));
        }
        let mut request = format!("ws://{to}{path}").into_client_request()?;
        let mut offered = opening.offer.clone().unwrap_or_else(|| vec![own.to_owned()]);
        if opening.token_in == "protocol" {
            offered.extend(opening.token.iter().map(|token| format!("rolecall.token.{token}")));
        }
        if !offered.is_empty() {
            request.headers_mut().insert("sec-websocket-protocol", offered.join(", ").parse()?);
        }
        if let Some(token) = bearer(opening) {
            request.headers_mut().insert("authorization", format!("Bearer {token}").parse()?);
        }
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        match tokio_tungstenite::client_async(request, stream).await {
            Ok((stream, response)) => {
                let chosen = response.headers().get("sec-websocket-protocol").map(|name| name.to_str()).transpose()?;
                let encoding = chosen.map_or(Some(Encoding::BspV1), Encoding::from_subprotocol);
                let encoding = encoding.with_context(|| format!("the server chose {chosen:?}"))?;
                let chosen = chosen.map(str::to_owned);
                let (client, heard) = (FarClient::new(encoding), VecDeque::new());
                let socket = Self { stream: Some(stream), encoding, client, heard, chosen };
                Ok(Opened::Live(Link::WebSocket(Box::new(socket))))
            }
            Err(Error::Http(response)) => {
                Ok(refused(response.status().as_u16(), &response.body().clone().unwrap_or_default()))
            }
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn say(&mut self, said: Said) -> Result<()> {
        let message = match said {
            Said::Frame(frame) if self.encoding == Encoding::JsonV1 => Message::text(frame.to_string()),
            Said::Frame(frame) => {
                let frame: ClientFrame = serde_json::from_value(frame)?;
                match self.client.say(&frame)? {
                    Payload::Binary(bytes) => Message::Binary(bytes),
                    Payload::Text(text) => Message::text(text),
                }
            }
            Said::Binary(bytes) => Message::binary(bytes),
            Said::Text(text) => Message::text(text),
            Said::Pong(payload) => Message::Pong(payload.into()),
            Said::Close(code) => Message::Close(Some(CloseFrame { code: code.into(), reason: "".into() })),
            Said::Cut => {
                self.stream = None;
                return Ok(());
            }
        };
        let stream = self.stream.as_mut().context("the connection was cut")?;
        match stream.send(message).await {
            // A server that has closed takes nothing more; the case reads why.
            Ok(()) | Err(Error::ConnectionClosed | Error::AlreadyClosed | Error::Protocol(_) | Error::Io(_)) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    pub(crate) async fn next(&mut self) -> Result<Arrival> {
        let stream = self.stream.as_mut().context("the connection was cut")?;
        loop {
            if let Some(frame) = self.heard.pop_front() {
                return Ok(Arrival::Frame(serde_json::to_value(frame)?));
            }
            let arrived = tokio::time::timeout(PATIENCE, stream.next()).await.map_err(|_| anyhow!("nothing comes"))?;
            let message = match arrived.context("the stream ended")?? {
                Message::Ping(payload) => return Ok(Arrival::Ping(payload.to_vec())),
                Message::Pong(_) => continue,
                Message::Close(close) => {
                    let (code, reason) = close.map_or((1005, String::new()), |c| (c.code.into(), c.reason.to_string()));
                    return Ok(Arrival::Closed(code, reason));
                }
                Message::Binary(bytes) => Payload::Binary(bytes),
                Message::Text(text) => Payload::Text(text.to_string()),
                other @ Message::Frame(_) => bail!("no message: {other:?}"),
            };
            self.heard.extend(self.client.hear(message).map_err(|fault| anyhow!(fault))?);
        }
    }
}

//! Server-sent events, and requests for what the client says.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail, ensure};
use rolecall_conformance::{Arrival, Opening, Said};
use rolecall_wire::limits::MAX_SERVER_PAYLOAD;
use rolecall_wire::sse::{Event, Parser};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::link::{Link, Opened, bearer, post, query, refused};

/// How long anything expected may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// The long answer; none any more when it was cut.
pub(crate) struct Events {
    to: SocketAddr,
    token: String,
    pub(crate) connection: String,
    stream: Option<TcpStream>,
    parser: Parser,
    events: VecDeque<Event>,
}

impl Events {
    pub(crate) async fn open(to: SocketAddr, opening: &Opening, token: &str) -> Result<Opened> {
        let mut stream = TcpStream::connect(to).await?;
        // To HTTP/1.0 an answer is not chunked: its events are read as they stand.
        let mut head = format!("GET /v1/session/events?{} HTTP/1.0\r\nhost: {to}\r\n", query(opening));
        if let Some(token) = bearer(opening) {
            head.push_str(&format!("authorization: Bearer {token}\r\n"));
        }
        stream.write_all(format!("{head}\r\n").as_bytes()).await?;
        let mut answer = Vec::new();
        while !answer.ends_with(b"\r\n\r\n") {
            answer.push(tokio::time::timeout(PATIENCE, stream.read_u8()).await??);
        }
        let status: u16 = String::from_utf8_lossy(&answer).split(' ').nth(1).context("no status")?.parse()?;
        if status != 200 {
            let mut body = Vec::new();
            stream.read_to_end(&mut body).await?;
            return Ok(refused(status, &body));
        }
        let parser = Parser::new(MAX_SERVER_PAYLOAD + 64);
        let (connection, events) = (String::new(), VecDeque::new());
        let mut opened = Self { to, token: token.to_owned(), connection, stream: Some(stream), parser, events };
        let first = opened.event().await?;
        ensure!(first.name == "open", "the first event is {first:?}");
        let data: Value = serde_json::from_str(&first.data)?;
        opened.connection = data["connection"].as_str().context("the connection has no name")?.to_owned();
        Ok(Opened::Live(Link::Events(Box::new(opened))))
    }

    pub(crate) async fn say(&mut self, said: Said) -> Result<()> {
        match said {
            Said::Cut | Said::Close(_) => self.stream = None,
            said => drop(post(self.to, &self.connection, &self.token, said).await?),
        }
        Ok(())
    }

    pub(crate) async fn next(&mut self) -> Result<Arrival> {
        let event = self.event().await?;
        let data: Value = serde_json::from_str(&event.data)?;
        match event.name.as_str() {
            "" => Ok(Arrival::Frame(data)),
            "close" => {
                let code = data["code"].as_u64().and_then(|code| u16::try_from(code).ok()).context("no code")?;
                Ok(Arrival::Closed(code, data["reason"].as_str().unwrap_or_default().to_owned()))
            }
            other => bail!("an event named {other}"),
        }
    }

    async fn event(&mut self) -> Result<Event> {
        let stream = self.stream.as_mut().context("the connection was cut")?;
        loop {
            if let Some(event) = self.events.pop_front() {
                return Ok(event);
            }
            let mut piece = vec![0; 16 * 1024];
            let read = tokio::time::timeout(PATIENCE, stream.read(&mut piece)).await;
            let read = read.map_err(|_| anyhow!("nothing comes"))??;
            ensure!(read > 0, "the answer ended without a close");
            piece.truncate(read);
            self.events.extend(self.parser.push(&piece).map_err(|_| anyhow!("an event is too long"))?);
        }
    }
}

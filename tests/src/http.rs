//! HTTP/1.1 over a plain socket: one request per connection, every raw byte kept.

use std::net::SocketAddr;

use anyhow::{Context, Result, bail, ensure};
use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock::PATIENCE;

/// A request.
#[derive(Debug, Clone, Default)]
pub struct Request {
    /// `GET`, `POST`, …
    pub method: String,
    /// Path and query.
    pub path: String,
    /// Headers besides `host`, `connection` and `content-length`.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// An answer.
#[derive(Debug, Clone)]
pub struct Response {
    /// The status.
    pub status: u16,
    /// Header names in lower case, with values.
    pub headers: Vec<(String, String)>,
    /// The body with any transfer coding removed.
    pub body: Vec<u8>,
    /// Whether the body ended as announced; false when the connection was cut.
    pub complete: bool,
    /// What followed a chunked body, as `headers`.
    pub trailers: Vec<(String, String)>,
}

impl Request {
    /// A request without a body.
    #[must_use]
    pub fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), ..Self::default() }
    }

    /// A `POST` of JSON.
    #[must_use]
    pub fn post(path: &str, body: &Value) -> Self {
        Self::new("POST", path).header("content-type", "application/json").body(body.to_string().into_bytes())
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// Adds `Authorization: Bearer`.
    #[must_use]
    pub fn bearer(self, token: &str) -> Self {
        self.header("authorization", &format!("Bearer {token}"))
    }

    /// Sets the body.
    #[must_use]
    pub fn body(mut self, body: Vec<u8>) -> Self {
        self.body = body;
        self
    }

    /// Sends it and reads the whole answer.
    ///
    /// # Errors
    /// When the server cannot be reached, says nothing intelligible, or hangs.
    pub async fn send(&self, to: SocketAddr) -> Result<Response> {
        let exchange = async {
            let mut stream = TcpStream::connect(to).await.with_context(|| format!("cannot connect to {to}"))?;
            // A server may answer and close before it has read a body that is too large.
            let _unread = stream.write_all(&self.bytes(to)).await;
            let mut raw = Vec::new();
            let mut chunk = vec![0; 16 * 1024];
            loop {
                match stream.read(&mut chunk).await {
                    Ok(0) => break,
                    Ok(n) => raw.extend_from_slice(chunk.get(..n).unwrap_or_default()),
                    Err(_reset) if !raw.is_empty() => break,
                    Err(error) => return Err(error.into()),
                }
            }
            Response::parse(&raw)
        };
        let answer = tokio::time::timeout(PATIENCE, exchange).await;
        answer.with_context(|| format!("{} {} hangs", self.method, self.path))?
    }

    fn bytes(&self, to: SocketAddr) -> Vec<u8> {
        let mut text = format!("{} {} HTTP/1.1\r\nhost: {to}\r\nconnection: close\r\n", self.method, self.path);
        for (name, value) in &self.headers {
            text.push_str(&format!("{name}: {value}\r\n"));
        }
        text.push_str(&format!("content-length: {}\r\n\r\n", self.body.len()));
        let mut bytes = text.into_bytes();
        bytes.extend_from_slice(&self.body);
        bytes
    }
}

impl Response {
    /// A header's value.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// The body as text.
    #[must_use]
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// The body as JSON.
    ///
    /// # Errors
    /// When it is not.
    pub fn json(&self) -> Result<Value> {
        serde_json::from_slice(&self.body).with_context(|| format!("{} is not JSON: {}", self.status, self.text()))
    }

    /// The body as JSON of an answer that must have this status.
    ///
    /// # Errors
    /// When the status differs or the body is not JSON.
    pub fn expect(&self, status: u16) -> Result<Value> {
        ensure!(self.status == status, "expected {status}, got {}: {}", self.status, self.text());
        self.json()
    }

    /// The data of a `text/event-stream` body's events, in order.
    #[must_use]
    pub fn events(&self) -> Vec<String> {
        let text = self.text().replace("\r\n", "\n");
        let data = |event: &str| {
            let lines: Vec<&str> =
                event.lines().filter_map(|line| line.strip_prefix("data:")).map(str::trim_start).collect();
            (!lines.is_empty()).then(|| lines.join("\n"))
        };
        text.split("\n\n").filter_map(data).collect()
    }

    fn parse(raw: &[u8]) -> Result<Self> {
        let end =
            find(raw, b"\r\n\r\n").with_context(|| format!("no HTTP answer: {:?}", String::from_utf8_lossy(raw)))?;
        let (head, rest) = raw.split_at(end);
        let head = std::str::from_utf8(head)?;
        let body = rest.get(4..).unwrap_or_default();
        let mut lines = head.split("\r\n");
        let status = lines.next().and_then(|line| line.split(' ').nth(1)).context("no status line")?.parse()?;
        let mut response =
            Self { status, headers: fields(lines), body: Vec::new(), complete: true, trailers: Vec::new() };
        if response.header("transfer-encoding").is_some_and(|coding| coding.contains("chunked")) {
            let trailers;
            (response.body, trailers) = unchunk(body)?;
            response.complete = trailers.is_some();
            response.trailers = fields(String::from_utf8_lossy(trailers.unwrap_or_default()).lines());
        } else {
            let announced = response.header("content-length").and_then(|n| n.parse::<usize>().ok());
            response.complete = announced.is_none_or(|n| n == body.len());
            response.body = body.to_vec();
        }
        Ok(response)
    }
}

/// A `GET`.
///
/// # Errors
/// As [`Request::send`].
pub async fn get(to: SocketAddr, path: &str) -> Result<Response> {
    Request::new("GET", path).send(to).await
}

/// A `POST` of JSON.
///
/// # Errors
/// As [`Request::send`].
pub async fn post(to: SocketAddr, path: &str, body: &Value) -> Result<Response> {
    Request::post(path, body).send(to).await
}

fn fields<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<(String, String)> {
    lines
        .filter_map(|line| line.split_once(':'))
        .map(|(name, value)| (name.to_ascii_lowercase(), value.trim().to_owned()))
        .collect()
}

/// The body, and what follows its last chunk; `None` when it was cut before.
fn unchunk(mut rest: &[u8]) -> Result<(Vec<u8>, Option<&[u8]>)> {
    let mut body = Vec::new();
    loop {
        let Some(end) = find(rest, b"\r\n") else { return Ok((body, None)) };
        let size = std::str::from_utf8(rest.get(..end).unwrap_or_default())?;
        let size = usize::from_str_radix(size.split(';').next().unwrap_or_default().trim(), 16)?;
        rest = rest.get(end + 2..).unwrap_or_default();
        if size == 0 {
            return Ok((body, Some(rest)));
        }
        let Some(chunk) = rest.get(..size) else {
            body.extend_from_slice(rest);
            return Ok((body, None));
        };
        body.extend_from_slice(chunk);
        match rest.get(size..size + 2) {
            Some(b"\r\n") => rest = rest.get(size + 2..).unwrap_or_default(),
            Some(other) => bail!("a chunk ends with {other:?}"),
            None => return Ok((body, None)),
        }
    }
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

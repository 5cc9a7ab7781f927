//! The server that follows scripts.

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

use super::script::{self, End, Part, Script};
use super::{DECENT, KEY};

/// A running upstream; dropping it stops it.
#[derive(Debug)]
pub struct Upstream {
    address: SocketAddr,
    seen: Arc<Seen>,
    task: tokio::task::JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Seen {
    requests: Mutex<Vec<Value>>,
    calls: Mutex<HashMap<String, usize>>,
    abandoned: AtomicUsize,
    sent: AtomicUsize,
    open: AtomicUsize,
}

impl Seen {
    /// What suites in other languages ask for: `GET /v1/seen`.
    fn report(&self) -> Value {
        json!({
            "requests": lock(&self.requests).len(),
            "last": lock(&self.requests).last(),
            "open": self.open.load(Ordering::SeqCst),
            "abandoned": self.abandoned.load(Ordering::SeqCst),
        })
    }
}

impl Upstream {
    /// Listens on an address; port 0 takes a free one.
    ///
    /// # Errors
    /// When it cannot listen there.
    pub async fn start(address: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind(address).await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let shared = seen.clone();
        #[allow(clippy::disallowed_methods, reason = "its owner is this value, which aborts it when dropped")]
        let task = tokio::spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let seen = shared.clone();
                connections.spawn(async move {
                    // A client that goes away is part of the play.
                    let _gone = converse(stream, &seen).await;
                });
                while connections.try_join_next().is_some() {}
            }
        });
        Ok(Self { address, seen, task })
    }

    /// Listens on a free loopback port.
    ///
    /// # Errors
    /// When there is none.
    pub async fn loopback() -> Result<Self> {
        Self::start(SocketAddr::from(([127, 0, 0, 1], 0))).await
    }

    /// The base URL to give to `--model-url`.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}/v1", self.address)
    }

    /// Every chat request so far, in order.
    #[must_use]
    pub fn requests(&self) -> Vec<Value> {
        lock(&self.seen.requests).clone()
    }

    /// Streams that the caller left before their end.
    #[must_use]
    pub fn abandoned(&self) -> usize {
        self.seen.abandoned.load(Ordering::SeqCst)
    }

    /// Deltas written so far, of all streams, noise included.
    #[must_use]
    pub fn sent(&self) -> usize {
        self.seen.sent.load(Ordering::SeqCst)
    }

    /// Streams that are being written or stalled now.
    #[must_use]
    pub fn open(&self) -> usize {
        self.seen.open.load(Ordering::SeqCst)
    }

    /// Waits for as long as the process runs.
    ///
    /// # Errors
    /// When the server ends, which it does not do by itself.
    pub async fn forever(mut self) -> Result<()> {
        (&mut self.task).await.context("the upstream ended")
    }
}

impl Drop for Upstream {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

async fn converse(mut stream: TcpStream, seen: &Seen) -> Result<()> {
    stream.set_nodelay(true)?;
    let (head, body) = read_request(&mut stream).await?;
    if head.starts_with("GET /v1/models") {
        return answer(&mut stream, 200, "application/json", &json!({"object": "list", "data": []}).to_string()).await;
    }
    if head.starts_with("GET /v1/seen") {
        return answer(&mut stream, 200, "application/json", &seen.report().to_string()).await;
    }
    if !head.starts_with("POST /v1/chat/completions") {
        return answer(&mut stream, 404, "application/json", &script::error(404).to_string()).await;
    }
    if !head.to_ascii_lowercase().contains(&format!("authorization: bearer {KEY}")) {
        return answer(&mut stream, 401, "application/json", &script::error(401).to_string()).await;
    }
    let request: Value = serde_json::from_slice(&body)?;
    let script = match pick(&request, seen) {
        Ok(script) => script,
        // Loud: a test with a misspelt script must not pass as one about errors.
        Err(error) => bail!("{error:#}"),
    };
    lock(&seen.requests).push(request.clone());
    if let Some((status, kind, body)) = script.failure() {
        return answer(&mut stream, status, kind, &body).await;
    }
    if !script.raw.is_empty() {
        return recite(stream, &script.raw, seen).await;
    }
    if request["stream"] == true {
        play(stream, &script, seen).await
    } else {
        answer(&mut stream, 200, "application/json", &script.whole().to_string()).await
    }
}

fn pick(request: &Value, seen: &Seen) -> Result<Script> {
    let messages = request["messages"].as_array().context("no messages")?;
    let told = messages.iter().rev().filter(|m| m["role"] == "user").find_map(|m| script::read(m["content"].as_str()?));
    let Some((name, scripts)) = told else { return Ok(Script::say(&[DECENT])) };
    let scripts = scripts?;
    let mut calls = lock(&seen.calls);
    let call = calls.entry(name).or_default();
    let script = scripts.get(*call).or(scripts.last()).context("no script in the list")?;
    *call += 1;
    Ok(script.clone())
}

/// Counts a stream as abandoned unless it reached its own end.
struct Open<'a>(&'a Seen, bool);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::SeqCst);
        if !self.1 {
            self.0.abandoned.fetch_add(1, Ordering::SeqCst);
        }
    }
}

async fn play(stream: TcpStream, script: &Script, seen: &Seen) -> Result<()> {
    seen.open.fetch_add(1, Ordering::SeqCst);
    let mut open = Open(seen, false);
    let (mut from, mut to) = stream.into_split();
    // Reading notices at once when the caller hangs up, even in a stall.
    let mut unread = [0u8; 64];
    let ended = tokio::select! {
        ended = perform(&mut to, script, seen) => ended,
        _gone = from.read(&mut unread) => bail!("the caller hung up"),
    };
    open.1 = ended.is_ok();
    ended?;
    if script.end == End::Cut {
        let stream = to.reunite(from)?;
        stream.set_zero_linger()?;
    }
    Ok(())
}

/// Writes what it is told and looks at nothing else: a caller that hangs up is noticed only when
/// writing fails.
async fn recite(mut stream: TcpStream, parts: &[Part], seen: &Seen) -> Result<()> {
    seen.open.fetch_add(1, Ordering::SeqCst);
    let mut open = Open(seen, false);
    for part in parts {
        match part {
            Part::Text(text) => stream.write_all(text.as_bytes()).await?,
            Part::Bytes(bytes) => stream.write_all(bytes).await?,
            Part::Times(times, text) => stream.write_all(text.repeat(*times).as_bytes()).await?,
            Part::Forever(text) => {
                let block = text.repeat((64 << 10) / text.len().max(1) + 1);
                loop {
                    stream.write_all(block.as_bytes()).await?;
                }
            }
            Part::Hold => {
                let _gone = stream.read(&mut [0; 64]).await?;
                return Ok(());
            }
            Part::HalfClose => {
                stream.shutdown().await?;
                let _gone = stream.read(&mut [0; 64]).await?;
            }
        }
        // Each part is a segment of its own, as far as that can be had.
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    stream.shutdown().await?;
    open.1 = true;
    Ok(())
}

async fn perform(to: &mut (impl AsyncWriteExt + Unpin), script: &Script, seen: &Seen) -> Result<()> {
    let head =
        "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n";
    to.write_all(head.as_bytes()).await?;
    for (before, event) in script.events().iter().enumerate() {
        tokio::time::sleep(Duration::from_millis(script.gap_ms)).await;
        write(to, event, script.write_bytes).await?;
        // The first one carries no words.
        seen.sent.fetch_add(before.min(1), Ordering::SeqCst);
    }
    for event in script.ending() {
        write(to, &event, script.write_bytes).await?;
    }
    match script.end {
        End::Stall => std::future::pending::<()>().await,
        // What was written must arrive before the reset that follows.
        End::Cut => tokio::time::sleep(Duration::from_millis(50)).await,
        _proper => to.write_all(b"0\r\n\r\n").await?,
    }
    Ok(())
}

async fn write(to: &mut (impl AsyncWriteExt + Unpin), bytes: &[u8], at_once: usize) -> Result<()> {
    let size = if at_once == 0 { bytes.len().max(1) } else { at_once };
    for piece in bytes.chunks(size) {
        let mut chunk = format!("{:x}\r\n", piece.len()).into_bytes();
        chunk.extend_from_slice(piece);
        chunk.extend_from_slice(b"\r\n");
        to.write_all(&chunk).await?;
        to.flush().await?;
    }
    Ok(())
}

async fn answer(stream: &mut TcpStream, status: u16, kind: &str, body: &str) -> Result<()> {
    let head = format!(
        "HTTP/1.1 {status} Scripted\r\ncontent-type: {kind}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).await?;
    stream.write_all(body.as_bytes()).await?;
    Ok(stream.shutdown().await?)
}

async fn read_request(stream: &mut TcpStream) -> Result<(String, Vec<u8>)> {
    let mut raw = Vec::new();
    let mut chunk = vec![0u8; 16 * 1024];
    loop {
        let n = stream.read(&mut chunk).await?;
        raw.extend_from_slice(chunk.get(..n).unwrap_or_default());
        let Some(end) = raw.windows(4).position(|window| window == b"\r\n\r\n") else {
            anyhow::ensure!(n > 0, "the request ended early");
            continue;
        };
        let head = String::from_utf8_lossy(raw.get(..end).unwrap_or_default()).into_owned();
        let length = head
            .lines()
            .filter_map(|line| line.split_once(':'))
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"))
            .map_or(Ok(0), |(_, value)| value.trim().parse::<usize>())?;
        let body = raw.get(end + 4..).unwrap_or_default();
        if body.len() >= length {
            return Ok((head, body.to_vec()));
        }
        anyhow::ensure!(n > 0, "the body ended early");
    }
}

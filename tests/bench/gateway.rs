//! What the gateway adds in front of a model: time to the first character, and processor time.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::clock;
use rolecall_tests::process;
use rolecall_tests::server::{Options, Server};
use serde_json::json;

use super::bare::Bare;
use super::table::Row;

/// Requests timed each way, after as many again that warm up.
const REQUESTS: usize = 2_000;

/// Connections of the throughput run, and what each asks.
const CALLERS: usize = 4;
const ASKED: usize = 1_000;

pub(crate) async fn run() -> Result<Vec<Row>> {
    let upstream = Bare::start("instant-upstream")?;
    let options = Options { quiet: true, ..Options::upstream(&format!("http://{}/v1", upstream.address)) };
    let server = Server::start(options.flag("--log-level", "warn")).await?;
    let (direct, through, pid) = (upstream.address, server.address(), server.pid()?);
    tokio::task::spawn_blocking(move || measure(direct, through, pid)).await?
}

fn measure(direct: SocketAddr, through: SocketAddr, pid: i32) -> Result<Vec<Row>> {
    let (mut direct, mut through) = (Caller::new(direct)?, Caller::new(through)?);
    let (mut straight, mut gone_through) = (Vec::new(), Vec::new());
    for round in 0..REQUESTS * 2 {
        // In turn, so that both meet the machine in the same state.
        let pair = (direct.ask()?, through.ask()?);
        if round >= REQUESTS {
            straight.push(pair.0);
            gone_through.push(pair.1);
        }
    }
    let opened = direct.connections()?;
    let cpu = process::cpu(pid)?;
    let to = through.to;
    let callers: Vec<_> = (0..CALLERS)
        .map(|_| {
            std::thread::spawn(move || {
                let mut caller = Caller::new(to)?;
                (0..ASKED).try_for_each(|_| caller.ask().map(|_| ()))
            })
        })
        .collect();
    for caller in callers {
        caller.join().map_err(|_| anyhow::anyhow!("a caller panicked"))??;
    }
    let cpu = (process::cpu(pid)? - cpu).max(0.01);
    let asked = (CALLERS * ASKED) as f64;
    let (p50, p99) =
        ((at(&mut straight, 50), at(&mut gone_through, 50)), (at(&mut straight, 99), at(&mut gone_through, 99)));
    Ok(vec![
        Row::new("first character through the gateway, p50", p50.1, "µs").against("the model called directly", p50.0),
        Row::new("the same, p99", p99.1, "µs").against("the model called directly", p99.0),
        Row::new("  added by the gateway, p50", p50.1 - p50.0, "µs").against("the limit", 150.0),
        Row::new("  added by the gateway, p99", p99.1 - p99.0, "µs"),
        Row::new("completions per server CPU second", asked / cpu, "1/s"),
        Row::new("connections to the model, of one caller", opened - 1.0, "")
            .against("requests", (REQUESTS * 2) as f64),
    ])
}

/// The value below which this share of a hundred lies.
fn at(times: &mut [f64], percent: usize) -> f64 {
    times.sort_by(f64::total_cmp);
    times.get(times.len() * percent / 100).copied().unwrap_or_default()
}

/// One connection that asks for streams, one after the other.
struct Caller {
    to: SocketAddr,
    stream: TcpStream,
    request: Vec<u8>,
    answer: Vec<u8>,
}

impl Caller {
    fn new(to: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to)?;
        stream.set_nodelay(true)?;
        let said = [json!({"role": "user", "content": "天下大势如何？"})];
        let body = json!({"model": "storyteller", "stream": true, "messages": said}).to_string();
        let request = format!(
            "POST /v1/chat/completions HTTP/1.1\r\nhost: {to}\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
            body.len()
        );
        Ok(Self { to, stream, request: request.into_bytes(), answer: Vec::new() })
    }

    /// Microseconds to the first character; reads the answer to its end.
    fn ask(&mut self) -> Result<f64> {
        self.answer.clear();
        let start = clock::now();
        self.stream.write_all(&self.request)?;
        let mut first = None;
        let mut buffer = [0; 16 << 10];
        while !self.answer.ends_with(b"0\r\n\r\n") {
            let read = self.stream.read(&mut buffer)?;
            ensure!(read > 0, "the answer ended early: {:?}", String::from_utf8_lossy(&self.answer));
            self.answer.extend_from_slice(buffer.get(..read).unwrap_or_default());
            if first.is_none() && has_text(&self.answer) {
                first = Some(start.elapsed().as_secs_f64() * 1e6);
            }
        }
        first.with_context(|| format!("no text in {:?}", String::from_utf8_lossy(&self.answer)))
    }

    /// How many connections the upstream has accepted.
    fn connections(&mut self) -> Result<f64> {
        self.stream.write_all(b"GET /connections HTTP/1.1\r\nhost: x\r\n\r\n")?;
        let mut answer = BufReader::new(&self.stream);
        let mut line = String::new();
        loop {
            line.clear();
            answer.read_line(&mut line)?;
            if let Some(count) = line.strip_prefix("x-connections: ") {
                let count = count.trim().parse()?;
                while line != "\r\n" {
                    line.clear();
                    answer.read_line(&mut line)?;
                }
                return Ok(count);
            }
            ensure!(!line.is_empty(), "no count");
        }
    }
}

fn has_text(answer: &[u8]) -> bool {
    let key = b"\"content\":\"";
    answer.windows(key.len() + 1).any(|window| window.starts_with(key) && window.last() != Some(&b'"'))
}

/// A model that answers at once, on connections that stay open; it prints its address first.
pub(crate) fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    let accepted = Arc::new(AtomicU64::new(0));
    let answer = Arc::new(answer());
    loop {
        let (stream, _) = listener.accept()?;
        accepted.fetch_add(1, Ordering::SeqCst);
        let (accepted, answer) = (Arc::clone(&accepted), Arc::clone(&answer));
        std::thread::spawn(move || converse(stream, &accepted, &answer));
    }
}

fn converse(mut stream: TcpStream, accepted: &AtomicU64, answer: &[u8]) -> Result<()> {
    stream.set_nodelay(true)?;
    let mut reader = BufReader::new(stream.try_clone()?);
    loop {
        let (mut length, mut head, mut line) = (0usize, String::new(), String::new());
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                bail!("the caller hung up");
            }
            if line == "\r\n" {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse()?;
            }
            head.push_str(&line);
        }
        if head.starts_with("GET /connections") {
            let count = accepted.load(Ordering::SeqCst);
            write!(stream, "HTTP/1.1 200 OK\r\nx-connections: {count}\r\ncontent-length: 0\r\n\r\n")?;
            continue;
        }
        std::io::copy(&mut reader.by_ref().take(length as u64), &mut std::io::sink())?;
        stream.write_all(answer)?;
        // As real servers do: the end of the body comes by itself.
        stream.write_all(b"0\r\n\r\n")?;
    }
}

/// A streamed completion as servers send it: an event for the role, for the text, for the end.
fn answer() -> Vec<u8> {
    let choice = |delta: serde_json::Value, finish: Option<&str>| {
        json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "instant",
            "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
    };
    let usage = json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "instant", "choices": [],
        "usage": {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}});
    let events = [
        choice(json!({"role": "assistant", "content": ""}), None).to_string(),
        choice(json!({"content": "合久必分，"}), None).to_string(),
        choice(json!({"content": "分久必合。"}), None).to_string(),
        choice(json!({}), Some("stop")).to_string(),
        usage.to_string(),
        "[DONE]".to_owned(),
    ];
    let mut answer =
        b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n".to_vec();
    for event in events {
        let event = format!("data: {event}\n\n");
        answer.extend_from_slice(format!("{:x}\r\n{event}\r\n", event.len()).as_bytes());
    }
    answer
}

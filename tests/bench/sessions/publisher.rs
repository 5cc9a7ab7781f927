//! What puts messages into a server, from outside of it and through the network, for every product alike as far as their
//! interfaces are alike:
//!
//! - HTTP, keep-alive, [`LANES`] requests under way: rolecall by its own call, which takes one message; the Node and Go servers by
//!   a call that ours of `tests/peers` have, which takes a list. A list of one costs what rolecall's call costs; a long list
//!   leaves little of the way in, which rolecall has no call for.
//! - MQTT, one connection, [`LANES`] messages of QoS 1 unacknowledged: mosquitto. No HTTP is in its figures.

use std::ops::RangeInclusive;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rolecall_tests::clock::PATIENCE;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::task::JoinSet;

use super::product::{House, Product};
use super::schedule::Schedule;
use super::{mqtt, payload};

/// Messages, or requests, under way at the same time.
const LANES: usize = 64;

/// What is to be published: to each of the first `sessions` sessions these numbers, round robin.
#[derive(Debug, Clone)]
pub(crate) struct Task {
    pub(crate) sessions: usize,
    pub(crate) numbers: RangeInclusive<u64>,
    /// Messages in one request, where the product has such a call.
    pub(crate) batch: usize,
    /// Messages per second; as fast as they are taken when `None`.
    pub(crate) rate: Option<f64>,
}

/// Publishes everything; returns when the server has taken all of it.
pub(crate) async fn publish(house: &House, task: Task) -> Result<()> {
    if house.product == Product::Mosquitto {
        return packets(house, &task).await;
    }
    let batch = if house.product == Product::Rolecall { 1 } else { task.batch.max(1) };
    let requests = Arc::new(Requests {
        product: house.product,
        host: house.address.to_string(),
        sessions: house.sessions.iter().map(|session| session.id.clone()).collect(),
    });
    let count = LANES.min(task.sessions.div_ceil(batch));
    let schedule = Schedule::start(&task, batch, count);
    let mut lanes = JoinSet::new();
    for lane in 0..count {
        let (requests, task, to) = (Arc::clone(&requests), task.clone(), house.address);
        let schedule = Arc::clone(&schedule);
        lanes.spawn(async move {
            let mut lane_to = Lane::open(to).await?;
            for (round, number) in task.numbers.clone().enumerate() {
                // A session is always published to by the same lane: its messages stay in order.
                for first in (lane * batch..task.sessions).step_by(count * batch) {
                    schedule.next(lane).await?;
                    let last = (first + batch).min(task.sessions);
                    let sent = schedule.stamp(round * task.sessions + first);
                    lane_to.call(&requests.write(first..last, number, sent)?).await?;
                }
            }
            anyhow::Ok(())
        });
    }
    while let Some(lane) = lanes.join_next().await {
        lane??;
    }
    Ok(())
}

/// How the products take messages over HTTP.
struct Requests {
    product: Product,
    host: String,
    /// The ids of rolecall's sessions.
    sessions: Vec<String>,
}

impl Requests {
    /// The message of this number to each of these sessions, sent then.
    fn write(&self, sessions: std::ops::Range<usize>, number: u64, sent: u64) -> Result<Vec<u8>> {
        let (path, body) = if self.product == Product::Rolecall {
            let id = self.sessions.get(sessions.start).context("no such session")?;
            let text = payload::write(number, sent);
            // Urgent: one that is not is gathered with others for 300 ms, while a client is there.
            let body = format!(r#"{{"biz_id":"m{number}","role":"bench","priority":"high","text":"{text}"}}"#);
            (format!("/v1/sessions/{id}/messages"), body)
        } else {
            let messages: Vec<String> =
                sessions.map(|session| format!(r#"[{session},"{}"]"#, payload::write(number, sent))).collect();
            ("/publish".to_owned(), format!("[{}]", messages.join(",")))
        };
        let (host, length) = (&self.host, body.len());
        let head = format!("POST {path} HTTP/1.1\r\nhost: {host}\r\ncontent-type: application/json\r\n");
        Ok(format!("{head}content-length: {length}\r\n\r\n{body}").into_bytes())
    }
}

/// A connection for one request after another.
struct Lane {
    stream: TcpStream,
    answer: Vec<u8>,
}

impl Lane {
    async fn open(to: std::net::SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(to).await?;
        stream.set_nodelay(true)?;
        Ok(Self { stream, answer: Vec::with_capacity(1_024) })
    }

    async fn call(&mut self, request: &[u8]) -> Result<()> {
        let exchange = async {
            self.stream.write_all(request).await?;
            self.answer.clear();
            while !answered(&self.answer)? {
                let read = self.stream.read_buf(&mut self.answer).await?;
                ensure!(read > 0, "the server hung up: {}", String::from_utf8_lossy(&self.answer));
            }
            Ok(())
        };
        tokio::time::timeout(PATIENCE, exchange).await.context("a publication hangs")?
    }
}

/// Whether an answer is there as a whole; one that says no is an error.
fn answered(answer: &[u8]) -> Result<bool> {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return Ok(false) };
    let lower = head.to_ascii_lowercase();
    let length = lower.lines().find_map(|line| line.strip_prefix("content-length:"));
    let length: usize = length.context("an answer without a length")?.trim().parse()?;
    if body.len() < length {
        return Ok(false);
    }
    let status = head.split(' ').nth(1).unwrap_or_default();
    ensure!(matches!(status, "200" | "202"), "not published: {text}");
    Ok(true)
}

/// By MQTT.
async fn packets(house: &House, task: &Task) -> Result<()> {
    let mut stream = TcpStream::connect(house.address).await?;
    stream.set_nodelay(true)?;
    stream.write_all(&mqtt::connect_publisher()?).await?;
    let schedule = Schedule::start(task, 1, 1);
    let total = task.numbers.clone().count() * task.sessions;
    let (mut sent, mut taken, mut buffer) = (0, 0, Vec::new());
    while taken < total {
        tokio::select! {
            due = schedule.next(0), if sent < total && sent - taken < LANES => {
                due?;
                let mut out = packet(task, &schedule, sent)?;
                sent += 1;
                while sent < total && sent - taken < LANES && schedule.next_at_once(0) {
                    out.extend(packet(task, &schedule, sent)?);
                    sent += 1;
                }
                stream.write_all(&out).await?;
            }
            read = tokio::time::timeout(PATIENCE, stream.read_buf(&mut buffer)) => {
                ensure!(read.context("nothing is acknowledged")?? > 0, "the publisher was disconnected");
                while let Some(length) = mqtt::whole(&buffer) {
                    let rest = buffer.split_off(length);
                    taken += usize::from(mqtt::taken(&buffer)?);
                    buffer = rest;
                }
            }
        }
    }
    Ok(())
}

/// The message of this place in the order.
fn packet(task: &Task, schedule: &Schedule, place: usize) -> Result<Vec<u8>> {
    let number = task.numbers.start() + u64::try_from(place / task.sessions)?;
    let id = u16::try_from(place % 60_000)? + 1;
    let text = payload::write(number, schedule.stamp(place));
    mqtt::publish(id, &mqtt::topic(place % task.sessions), text.as_bytes())
}

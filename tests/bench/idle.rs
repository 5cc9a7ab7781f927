//! Many idle sessions: memory per session and the cost of a handshake.

use std::future::Future;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use rolecall_tests::api;
use rolecall_tests::http;
use rolecall_tests::process;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::ws::{self, Arrival, Hello, Socket};
use tokio::net::{TcpSocket, TcpStream};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;

use super::bare::Bare;
use super::table::Row;

/// Until then sessions in which nothing happens sleep, which they do after 10 s, and the allocator has given back what handshakes
/// and they took, which takes it some 10 s more.
const QUIET: Duration = Duration::from_secs(35);

/// Handshakes in flight.
const AT_ONCE: usize = 64;

/// Connections from one source address: far below the ports that one has.
const PER_SOURCE: usize = 5_000;

pub(crate) async fn run(count: usize) -> Result<Vec<Row>> {
    process::open_files(count as u64 + 1_000, "--sessions")?;
    let (bare_rss, bare_cpu) = bare(count).await.context("the baseline")?;
    let server = Server::start(Options { quiet: true, ..Options::default() }.flag("--log-level", "warn")).await?;
    let (to, pid) = (server.address(), server.pid()?);
    let rss_at_start = process::rss(pid)?;
    let cpu_at_start = process::cpu(pid)?;
    let sessions = many(count, |_| api::create(to, "storyteller")).await?;
    let cpu_created = process::cpu(pid)?;
    let rss_created = process::rss(pid)?;
    let connected =
        many(count, |index| attach(to, sessions.get(index).map(|session| session.token.clone()), index)).await?;
    let cpu_attached = process::cpu(pid)?;
    // Pings are answered by whoever reads; frames are none of interest.
    let mut clients = JoinSet::new();
    for mut socket in connected {
        clients.spawn(async move { while let Ok(None | Some(Arrival::Frame(_))) = socket.within(QUIET).await {} });
    }
    tokio::time::sleep(QUIET).await;
    let rss_idle = process::rss(pid)?;
    let cpu_idle = process::cpu(pid)?;
    tokio::time::sleep(Duration::from_secs(5)).await;
    let per_second = (process::cpu(pid)? - cpu_idle) / 5.0;
    let (asleep, attached) = (sessions_that_are(to, "asleep").await?, sessions_that_are(to, "attached").await?);
    // Those that expired meanwhile would be measured as small.
    ensure!(asleep + attached >= count as f64, "only {asleep} + {attached} of {count} sessions are still connected");
    let each = count as f64;
    Ok(vec![
        Row::new("idle sessions connected", each, ""),
        Row::new("  of which asleep", asleep, ""),
        Row::new("server RSS per idle session", (rss_idle - rss_at_start) / each, "B")
            .against("bare echo connection", bare_rss),
        Row::new("  of which before connecting", (rss_created - rss_at_start) / each, "B"),
        Row::new("server CPU per session created", (cpu_created - cpu_at_start) * 1e6 / each, "µs"),
        Row::new("server CPU per handshake with resume", (cpu_attached - cpu_created) * 1e6 / each, "µs")
            .against("bare handshake", bare_cpu),
        Row::new("handshakes per server CPU second", each / (cpu_attached - cpu_created).max(0.01), "1/s"),
        Row::new("server CPU per idle session", per_second * 1e6 / each, "µs/s"),
    ])
}

/// Memory and processor time of one connection that does nothing, with the same buffers.
async fn bare(count: usize) -> Result<(f64, f64)> {
    let server = Bare::start("bare-server")?;
    let (to, pid) = (server.address, server.pid()?);
    let (rss, cpu) = (process::rss(pid)?, process::cpu(pid)?);
    let sockets = many(count, |index| handshake(to, index)).await?;
    let used = process::cpu(pid)? - cpu;
    let mut clients = JoinSet::new();
    for mut socket in sockets {
        clients.spawn(async move { while let Some(Ok(_)) = socket.next().await {} });
    }
    tokio::time::sleep(QUIET).await;
    let grown = process::rss(pid)? - rss;
    ensure!(clients.try_join_next().is_none() && clients.len() == count, "not all of {count} are connected any more");
    Ok((grown / count as f64, used * 1e6 / count as f64))
}

/// How many sessions are in a state: `attached` with an actor, or `asleep` without one.
async fn sessions_that_are(to: SocketAddr, state: &str) -> Result<f64> {
    let metrics = http::get(to, "/metrics").await?.text();
    let prefix = format!("sessions{{state=\"{state}\"}} ");
    let gauge = metrics.lines().find_map(|line| line.strip_prefix(&prefix));
    gauge.with_context(|| format!("no gauge {prefix}"))?.parse().context("a gauge is a number")
}

async fn many<T, F: Future<Output = Result<T>>>(count: usize, one: impl Fn(usize) -> F) -> Result<Vec<T>> {
    stream::iter((0..count).map(one)).buffered(AT_ONCE).try_collect().await
}

async fn attach(to: SocketAddr, token: Option<String>, index: usize) -> Result<Socket> {
    let hello = Hello { source: Some(source(index)?), ..Hello::fresh(&token.context("no session")?) };
    let mut socket = ws::connect(to, &hello).await?;
    socket.until("resumed", |_| Ok(())).await?;
    Ok(socket)
}

async fn handshake(to: SocketAddr, index: usize) -> Result<WebSocketStream<TcpStream>> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((source(index)?, 0)))?;
    let stream = socket.connect(to).await?;
    let url = format!("ws://{to}/");
    let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(ws::small_buffers())).await?;
    Ok(socket)
}

fn source(index: usize) -> Result<Ipv4Addr> {
    Ok(Ipv4Addr::new(127, 0, 1, u8::try_from(index / PER_SOURCE + 1)?))
}

//! Many idle sessions: memory per session and the cost of a handshake.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::http;
use rolecall_tests::process;
use rolecall_tests::server::{Options, Server};
use tempfile::TempDir;

use super::bare::Bare;
use super::holders::Holders;
use super::plan;
use super::table::Row;

/// Until then sessions in which nothing happens sleep, which they do after 10 s, and the allocator has given back what handshakes
/// and they took, which takes it some 10 s more.
const QUIET: Duration = Duration::from_secs(35);

/// Clients that come and go before anything is measured: the first ones bring code into memory and let the allocator take its
/// arenas, once and for all.
const FIRST: usize = 500;

/// How long their sessions may take to leave memory, which they do a minute after their clients.
const GONE: Duration = Duration::from_secs(120);

/// How long processor time is counted at least; one beat of everybody must fall into it.
const WATCH: Duration = Duration::from_secs(20);

/// Connections of the server besides those of the clients.
const BESIDES: usize = 100;

/// How many, and how often they beat.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Idle {
    pub(crate) sessions: usize,
    /// Seconds between two beats; the table's of 4G when `None`. A million need longer ones on two processors.
    pub(crate) beat_s: Option<u32>,
}

pub(crate) async fn run(idle: Idle) -> Result<Vec<Row>> {
    let most = plan::clients_per_process(idle.sessions)?;
    let count = idle.sessions;
    let (bare_rss, bare_cpu) = bare(count, most).await.context("the baseline")?;
    let contracts = TempDir::with_prefix("rolecall-bench-")?;
    std::fs::write(contracts.path().join("storyteller.role"), idle.role())?;
    let server = Server::start(
        Options { quiet: true, contracts: contracts.path().to_owned(), ..Options::default() }
            .flag("--log-level", "warn")
            .flag("--max-connections", &(count + BESIDES).to_string())
            .flag("--address-connections", "off")
            .flag("--address-requests", "off"),
    )
    .await?;
    let (to, pid) = (server.address(), server.pid()?);
    warm(to, Some("storyteller"), most).await?;
    until_none_is_detached(to).await?;
    tokio::time::sleep(QUIET).await;
    let mut clients = Holders::start(to, Some("storyteller"), count, most).await?;
    let (rss_at_start, cpu_at_start) = (process::rss(pid)?, process::cpu(pid)?);
    clients.step("created").await?;
    let (rss_created, cpu_created) = (process::rss(pid)?, process::cpu(pid)?);
    clients.step("connected").await?;
    let cpu_attached = process::cpu(pid)?;
    tokio::time::sleep(QUIET).await;
    let (rss_idle, cpu_idle) = (process::rss(pid)?, process::cpu(pid)?);
    let watch = WATCH.max(Duration::from_secs(idle.beat_s.unwrap_or_default().into()));
    tokio::time::sleep(watch).await;
    let per_second = (process::cpu(pid)? - cpu_idle) / watch.as_secs_f64();
    let (asleep, attached) = (sessions_that_are(to, "asleep").await?, sessions_that_are(to, "attached").await?);
    // Those that expired meanwhile would be measured as small.
    clients.step("connected still").await?;
    clients.end().await?;
    ensure!(asleep + attached >= count as f64, "only {asleep} + {attached} of {count} sessions are still connected");
    let each = count as f64;
    Ok(vec![
        Row::new("idle sessions connected", each, ""),
        Row::new("  of which asleep", asleep, ""),
        Row::new("server RSS per idle session", (rss_idle - rss_at_start) / each, "B")
            .against("bare echo connection", bare_rss),
        Row::new("  of which before connecting", (rss_created - rss_at_start) / each, "B"),
        Row::new("server RSS in all", rss_idle / f64::from(1 << 20), "MiB"),
        Row::new("server CPU per session created", (cpu_created - cpu_at_start) * 1e6 / each, "µs"),
        Row::new("server CPU per handshake with resume", (cpu_attached - cpu_created) * 1e6 / each, "µs")
            .against("bare handshake", bare_cpu),
        Row::new("handshakes per server CPU second", each / (cpu_attached - cpu_created).max(0.01), "1/s"),
        Row::new(idle.watched(), per_second * 1e6 / each, "µs/s"),
    ])
}

impl Idle {
    fn role(self) -> String {
        let beats = self.beat_s.map_or_else(String::new, |beat_s| {
            format!("heartbeat {{ timeout 600s floor 1s base {{ 4g {beat_s}s 3g {beat_s}s other {beat_s}s }} }}")
        });
        format!(
            "role storyteller {{\n version 1.0.0\n language zh\n persona \"说书人。\"\n {beats}\n constraints {{ \
             max_chars 500 }}\n}}\n"
        )
    }

    fn watched(self) -> String {
        match self.beat_s {
            Some(beat_s) => format!("server CPU per idle session, beats of {beat_s} s"),
            None => "server CPU per idle session, beats of 8 s".to_owned(),
        }
    }
}

/// Lets the first clients come and go.
async fn warm(to: SocketAddr, role: Option<&str>, most: usize) -> Result<()> {
    let mut first = Holders::start(to, role, FIRST, most).await?;
    if role.is_some() {
        first.step("created").await?;
    }
    first.step("connected").await?;
    first.end().await
}

/// Waits until every session without a client has left memory.
async fn until_none_is_detached(to: SocketAddr) -> Result<()> {
    let left = async {
        while sessions_that_are(to, "detached").await? > 0.0 {
            tokio::time::sleep(Duration::from_secs(1)).await;
        }
        Ok(())
    };
    tokio::time::timeout(GONE, left).await.context("sessions do not leave memory")?
}

/// Memory and processor time of one connection that does nothing, with the same buffers.
async fn bare(count: usize, most: usize) -> Result<(f64, f64)> {
    let server = Bare::start("bare-server", &[])?;
    let pid = server.pid()?;
    warm(server.address, None, most).await?;
    tokio::time::sleep(QUIET).await;
    let mut clients = Holders::start(server.address, None, count, most).await?;
    let (rss, cpu) = (process::rss(pid)?, process::cpu(pid)?);
    clients.step("connected").await?;
    let used = process::cpu(pid)? - cpu;
    tokio::time::sleep(QUIET).await;
    let grown = process::rss(pid)? - rss;
    clients.step("connected still").await?;
    clients.end().await?;
    Ok((grown / count as f64, used * 1e6 / count as f64))
}

/// How many sessions are in a state: `attached` with an actor, or `asleep` without one.
async fn sessions_that_are(to: SocketAddr, state: &str) -> Result<f64> {
    let metrics = http::get(to, "/metrics").await?.text();
    let prefix = format!("sessions{{state=\"{state}\"}} ");
    let gauge = metrics.lines().find_map(|line| line.strip_prefix(&prefix));
    gauge.with_context(|| format!("no gauge {prefix}"))?.parse().context("a gauge is a number")
}

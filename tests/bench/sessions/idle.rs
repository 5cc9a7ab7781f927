//! Sessions in which nothing happens, connected.

use std::time::Duration;

use anyhow::{Context, Result};

use super::client::Work;
use super::crowd::{self, AT_ONCE};
use super::product::House;

/// Until then rolecall's sessions sleep and the servers' allocators have given back what handshakes took.
const QUIET: Duration = Duration::from_secs(35);

/// Clients that come and go before anything is measured: the first ones bring code into memory and let the allocator take its
/// arenas, once and for all.
const FIRST: usize = 500;

/// How long what they leave behind may take to go: rolecall's sessions stay in memory for a minute behind their clients, and
/// allocators give back some 20 s later.
const GONE: Duration = Duration::from_secs(90);

/// What a session costs that does nothing.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Bytes of the server, for a session.
    pub(crate) rss: f64,
    /// Microseconds of the server's processor, for a session from nothing to connected.
    pub(crate) cpu: f64,
}

pub(crate) async fn measure(house: &mut House, count: usize) -> Result<Figures> {
    // Sessions of their own: a server that keeps them would know those that are measured.
    let first = house.clients(count..count + FIRST).await?;
    let first = crowd::all(first, AT_ONCE, Work::Connect).await.context("the first clients")?;
    drop(crowd::all(first, FIRST, Work::Cut).await?);
    tokio::time::sleep(GONE).await;
    let (rss, cpu) = (house.rss()?, house.cpu()?);
    let clients = house.clients(0..count).await?;
    let clients = crowd::all(clients, AT_ONCE, Work::Connect).await?;
    let cpu = house.cpu()? - cpu;
    let _clients = crowd::all(clients, count, Work::Stay(QUIET)).await.context("while nothing happens")?;
    let rss = house.rss()? - rss;
    Ok(Figures { rss: rss / count as f64, cpu: cpu * 1e6 / count as f64 })
}

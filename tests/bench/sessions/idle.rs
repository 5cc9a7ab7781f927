//! Sessions in which nothing happens, connected.

use std::time::Duration;

use anyhow::{Context, Result};

use super::client::Work;
use super::crowd::{self, AT_ONCE};
use super::product::House;

/// Until then rolecall's sessions sleep and the servers' allocators have given back what handshakes took.
const QUIET: Duration = Duration::from_secs(35);

/// What a session costs that does nothing.
#[derive(Debug)]
pub(crate) struct Figures {
    /// Bytes of the server, for a session.
    pub(crate) rss: f64,
    /// Microseconds of the server's processor, for a session from nothing to connected.
    pub(crate) cpu: f64,
}

pub(crate) async fn measure(house: &mut House, count: usize) -> Result<Figures> {
    let (rss, cpu) = (house.rss()?, house.cpu()?);
    let clients = house.clients(count).await?;
    let clients = crowd::all(clients, AT_ONCE, Work::Connect).await?;
    let cpu = house.cpu()? - cpu;
    let _clients = crowd::all(clients, count, Work::Stay(QUIET)).await.context("while nothing happens")?;
    let rss = house.rss()? - rss;
    Ok(Figures { rss: rss / count as f64, cpu: cpu * 1e6 / count as f64 })
}

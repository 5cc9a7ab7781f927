//! Clients that were cut off, missed messages, and come back with their place.

use std::time::Duration;

use anyhow::{Context, Result};
use rolecall_tests::clock;

use super::client::Work;
use super::crowd::{self, AT_ONCE};
use super::product::House;
use super::publisher::{self, Task};
use super::share;

/// Messages that each client misses, behind the one that it has.
const MISSED: u64 = 100;

/// Until then a server has seen which connections were cut, and acknowledgements have been taken in.
const SETTLED: Duration = Duration::from_secs(2);

/// What it took to bring everybody up to date.
#[derive(Debug)]
pub(crate) struct Figures {
    pub(crate) messages: f64,
    /// From the first dial until everybody has everything, in seconds.
    pub(crate) wall: f64,
    /// Of the server, in seconds.
    pub(crate) cpu: f64,
    /// Of the server, at the end, in bytes.
    pub(crate) rss: f64,
    /// From the dial to the last missed message of one client, in milliseconds: half of them, 99 of 100, all.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    pub(crate) max: f64,
}

impl Figures {
    /// Processor time of the server for a message that was missed, in microseconds.
    pub(crate) fn cpu_each(&self) -> f64 {
        self.cpu * 1e6 / self.messages
    }
}

/// An error when any client gets anything else than exactly what it missed, in order.
pub(crate) async fn measure(house: &mut House, count: usize) -> Result<Figures> {
    let task = |numbers| Task { sessions: count, numbers, batch: 100, rate: None };
    let clients = house.clients(0..count).await?;
    let clients = crowd::all(clients, AT_ONCE, Work::Connect).await.context("the first connection")?;
    let first = publisher::publish(house, task(1..=1));
    let (clients, ()) = tokio::try_join!(crowd::all(clients, count, Work::Take(1)), first)?;
    let clients = crowd::all(clients, count, Work::Stay(SETTLED)).await.context("before the cut")?;
    let clients = crowd::all(clients, count, Work::Cut).await?;
    tokio::time::sleep(SETTLED).await;
    publisher::publish(house, task(2..=MISSED + 1)).await.context("what is missed")?;
    tokio::time::sleep(SETTLED).await;
    let cpu = house.cpu()?;
    let start = clock::now();
    let clients = crowd::all(clients, AT_ONCE, Work::Resume(MISSED + 1)).await.context("the resume")?;
    let wall = start.elapsed().as_secs_f64();
    let (cpu, rss) = (house.cpu()? - cpu, house.rss()?);
    let took: Vec<f64> = clients.iter().map(|client| client.took.as_secs_f64() * 1e3).collect();
    // Nothing is doubled later either.
    crowd::all(clients, count, Work::Stay(SETTLED)).await.context("behind the resume")?;
    let messages = count as f64 * MISSED as f64;
    let [p50, p99, max] = share::of(took, [50, 99, 100]);
    Ok(Figures { messages, wall, cpu, rss, p50, p99, max })
}

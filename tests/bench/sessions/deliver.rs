//! Messages to sessions that are connected.

use anyhow::{Context, Result, ensure};
use rolecall_tests::clock;

use super::client::{Client, Work};
use super::crowd::{self, AT_ONCE};
use super::product::{House, Product};
use super::publisher::{self, Task};
use super::share;
use crate::deliver::fsyncs_per_second;

/// Messages to each session: to warm up, as fast as possible, in lists as fast as possible, and at a rate.
const WARM: u64 = 2;
const FLAT_OUT: u64 = 20;
const PACED: u64 = 2;

/// Messages at a rate in all at the least, so that the way of the last one is short against all of it.
const PACED_AT_LEAST: u64 = 5_000;

/// Messages in a list.
const LIST: usize = 100;

/// Messages per second where latency is measured: what every product keeps up with.
const RATE: f64 = 1_000.0;

/// How much of [`RATE`] must have been delivered; with less, latency is how long the round was.
const KEPT: f64 = 0.95;

/// What a message costs.
#[derive(Debug)]
pub(crate) struct Figures {
    /// With as many requests as messages.
    pub(crate) single: Cost,
    /// With a list of them in each request; `None` where there is no such call.
    pub(crate) listed: Option<Cost>,
    /// From when a message is due at [`RATE`] to the client, in milliseconds: half of the messages, 99 of 100.
    pub(crate) p50: f64,
    pub(crate) p99: f64,
    /// How often a file beside the server's own is made durable in a second; `None` where nothing is.
    pub(crate) synced: Option<f64>,
}

/// The cost of messages that come as fast as they are taken.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    /// Microseconds of the server's processor for each.
    pub(crate) cpu: f64,
    /// Messages in a second.
    pub(crate) rate: f64,
}

pub(crate) async fn measure(house: &mut House, count: usize) -> Result<Figures> {
    let clients = house.clients(0..count).await?;
    let clients = crowd::all(clients, AT_ONCE, Work::Connect).await?;
    let mut run = Run { house, clients, sent: 0 };
    run.round(WARM, 1, None).await.context("the warm-up")?;
    let single = run.round(FLAT_OUT, 1, None).await.context("flat out")?;
    let listed = match run.house.product {
        Product::Rolecall | Product::Mosquitto => None,
        _ => Some(run.round(FLAT_OUT, LIST, None).await.context("in lists")?),
    };
    for client in &mut run.clients {
        client.latencies.clear();
    }
    let each = PACED.max(PACED_AT_LEAST.div_ceil(count.max(1) as u64));
    let kept = run.round(each, 1, Some(RATE)).await.context("at a rate")?.rate;
    let name = run.house.product.name();
    ensure!(kept >= KEPT * RATE, "{name} delivered {kept:.0} of {RATE} messages a second: its latency says nothing");
    let latencies = run.clients.iter().flat_map(|client| &client.latencies).map(|micros| *micros as f64 / 1e3);
    let [p50, p99] = share::of(latencies.collect(), [50, 99]);
    let synced = run.house.durable_in().map(fsyncs_per_second).transpose()?;
    Ok(Figures { single, listed, p50, p99, synced })
}

struct Run<'a> {
    house: &'a mut House,
    clients: Vec<Client>,
    /// Messages that each session has got.
    sent: u64,
}

impl Run<'_> {
    /// Sends these many messages to each session, and waits until all of them have come.
    async fn round(&mut self, each: u64, batch: usize, rate: Option<f64>) -> Result<Cost> {
        let clients = std::mem::take(&mut self.clients);
        let (count, last) = (clients.len(), self.sent + each);
        let task = Task { sessions: count, numbers: self.sent + 1..=last, batch, rate };
        let cpu = self.house.cpu()?;
        let start = clock::now();
        let taken = crowd::all(clients, count, Work::Take(last));
        let (clients, ()) = tokio::try_join!(taken, publisher::publish(self.house, task))?;
        let seconds = start.elapsed().as_secs_f64();
        let cpu = self.house.cpu()? - cpu;
        (self.clients, self.sent) = (clients, last);
        let messages = count as f64 * each as f64;
        Ok(Cost { cpu: cpu * 1e6 / messages, rate: messages / seconds })
    }
}

//! Delivery over sessions: rolecall by itself, and beside the servers of other products in the same run, with the same client.
//!
//! Every product's server is a process of its own on loopback, and is driven through the network alone: [`publisher`] says how
//! messages come in, [`product`] what becomes of them before they are sent. One server runs at a time.

mod client;
mod crowd;
mod deliver;
mod idle;
mod installed;
mod link;
mod mqtt;
mod payload;
mod peer;
mod product;
mod publisher;
mod resume;
mod schedule;
pub(crate) mod share;
mod wire;

use anyhow::{Context, Result};
use product::Product;
use rolecall_tests::process;

use super::table::Row;

/// Sessions to which messages are delivered.
const DELIVERED: usize = 5_000;

/// Milliseconds within which 99 of 100 clients are to have what they missed.
const TARGET: f64 = 250.0;

const MIB: f64 = 1024.0 * 1024.0;

/// Clients that come back, rolecall alone.
pub(crate) async fn resume(clients: usize) -> Result<Vec<Row>> {
    process::open_files(clients as u64 + 1_000, "--clients")?;
    let figures = resume::measure(&mut Product::Rolecall.start().await?, clients).await?;
    Ok(vec![
        Row::new("clients that missed 100 messages each", clients as f64, ""),
        Row::new("dial to the last missed message, p50", figures.p50, "ms"),
        Row::new("the same, p99", figures.p99, "ms").against("the target", TARGET),
        Row::new("the same, the slowest", figures.max, "ms"),
        Row::new("all of them, 64 at a time", figures.wall, "s"),
        Row::new("server CPU for all of them", figures.cpu, "s"),
        Row::new("server CPU per missed message", figures.cpu_each(), "µs"),
        Row::new("server RSS behind it", figures.rss / MIB, "MiB"),
    ])
}

/// Everything, beside other products.
pub(crate) async fn peers(sessions: usize, clients: usize) -> Result<Vec<Row>> {
    process::open_files(sessions.max(clients) as u64 + 1_000, "--sessions")?;
    let mut rows = resume_beside(clients).await?;
    rows.extend(idle_beside(sessions).await?);
    rows.extend(deliver_beside(sessions.min(DELIVERED)).await?);
    Ok(rows)
}

async fn resume_beside(clients: usize) -> Result<Vec<Row>> {
    let ours = resume::measure(&mut Product::Rolecall.start().await?, clients).await.context("rolecall")?;
    let mut rows = vec![Row::new("resume: clients that missed 100 messages each", clients as f64, "")];
    let first = |product: Product| format!("{} ({}): for all of them", product.name(), product.durability());
    rows.push(Row::new(first(Product::Rolecall), ours.wall, "s"));
    rows.push(Row::new("  of one client, p99", ours.p99, "ms"));
    rows.push(Row::new("  server CPU per missed message", ours.cpu_each(), "µs"));
    rows.push(Row::new("  server RSS behind it", ours.rss / MIB, "MiB"));
    for product in Product::PEERS.into_iter().filter(|product| product.resumes()) {
        let theirs = resume::measure(&mut product.start().await?, clients).await.with_context(|| product.name())?;
        rows.push(Row::new(first(product), theirs.wall, "s").against("rolecall", ours.wall));
        rows.push(Row::new("  of one client, p50", theirs.p50, "ms").against("rolecall", ours.p50));
        rows.push(Row::new("  of one client, p99", theirs.p99, "ms").against("rolecall", ours.p99));
        let cpu = Row::new("  server CPU per missed message", theirs.cpu_each(), "µs");
        rows.push(cpu.against("rolecall", ours.cpu_each()));
        rows.push(Row::new("  server RSS behind it", theirs.rss / MIB, "MiB").against("rolecall", ours.rss / MIB));
    }
    Ok(rows)
}

async fn idle_beside(sessions: usize) -> Result<Vec<Row>> {
    let ours = idle::measure(&mut Product::Rolecall.start().await?, sessions).await.context("rolecall")?;
    let mut rows = vec![
        Row::new("idle: sessions connected", sessions as f64, ""),
        Row::new("rolecall: server RSS per session", ours.rss, "B"),
        Row::new("  server CPU per new session", ours.cpu, "µs"),
    ];
    for product in Product::PEERS {
        let theirs = idle::measure(&mut product.start().await?, sessions).await.with_context(|| product.name())?;
        let what = format!("{}: server RSS per session", product.name());
        rows.push(Row::new(what, theirs.rss, "B").against("rolecall", ours.rss));
        rows.push(Row::new("  server CPU per new session", theirs.cpu, "µs").against("rolecall", ours.cpu));
    }
    Ok(rows)
}

async fn deliver_beside(sessions: usize) -> Result<Vec<Row>> {
    let ours = deliver::measure(&mut Product::Rolecall.start().await?, sessions).await.context("rolecall")?;
    let mut rows = vec![Row::new("deliver: sessions connected", sessions as f64, "")];
    // By HTTP, a request for each message, where it does not say otherwise.
    let way_in = |product: Product| if product == Product::Mosquitto { ", MQTT" } else { "" };
    let first =
        |product: Product| format!("{} ({}{}): CPU per message", product.name(), product.durability(), way_in(product));
    rows.push(Row::new(first(Product::Rolecall), ours.single.cpu, "µs"));
    rows.push(Row::new("  messages delivered, flat out", ours.single.rate, "1/s"));
    // Some thousands on a disk. Hundreds of thousands are tmpfs, on which fsync does nothing.
    rows.extend(ours.synced.map(|synced| Row::new("  fsynced appends to one file there", synced, "1/s")));
    rows.push(Row::new("  latency at 1,000 a second, p50", ours.p50, "ms"));
    rows.push(Row::new("  the same, p99", ours.p99, "ms"));
    for product in Product::PEERS {
        let theirs = deliver::measure(&mut product.start().await?, sessions).await.with_context(|| product.name())?;
        let per_second = |cost: &deliver::Cost| 1e6 / cost.cpu.max(0.001);
        rows.push(Row::new(first(product), theirs.single.cpu, "µs").against("rolecall", ours.single.cpu));
        let each = Row::new("  messages per server CPU second", per_second(&theirs.single), "1/s");
        rows.push(each.against("rolecall", per_second(&ours.single)));
        let rate = Row::new("  messages delivered, flat out", theirs.single.rate, "1/s");
        rows.push(rate.against("rolecall", ours.single.rate));
        if let Some(listed) = &theirs.listed {
            let cpu = Row::new("  CPU per message, 100 in a request", listed.cpu, "µs");
            rows.push(cpu.against("rolecall, 1 in a request", ours.single.cpu));
        }
        rows.push(Row::new("  latency at 1,000 a second, p50", theirs.p50, "ms").against("rolecall", ours.p50));
        rows.push(Row::new("  the same, p99", theirs.p99, "ms").against("rolecall", ours.p99));
    }
    Ok(rows)
}

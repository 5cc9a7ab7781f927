//! `rolecall-bench [idle|check|held|saved|deliver|verify|gateway|peers]… [--sessions N]`: what rolecall costs, each
//! figure beside a baseline measured in the same run. `make bench` runs all of them on a release build, but for `peers`,
//! which installs other products first: `make bench-peers`.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

mod bare;
mod check;
#[path = "../../dsl/tests/counting/mod.rs"]
mod counting;
mod deliver;
mod gateway;
mod held;
mod idle;
mod peers;
mod saved;
mod table;
mod verify;
mod vocabulary;

use anyhow::{Context, Result, bail};
use table::Row;

/// Sessions of the idle bench.
const SESSIONS: usize = 10_000;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut chosen = Vec::new();
    let mut sessions = SESSIONS;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // The baseline's own server process; started by the idle bench.
            "bare-server" => return bare::serve().await,
            // The model of the gateway bench.
            "instant-upstream" => return gateway::serve(),
            "--sessions" => sessions = args.next().context("--sessions takes a number")?.parse()?,
            "idle" | "check" | "held" | "saved" | "deliver" | "verify" | "gateway" | "peers" => chosen.push(arg),
            other => {
                bail!("{other} is no bench; there are idle, check, held, saved, deliver, verify, gateway and peers")
            }
        }
    }
    if chosen.is_empty() {
        chosen = ["check", "held", "saved", "verify", "gateway", "deliver", "idle"].map(str::to_owned).to_vec();
    }
    let mut rows: Vec<Row> = Vec::new();
    for bench in &chosen {
        rows.extend(match bench.as_str() {
            "check" => check::run()?,
            "held" => held::run()?,
            "saved" => saved::run()?,
            "verify" => verify::run()?,
            "gateway" => gateway::run().await?,
            "deliver" => deliver::run().await?,
            "peers" => peers::run()?,
            _ => idle::run(sessions).await?,
        });
    }
    table::print(&rows)
}

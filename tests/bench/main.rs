//! `rolecall-bench [idle|check|held|saved|deliver|resume|stores|verify|gateway|peers|sessions-peers]… [--sessions N]
//! [--beat SECONDS] [--clients N] [--quick]`: what rolecall costs, each figure beside a baseline measured in the same run. `make bench` runs all of them on
//! a release build, but for `peers` and `sessions-peers`, which install other products first: `make bench-peers`.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

mod bare;
mod check;
#[path = "../../dsl/tests/counting/mod.rs"]
mod counting;
mod deliver;
mod gateway;
mod held;
mod holders;
mod idle;
mod peers;
mod plan;
mod saved;
mod sessions;
mod stores;
mod table;
mod verify;
mod vocabulary;

use std::io::Write;

use anyhow::{Context, Result, bail};
use idle::Idle;

/// Sessions of the idle bench.
const SESSIONS: usize = 10_000;

/// Sessions of the second idle bench of `make bench`, where the machine allows it.
const MORE_SESSIONS: usize = 100_000;

/// Clients of the resume bench.
const CLIENTS: usize = 2_000;

#[tokio::main]
async fn main() -> Result<()> {
    let mut args = std::env::args().skip(1);
    let mut chosen = Vec::new();
    let mut idle = Idle { sessions: SESSIONS, beat_s: None };
    let mut clients = CLIENTS;
    let mut quick = false;
    while let Some(arg) = args.next() {
        match arg.as_str() {
            // The baseline's own server process; started by the idle bench.
            "bare-server" => return bare::serve().await,
            // A hop of the gateway bench that does nothing.
            "bare-relay" => return bare::relay(args.next().context("a relay to where?")?.parse()?).await,
            // The model of the gateway bench.
            "instant-upstream" => return gateway::serve(),
            // Clients of the idle bench.
            holders::HOLDER => return holders::main().await,
            "--sessions" => idle.sessions = args.next().context("--sessions takes a number")?.parse()?,
            "--beat" => idle.beat_s = Some(args.next().context("--beat takes seconds")?.parse()?),
            "--clients" => clients = args.next().context("--clients takes a number")?.parse()?,
            // Of the bench of stores.
            "--quick" => quick = true,
            "idle" | "check" | "held" | "saved" | "deliver" | "resume" | "stores" | "verify" | "gateway" | "peers"
            | "sessions-peers" => chosen.push(arg),
            other => bail!(
                "{other} is no bench; there are idle, check, held, saved, deliver, resume, stores, verify, gateway, \
                 peers and sessions-peers"
            ),
        }
    }
    let everything = chosen.is_empty();
    if everything {
        chosen = ["check", "held", "saved", "verify", "gateway", "deliver", "resume", "stores", "idle"]
            .map(str::to_owned)
            .to_vec();
    }
    table::head()?;
    for bench in &chosen {
        // At once: a later bench may find that the machine is too small for it.
        table::print(&match bench.as_str() {
            "check" => check::run()?,
            "held" => held::run()?,
            "saved" => saved::run()?,
            "verify" => verify::run()?,
            "gateway" => gateway::run().await?,
            "deliver" => deliver::run().await?,
            "stores" => stores::run(quick).await?,
            "resume" => sessions::resume(clients).await?,
            "peers" => peers::run()?,
            "sessions-peers" => sessions::peers(idle.sessions, clients).await?,
            _ => idle::run(idle).await?,
        })?;
    }
    if everything && idle.sessions < MORE_SESSIONS {
        match plan::clients_per_process(MORE_SESSIONS) {
            Ok(_) => table::print(&idle::run(Idle { sessions: MORE_SESSIONS, ..idle }).await?)?,
            Err(why) => writeln!(std::io::stdout(), "idle sessions, {MORE_SESSIONS}: not measured: {why:#}")?,
        }
    }
    Ok(())
}

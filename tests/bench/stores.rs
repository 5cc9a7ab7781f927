//! The stores side by side: what a commit costs in each of them and in Redis without rolecall, how soon a client has it, how
//! long a session is without a server, and what a message takes on the disk.
//!
//! A store is in a process of its own ([`committer`]) or in the real server ([`talks`], [`takeover`]); Redis is a real
//! `redis-server` that is started here on a free port. Everything that is compared is measured in turns.

mod commits;
mod committer;
mod disk;
mod spread;
mod takeover;
mod talks;

use anyhow::{Context, Result};
use commits::Servers;
use rolecall_tests::process;

pub(crate) use self::spread::Spread;
use super::deliver::fsyncs_per_second;
use super::table::{self, Row};

/// Bytes of a message that is committed.
pub(crate) const TEXT: usize = 300;

/// Sessions that commit at the same time.
const SESSIONS: [usize; 3] = [1, 100, 5_000];

/// How much is measured.
pub(crate) struct Scale {
    /// Seconds of a round, before it is measured and measured.
    warm_up: f64,
    seconds: f64,
    rounds: usize,
    /// Seconds for which a store is filled whose size is measured.
    filling: f64,
    /// Sessions that talk through a server, and turns of each: at a rate and, again, flat out.
    people: usize,
    turns: usize,
    /// Servers that are killed, for each lease.
    kills: usize,
    /// Times that a client goes to another server.
    moves: usize,
}

/// For figures.
const FULL: Scale =
    Scale { warm_up: 1.0, seconds: 2.0, rounds: 5, filling: 10.0, people: 100, turns: 10, kills: 4, moves: 60 };

/// To see that everything runs.
const QUICK: Scale =
    Scale { warm_up: 0.2, seconds: 0.5, rounds: 3, filling: 1.0, people: 20, turns: 3, kills: 1, moves: 24 };

/// Prints as it goes: all of it takes a quarter of an hour, and `quick` a minute or two.
pub(crate) async fn run(quick: bool) -> Result<Vec<Row>> {
    let scale = if quick { &QUICK } else { &FULL };
    process::open_files(5_000, "--quick").context("clients and servers need files")?;
    let home = tempfile::tempdir()?;
    let synced = fsyncs_per_second(home.path())?;
    table::print(&[
        Row::new("a commit's message", TEXT as f64, "B"),
        Row::new("rounds, of which the middle one is shown", scale.rounds as f64, ""),
        Row::new("fsynced appends to one file here", synced, "1/s"),
    ])?;
    let talks = talks::measure(scale).await.context("sessions that talk")?;
    table::print(&talks.rows)?;
    let state = talks.state;
    for sessions in SESSIONS {
        // New servers each time: what the earlier sessions left would be in the way.
        let servers = Servers::start().await?;
        table::print(&commits::measure(&servers, sessions, state, scale).await?)?;
    }
    table::print(&commits::carried(&Servers::start().await?, state, scale).await?)?;
    table::print(&disk::measure(state, scale).await.context("what a message takes")?)?;
    takeover::measure(scale).await.context("servers that take over")
}

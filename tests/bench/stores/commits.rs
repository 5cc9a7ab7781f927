//! Commits into every store, and into Redis without rolecall, round by round in turns, so that whatever else the machine does
//! meets all of them.

use anyhow::{Context, Result};
use rolecall_tests::committing::{Part, Round, Subject};
use rolecall_tests::redis::Redis;
use tempfile::TempDir;

use super::committer::Committer;
use super::spread::Spread;
use super::{Scale, TEXT};
use crate::table::Row;

/// Sessions of the comparison of what a commit carries.
const COMPARED: usize = 100;

/// Bytes of the state of a long dialogue: as much as a session remembers at the most is about 40 KiB.
const LONG: usize = 16 << 10;

/// The two Redis servers: one that has every write on its disk before it answers, and one that has none.
pub(crate) struct Servers {
    disk: Redis,
    memory: Redis,
}

/// One that is measured.
struct Contender {
    name: &'static str,
    subject: Subject,
    server: Option<i32>,
    /// The name of what it is held against.
    base: Option<&'static str>,
}

/// Its rounds.
struct Measured {
    name: String,
    base: Option<&'static str>,
    rounds: Vec<Round>,
}

impl Servers {
    pub(crate) async fn start() -> Result<Self> {
        // Rewriting the file in the middle of a round would be in some of them only.
        let disk = Redis::with(&["--auto-aof-rewrite-percentage", "0"]).await?.quiet();
        Ok(Self { disk, memory: Redis::with(&["--appendonly", "no"]).await?.quiet() })
    }

    fn contenders(&self, home: &TempDir) -> Result<Vec<Contender>> {
        let (disk, memory) = (Some(self.disk.pid()?), Some(self.memory.pid()?));
        let redis =
            |server: &Redis, durability: &str| Subject::Redis { url: server.url(), durability: durability.to_owned() };
        let raw = |server: &Redis, pipelined| Subject::Raw { url: server.url(), pipelined };
        let one = |name, subject, server, base| Contender { name, subject, server, base };
        Ok(vec![
            one("memory store", Subject::Memory, None, None),
            one("embedded store", Subject::Embedded(home.path().join("store")), None, Some("memory store")),
            one("raw XADD, in memory", raw(&self.memory, true), memory, None),
            one("raw XADD, in memory, one by one", raw(&self.memory, false), memory, Some("raw XADD, in memory")),
            one("Redis store, memory", redis(&self.memory, "memory"), memory, Some("raw XADD, in memory")),
            one("raw XADD, fsync", raw(&self.disk, true), disk, None),
            one("raw XADD, fsync, one by one", raw(&self.disk, false), disk, Some("raw XADD, fsync")),
            one("Redis store, aof", redis(&self.disk, "aof"), disk, Some("raw XADD, fsync")),
        ])
    }
}

/// All of them, with so many sessions whose commits carry a state of so many bytes.
pub(crate) async fn measure(servers: &Servers, sessions: usize, state: usize, scale: &Scale) -> Result<Vec<Row>> {
    let home = tempfile::tempdir()?;
    let mut parts = Vec::new();
    for Contender { name, subject, server, base } in servers.contenders(&home)? {
        let part = Part { subject, sessions, message: TEXT, state, turns: false, server };
        parts.push((name.to_owned(), base, part));
    }
    let measured = rounds(parts, scale).await?;
    let mut rows = vec![Row::new("sessions that commit at the same time", sessions as f64, "")];
    for one in &measured {
        let base = measured.iter().find(|other| Some(other.name.as_str()) == one.base).zip(one.base);
        rows.extend(one.rows(base));
    }
    Ok(rows)
}

/// What the parts of a commit cost: the session's state, short and long, and the mark of an unfinished reply.
pub(crate) async fn carried(servers: &Servers, state: usize, scale: &Scale) -> Result<Vec<Row>> {
    let home = tempfile::tempdir()?;
    let mut rows = vec![Row::new("what a commit carries: sessions", COMPARED as f64, "")];
    let mut parts = Vec::new();
    for store in ["embedded store", "Redis store, memory", "Redis store, aof"] {
        for (carries, state, turns) in [
            ("a message alone", 0, false),
            ("and the state", state, false),
            ("and 16 KiB of state", LONG, false),
            ("and a reply's mark", state, true),
        ] {
            let found = servers.contenders(&home)?.into_iter().find(|contender| contender.name == store);
            let mut contender = found.context("no such store")?;
            if let Subject::Embedded(directory) = &mut contender.subject {
                directory.set_file_name(carries.replace(' ', "-"));
            }
            let Contender { subject, server, .. } = contender;
            let part = Part { subject, sessions: COMPARED, message: TEXT, state, turns, server };
            parts.push((format!("{store}: {carries}"), None, part));
        }
    }
    for four in rounds(parts, scale).await?.chunks(4) {
        for one in four {
            let first = four.first().filter(|first| first.name != one.name);
            rows.extend(one.costs(first));
        }
    }
    Ok(rows)
}

/// Warms every process up, then measures them in turns.
async fn rounds(parts: Vec<(String, Option<&'static str>, Part)>, scale: &Scale) -> Result<Vec<Measured>> {
    let (mut processes, mut measured) = (Vec::new(), Vec::new());
    for (name, base, part) in parts {
        processes.push(Committer::start(&part).await?);
        measured.push(Measured { name, base, rounds: Vec::new() });
    }
    for process in &mut processes {
        process.round(scale.warm_up).await?;
    }
    for _ in 0..scale.rounds {
        for (process, measured) in processes.iter_mut().zip(&mut measured) {
            let round = process.round(scale.seconds).await.with_context(|| measured.name.clone())?;
            measured.rounds.push(round);
        }
    }
    for process in processes {
        process.close().await?;
    }
    Ok(measured)
}

impl Measured {
    fn each(&self, figure: impl Fn(&Round) -> f64) -> Spread {
        Spread::of(self.rounds.iter().map(figure))
    }

    fn rows(&self, base: Option<(&Self, &'static str)>) -> Vec<Row> {
        let row = |what: String, unit, figure: fn(&Round) -> f64| {
            let row = Row::new(what, self.each(figure).median, unit).within(self.each(figure));
            match base {
                Some((base, name)) => row.against(name, base.each(figure).median),
                None => row,
            }
        };
        let mut rows = vec![
            row(format!("{}: commits", self.name), "1/s", per_second),
            row("  per CPU second, Redis included".to_owned(), "1/s", per_cpu_second),
            row("  from call to answer, p50".to_owned(), "µs", |round| round.p50),
            row("  the same, p99".to_owned(), "µs", |round| round.p99),
        ];
        rows.extend(self.cpu_of_redis());
        rows
    }

    /// How much of the processor time is the server's.
    fn cpu_of_redis(&self) -> Option<Row> {
        let share = self.each(|round| 100.0 * round.server_cpu / (round.cpu + round.server_cpu).max(1e-9));
        (share.high > 0.0).then(|| Row::new("  of its CPU, redis-server's", share.median, "%").within(share))
    }

    fn costs(&self, first: Option<&Self>) -> Vec<Row> {
        let row = |what: String, unit, figure: fn(&Round) -> f64| {
            let row = Row::new(what, self.each(figure).median, unit).within(self.each(figure));
            match first {
                Some(first) => row.against("a message alone", first.each(figure).median),
                None => row,
            }
        };
        let written = row("  written to disks".to_owned(), "B", |round| round.written / round.messages as f64);
        let mut rows = vec![
            row(format!("{}: CPU each", self.name), "µs", |round| {
                (round.cpu + round.server_cpu) * 1e6 / round.messages as f64
            }),
            row("  commits".to_owned(), "1/s", per_second),
        ];
        if written.value > 0.0 {
            rows.push(written);
        }
        rows
    }
}

fn per_second(round: &Round) -> f64 {
    round.messages as f64 / round.seconds
}

fn per_cpu_second(round: &Round) -> f64 {
    round.messages as f64 / (round.cpu + round.server_cpu).max(1e-9)
}

//! `rolecall-storm [--clients N] [--minutes M] [--seed S] [--most N] [--nodes N]`: see the library. Its clients live in as many processes as the
//! limit of open files asks for, or `--most` clients a process.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_storm::{Nodes, Report, Storm, crowd};

/// Files that a client needs with its part of the proxy, those included that have gone silent.
const FILES: usize = 8;

/// Files of a process besides.
const SPARE: usize = 1_000;

fn main() -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    let ended = runtime.block_on(run());
    // A crowd still reads its input then; nobody waits for that.
    runtime.shutdown_background();
    ended
}

async fn run() -> Result<()> {
    let (mut clients, mut minutes, mut seed, mut most, mut nodes) = (10_000_usize, 5.0, 1, usize::MAX, 0_usize);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        if arg == crowd::CROWD {
            return crowd::main().await;
        }
        let value = args.next().with_context(|| format!("{arg} takes a number"))?;
        match arg.as_str() {
            "--clients" => clients = value.parse()?,
            "--minutes" => minutes = value.parse()?,
            "--seed" => seed = value.parse()?,
            "--most" => most = value.parse()?,
            "--nodes" => nodes = value.parse()?,
            other => bail!("{other} is no option; there are --clients, --minutes, --seed, --most and --nodes"),
        }
    }
    let files = usize::try_from(rolecall_tests::process::open_all_files()?)?;
    // The server has every client's connection, and those for a while that have gone silent.
    let needed = clients + clients / 2 + SPARE;
    ensure!(
        files >= needed,
        "the server needs {needed} files and may open {files}: raise the limit (ulimit -Hn) or use --clients"
    );
    let storm = Storm {
        clients,
        lasts: Duration::from_secs_f64(minutes * 60.0),
        cut_after: Duration::from_secs(15),
        away: Duration::from_secs(4),
        pause: Duration::from_secs(20),
        timeout: Duration::from_secs(30),
        seed,
    };
    let most = most.min((files - SPARE) / FILES);
    let report = if nodes > 1 {
        let nodes = Nodes { count: nodes, every: Duration::from_secs(2), down: Duration::from_secs(6) };
        storm.run_on(nodes, Some(most.min(clients.div_ceil(nodes.count)))).await?
    } else {
        storm.run_apart(most).await?
    };
    say(storm, minutes, &report)?;
    ensure!(report.account.is_clean(), "the ledger does not balance");
    Ok(())
}

fn say(storm: Storm, minutes: f64, report: &Report) -> Result<()> {
    let Storm { clients, seed, .. } = storm;
    let account = report.account;
    let mut out = std::io::stdout();
    writeln!(out, "{clients} clients, {minutes} minutes, seed {seed}")?;
    writeln!(out, "connections cut {}, gone silent {}, resumed {}", report.cut, report.silent, account.resumed)?;
    writeln!(out, "messages accepted {}, shown {}", account.accepted, account.shown)?;
    let (lost, duplicated, reordered) = (account.lost, account.duplicated, account.reordered);
    let (altered, invented, torn) = (account.altered, account.invented, account.torn);
    writeln!(
        out,
        "lost {lost}, duplicated {duplicated}, reordered {reordered}, altered {altered}, invented {invented}, torn {torn}"
    )?;
    let happened = report.accidents;
    if happened.kills > 0 {
        writeln!(
            out,
            "servers killed {} (with {} unfinished replies), stopped {}; Redis killed {}, stopped {}",
            happened.kills, happened.interrupted, happened.stops, happened.redis_kills, happened.redis_stops
        )?;
    }
    write!(out, "everybody at rest {:.1} s after the storm", report.calm_after_s)?;
    if happened.kills == 0 {
        let (cpu_s, rss_mib) = (report.server_cpu_s, report.server_rss_mib);
        write!(out, "; server: {cpu_s:.0} s of processor time, {rss_mib:.0} MiB")?;
    }
    Ok(writeln!(out)?)
}

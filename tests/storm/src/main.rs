//! `rolecall-storm [--clients N] [--minutes M] [--seed S] [--most N] [--nodes N]`, and `rolecall-storm --rolling --nodes N
//! [--clients N] [--pause SECONDS] [--hand-over TIME]`: see the library. Its clients live in as many processes as the
//! limit of open files asks for, or `--most` clients a process.

use std::io::Write;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_storm::{Account, Nodes, Report, Rolling, Storm, crowd};

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

/// What the command line says.
struct Args {
    clients: usize,
    minutes: f64,
    seed: u64,
    most: usize,
    nodes: usize,
    rolling: bool,
    pause: f64,
    hand_over: Option<String>,
}

impl Args {
    /// Reads it; `None` for a process that is one crowd.
    fn read() -> Result<Option<Self>> {
        let mut read = Self {
            clients: 10_000,
            minutes: 5.0,
            seed: 1,
            most: usize::MAX,
            nodes: 0,
            rolling: false,
            pause: 60.0,
            hand_over: None,
        };
        let mut args = std::env::args().skip(1);
        while let Some(arg) = args.next() {
            match arg.as_str() {
                crowd::CROWD => return Ok(None),
                "--rolling" => {
                    read.rolling = true;
                    continue;
                }
                _ => {}
            }
            let value = args.next().with_context(|| format!("{arg} takes a value"))?;
            match arg.as_str() {
                "--clients" => read.clients = value.parse()?,
                "--minutes" => read.minutes = value.parse()?,
                "--seed" => read.seed = value.parse()?,
                "--most" => read.most = value.parse()?,
                "--nodes" => read.nodes = value.parse()?,
                "--pause" => read.pause = value.parse()?,
                "--hand-over" => read.hand_over = Some(value),
                other => bail!(
                    "{other} is no option; there are --clients, --minutes, --seed, --most, --nodes, and --rolling with --pause and --hand-over"
                ),
            }
        }
        Ok(Some(read))
    }
}

async fn run() -> Result<()> {
    let Some(args) = Args::read()? else { return crowd::main().await };
    let Args { clients, minutes, seed, most, nodes, .. } = args;
    let files = usize::try_from(rolecall_tests::process::open_all_files()?)?;
    // The server has every client's connection, and those for a while that have gone silent.
    let needed = clients + clients / 2 + SPARE;
    ensure!(
        files >= needed,
        "the server needs {needed} files and may open {files}: raise the limit (ulimit -Hn) or use --clients"
    );
    let most = most.min((files - SPARE) / FILES);
    if args.rolling {
        return roll(&args, most).await;
    }
    let storm = Storm {
        clients,
        lasts: Duration::from_secs_f64(minutes * 60.0),
        cut_after: Duration::from_secs(15),
        away: Duration::from_secs(4),
        pause: Duration::from_secs(20),
        timeout: Duration::from_secs(30),
        seed,
    };
    let report = if nodes > 1 {
        let nodes = Nodes { count: nodes, every: Duration::from_secs(5), down: Duration::from_secs(6) };
        storm.run_on(nodes, Some(most.min(clients.div_ceil(nodes.count)))).await?
    } else {
        storm.run_apart(most).await?
    };
    say(storm, minutes, &report)?;
    ensure!(report.account.is_clean(), "the ledger does not balance");
    Ok(())
}

async fn roll(args: &Args, most: usize) -> Result<()> {
    let nodes = args.nodes.max(2);
    let rolling = Rolling {
        nodes,
        clients: args.clients,
        pause: Duration::from_secs_f64(args.pause),
        steady: Duration::from_secs(30),
        // Longer than a session stays awake for a client that says nothing.
        settle: Duration::from_secs(15),
        hand_over: args.hand_over.clone(),
        seed: args.seed,
    };
    let rolled = rolling.run(Some(most.min(args.clients.div_ceil(nodes)))).await?;
    let mut out = std::io::stdout();
    writeln!(out, "{} clients, {nodes} servers restarted one after the other, seed {}", args.clients, args.seed)?;
    for (node, restart) in rolled.restarts.iter().enumerate() {
        writeln!(
            out,
            "server {node}: {} clients left in {:.1} s, everybody back after {:.1} s; Redis {:.0}/s, at most {:.0}/s",
            restart.clients, restart.leaving_s, restart.whole_s, restart.mean, restart.peak
        )?;
    }
    let gaps = rolled.gaps_ms.len();
    let (p50, p99, most) = (rolled.gap_ms(50), rolled.gap_ms(99), rolled.gap_ms(100));
    writeln!(
        out,
        "back at the end: {} of {}; {gaps} gaps: p50 {p50} ms, p99 {p99} ms, max {most} ms",
        rolled.back, args.clients
    )?;
    writeln!(
        out,
        "Redis commands, those in scripts included: {:.0}/s before, {:.0}/s after, {:.0}/s in the worst second, {:.2} times as many as before; {:.0} a move",
        rolled.steady,
        rolled.after,
        rolled.peak,
        rolled.ratio(),
        rolled.commands_per_move()
    )?;
    let each: Vec<String> = rolled.each_move.iter().map(|(name, calls)| format!("{name} {calls:.1}")).collect();
    writeln!(out, "of these: {}", each.join(", "))?;
    say_account(&mut out, &rolled.account)?;
    ensure!(rolled.account.is_clean(), "the ledger does not balance");
    ensure!(rolled.back == args.clients, "not everybody is back");
    Ok(())
}

fn say_account(out: &mut std::io::Stdout, account: &Account) -> Result<()> {
    writeln!(out, "messages accepted {}, shown {}", account.accepted, account.shown)?;
    let (lost, duplicated, reordered) = (account.lost, account.duplicated, account.reordered);
    let (altered, invented, torn) = (account.altered, account.invented, account.torn);
    Ok(writeln!(
        out,
        "lost {lost}, duplicated {duplicated}, reordered {reordered}, altered {altered}, invented {invented}, torn {torn}"
    )?)
}

fn say(storm: Storm, minutes: f64, report: &Report) -> Result<()> {
    let Storm { clients, seed, .. } = storm;
    let account = report.account;
    let mut out = std::io::stdout();
    writeln!(out, "{clients} clients, {minutes} minutes, seed {seed}")?;
    writeln!(out, "connections cut {}, gone silent {}, resumed {}", report.cut, report.silent, account.resumed)?;
    say_account(&mut out, &account)?;
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

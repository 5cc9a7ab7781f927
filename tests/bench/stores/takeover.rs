//! Two servers on one Redis: how long a session is without one when its server is killed, and when its client goes to the
//! other of its own will.

use anyhow::{Context, Result};
use futures_util::future::try_join_all;
use rolecall_tests::api::Person;
use rolecall_tests::clock;
use rolecall_tests::cluster::Cluster;
use rolecall_tests::server::Options;
use rolecall_tests::ws::{Opened, Socket, open};

use super::Scale;
use crate::sessions::share;
use crate::table::Row;

/// Clients of a server that is killed.
const CLIENTS: usize = 12;

/// For how long others take a server to live after it was last heard of: the shortest, and the default.
const LEASES: [(&str, f64); 2] = [("1s", 1.0), ("5s", 5.0)];

/// Between two attempts of a client that is told to try later.
const PAUSE: std::time::Duration = std::time::Duration::from_millis(20);

pub(crate) async fn measure(scale: &Scale) -> Result<Vec<Row>> {
    let mut rows = Vec::new();
    for (lease, seconds) in LEASES {
        let mut took = Vec::new();
        for _ in 0..scale.kills {
            took.extend(kill(lease).await?);
        }
        let count = took.len();
        let [p50, p99] = share::of(took, [50, 99]);
        let what = format!("server killed, lease {lease}: until served, p50 of {count}");
        rows.push(Row::new(what, p50, "s").against("the lease", seconds));
        rows.push(Row::new("  the same, p99", p99, "s").against("the lease", seconds));
    }
    let moves = moves(scale.moves).await?;
    let count = moves.len();
    let [p50, p99] = share::of(moves, [50, 99]);
    rows.push(Row::new(format!("client goes to the other server: p50 of {count}"), p50, "ms"));
    rows.push(Row::new("  the same, p99", p99, "ms"));
    Ok(rows)
}

async fn two(lease: &str) -> Result<Cluster> {
    let options = Options { quiet: true, ..Options::default() };
    let options = options.flag("--rehearsal-pace", "0ms").flag("--log-level", "error").flag("--node-lease", lease);
    // All clients have one address.
    let options = options.flag("--address-requests", "off").flag("--address-connections", "off");
    let mut cluster = Cluster::start(2, &options).await?;
    cluster.redis = cluster.redis.quiet();
    Ok(cluster)
}

async fn meet(cluster: &Cluster) -> Result<(Person, Socket)> {
    let mut person = Person::meet(cluster.node(0)?.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    person.ask(&mut socket, "天下大势如何？").await?;
    Ok((person, socket))
}

/// Kills the server of some clients, and gives for each the seconds from then until the other one had resumed its session.
async fn kill(lease: &str) -> Result<Vec<f64>> {
    let mut cluster = two(lease).await?;
    let people = try_join_all((0..CLIENTS).map(|_| meet(&cluster))).await?;
    let alive = cluster.node(1)?.address();
    cluster.node_mut(0)?.kill()?;
    let killed = clock::now();
    let returns = people.into_iter().map(|(mut person, _broken)| async move {
        person.go_to(alive);
        // One that is let in shows that the other server has the session; the ledger wants a connection of its own.
        loop {
            match open(alive, &person.hello()).await? {
                Opened::Live(_) => break,
                Opened::Refused { status: 503, .. } => tokio::time::sleep(PAUSE).await,
                Opened::Refused { status, body } => anyhow::bail!("refused with {status}: {body}"),
            }
        }
        let mut socket = person.attach().await?;
        let took = killed.elapsed().as_secs_f64();
        person.ask(&mut socket, "后来如何？").await.context("behind the takeover")?;
        person.settle().await?;
        Ok::<_, anyhow::Error>(took)
    });
    try_join_all(returns).await
}

/// Clients that go from one living server to the other, one at a time: the milliseconds from dialling to `resumed`.
async fn moves(count: usize) -> Result<Vec<f64>> {
    let cluster = two("5s").await?;
    let people = try_join_all((0..CLIENTS).map(|_| meet(&cluster))).await?;
    let mut people: Vec<_> = people.into_iter().map(|(person, socket)| (person, Some(socket))).collect();
    let mut took = Vec::new();
    // The first of each is not counted: what it needs may not have been needed before.
    for number in 0..count + CLIENTS {
        let place = number % CLIENTS;
        let to = cluster.node((number / CLIENTS + 1) % 2)?.address();
        let (person, socket) = people.get_mut(place).context("nobody there")?;
        person.go_to(to);
        let start = clock::now();
        let moved = person.attach().await?;
        if number >= CLIENTS {
            took.push(start.elapsed().as_secs_f64() * 1e3);
        }
        // The earlier connection ends with this: its server has told it to.
        *socket = Some(moved);
    }
    for (person, socket) in &mut people {
        person.ask(socket.as_mut().context("not connected")?, "后来如何？").await.context("behind the moves")?;
        person.settle().await?;
    }
    Ok(took)
}

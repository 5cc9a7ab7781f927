//! Three servers on one Redis: a session is served by one of them at a time, and by any.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::future::{join_all, try_join_all};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::cluster::Cluster;
use rolecall_tests::server::{Options, show};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::ws::{self, Arrival, Opened, Socket};
use serde_json::{Value, json};

/// As short as a lease may be.
const LEASE: Duration = Duration::from_secs(1);

/// A reply of thirty pieces, slow enough to be hit in the middle.
fn story(round: usize) -> String {
    let pieces = (0..30).map(|part| format!("第{round}回之{part}，且听下文分解。")).collect();
    directive(&[Script { pieces, gap_ms: 20, ..Script::default() }])
}

async fn cluster(upstream: &Upstream) -> Result<Cluster> {
    let options = Options { quiet: true, ..Options::upstream(&upstream.url()) };
    Cluster::start(3, &options.flag("--node-lease", "1s")).await
}

/// Hears so many messages more, in the middle of a reply.
async fn hear(person: &mut Person, socket: &mut Socket, messages: usize) -> Result<()> {
    let until = person.ledger.shown().len() + messages;
    while person.ledger.shown().len() < until {
        let Arrival::Frame(frame) = socket.next().await? else { bail!("cut too early") };
        person.ledger.frame(&frame)?;
    }
    Ok(())
}

/// Reads to the end of a connection, and gives its code.
async fn end(socket: &mut Socket) -> Result<u16> {
    loop {
        match socket.next().await? {
            Arrival::Frame(_) => {}
            Arrival::Closed(code, _) => return Ok(code),
            Arrival::Cut => bail!("the connection was cut without a word"),
        }
    }
}

// Fails when a client that goes from one living server to another in the middle of a reply loses or repeats a piece, hears
// two ends of it or none, or leaves its old connection open.
#[tokio::test(flavor = "multi_thread")]
async fn a_client_moves_between_living_servers_in_the_middle_of_a_reply() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream).await?;
    let mut person = Person::meet(cluster.node(0)?.address(), "storyteller").await?;
    for round in 0..4 {
        let (from, to) = (round % 3, (round + 1) % 3);
        person.go_to(cluster.node(from)?.address());
        let mut socket = person.attach().await?;
        let id = person.say(&mut socket, &story(round)).await?;
        hear(&mut person, &mut socket, 4).await?;
        ensure!(person.ledger.reply_to(&id).is_none(), "the reply was over before the move");
        person.go_to(cluster.node(to)?.address());
        let mut moved = person.attach().await?;
        // To the servers, who does not number its attempts is another device.
        ensure!(end(&mut socket).await? == 4304);
        ensure!(cluster.owner(&person.session.id).await? == Some(to));
        person.hear_reply(&mut moved, &id).await?;
        ensure!(person.ledger.epoch() == 1, "nothing was lost, yet the epoch is {}", person.ledger.epoch());
    }
    cluster.check_logs()?;
    person.settle().await
}

// Fails when a server that stood still for longer than its lease writes to a session that another one took meanwhile, shows
// its client anything of its own, or does not tell it.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stood_still_owns_nothing_any_more() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream).await?;
    let mut person = Person::meet(cluster.node(0)?.address(), "storyteller").await?;
    for round in 0..2 {
        person.go_to(cluster.node(0)?.address());
        let mut socket = person.attach().await?;
        let text = story(round);
        let id = person.say(&mut socket, &text).await?;
        hear(&mut person, &mut socket, 3).await?;
        cluster.freeze(0, true)?;
        if round == 1 {
            tokio::time::sleep(LEASE * 2).await;
        }
        person.go_to(cluster.node(1)?.address());
        let mut moved = person.attach().await?;
        let reply = person.hear_reply(&mut moved, &id).await?;
        let log = api::diff(cluster.node(1)?.address(), &person.session.token, 1).await?;
        cluster.freeze(0, false)?;
        let code = end(&mut socket).await?;
        ensure!(matches!(code, 4002 | 1013), "its client is told {code}");
        tokio::time::sleep(LEASE).await;
        let after = api::diff(cluster.node(1)?.address(), &person.session.token, 1).await?;
        ensure!(after == log, "something was written behind {reply}");
        ensure!(cluster.owner(&person.session.id).await? == Some(1));
        person.ask(&mut moved, &story(7)).await?;
    }
    cluster.check_logs()?;
    person.settle().await
}

// Fails when one id that is posted a thousand times at once, over all servers, is delivered twice, not at all, or only when
// its user does something.
#[tokio::test(flavor = "multi_thread")]
async fn one_id_posted_everywhere_is_delivered_once() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream).await?;
    let mut person = Person::meet(cluster.node(2)?.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    let order = json!({"biz_id": "order-1", "role": "support", "text": "Your order has shipped."});
    let nodes: Vec<SocketAddr> =
        (0..cluster.len()).map(|node| Ok(cluster.node(node)?.address())).collect::<Result<_>>()?;
    let mut fresh = 0;
    for _ in 0..20 {
        let posts = nodes.iter().cycle().take(50).map(|node| api::post(*node, &person.session, &order));
        for answer in try_join_all(posts).await? {
            ensure!(matches!(answer.status, 200 | 202), "{} {}", answer.status, answer.text());
            fresh += usize::from(answer.json()?["state"] == "queued");
        }
    }
    ensure!(fresh == 1, "{fresh} of a thousand took effect");
    while let Some(Arrival::Frame(frame)) = socket.within(Duration::from_secs(1)).await? {
        person.ledger.frame(&frame)?;
    }
    let delivered: Vec<&Value> = person.ledger.shown().iter().filter(|it| it["body"]["kind"] == "delivery").collect();
    ensure!(delivered.len() == 1 && delivered[0]["body"]["parts"] == json!(["order-1"]), "{delivered:?}");
    person.settle().await
}

// Fails when a reply stays unfinished because its server died and its client never came back, or is finished twice; and
// when a client of a server that died is not let in by another one. Prints how long either takes.
#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_server_leaves_is_taken_over() -> Result<()> {
    const CLIENTS: usize = 24;
    let upstream = Upstream::loopback().await?;
    let mut cluster = cluster(&upstream).await?;
    let (dead, alive) = (cluster.node(0)?.address(), cluster.node(1)?.address());
    let mut talks = Vec::new();
    for n in 0..CLIENTS {
        let mut person = Person::meet(dead, "storyteller").await?;
        let mut socket = person.attach().await?;
        let id = person.say(&mut socket, &story(n)).await?;
        talks.push((person, socket, id));
    }
    for (person, socket, _) in &mut talks {
        hear(person, socket, 1).await?;
    }
    cluster.node_mut(0)?.kill()?;
    let killed = clock::now();
    let (returning, gone): (Vec<_>, Vec<_>) = talks.into_iter().enumerate().partition(|(n, _)| n % 2 == 0);
    let returns = returning.into_iter().map(|(_, (mut person, _, id))| async move {
        person.go_to(alive);
        let started = clock::now();
        let mut socket = loop {
            match ws::open(alive, &person.hello()).await? {
                Opened::Live(_) => break person.attach().await?,
                Opened::Refused { status: 503, .. } => {}
                Opened::Refused { status, body } => bail!("refused with {status}: {body}"),
            }
        };
        let took = started.elapsed();
        person.hear_reply(&mut socket, &id).await?;
        person.settle().await?;
        Ok::<_, anyhow::Error>(took)
    });
    let finishes = gone.into_iter().map(|(_, (person, ..))| async move {
        loop {
            let log = api::diff(alive, &person.session.token, 1).await?;
            let ends = log.iter().filter(|message| message["body"]["kind"] == "reply").count();
            ensure!(ends <= 1, "{ends} ends of one reply");
            if ends == 1 {
                return Ok(killed.elapsed());
            }
            ensure!(killed.elapsed() < PATIENCE, "a reply stays unfinished: {log:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    });
    let (returned, finished) = tokio::join!(join_all(returns), join_all(finishes));
    for (what, times) in
        [("a client that comes back is let in after", returned), ("a reply alone ends after", finished)]
    {
        let mut times: Vec<Duration> = times.into_iter().collect::<Result<_>>()?;
        times.sort();
        let at = |percent: usize| times.get((times.len() * percent).div_ceil(100).saturating_sub(1)).copied();
        let (p50, p99) = at(50).zip(at(99)).context("nobody was measured")?;
        show("takeover from a server killed with -9, lease 1 s", &format!("{what} p50 {p50:?}, p99 {p99:?}"));
    }
    cluster.check_logs()
}

// Fails when a server that is to stop sends all its clients away at once or before their time, cuts a reply meanwhile, lets
// somebody in, or waits on when all have gone.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_stops_hands_its_clients_over_one_by_one() -> Result<()> {
    const CLIENTS: usize = 10;
    let upstream = Upstream::loopback().await?;
    let options = Options { quiet: true, ..Options::upstream(&upstream.url()) };
    let mut cluster = Cluster::start(2, &options.flag("--hand-over", "30s")).await?;
    let (stops, stays) = (cluster.node(0)?.address(), cluster.node(1)?.address());
    let mut talks = Vec::new();
    for n in 0..CLIENTS {
        let mut person = Person::meet(stops, "storyteller").await?;
        let mut socket = person.attach().await?;
        let id = person.say(&mut socket, &story(n)).await?;
        hear(&mut person, &mut socket, 2).await?;
        talks.push((person, socket, id));
    }
    cluster.node(0)?.terminate()?;
    let mut times = Vec::new();
    for (person, socket, _) in &mut talks {
        loop {
            let Arrival::Frame(frame) = socket.next().await? else { bail!("cut before its time") };
            person.ledger.frame(&frame)?;
            if frame["type"] == "goaway" {
                times.push(frame["after_ms"].as_u64().context("no time")?);
                break;
            }
        }
    }
    times.sort_unstable();
    let paced: Vec<u64> = (0..CLIENTS as u64).map(|nth| nth * 100).collect();
    ensure!(times == paced, "{times:?}");
    let newcomer = ws::open(stops, &talks[0].0.hello()).await?;
    ensure!(matches!(newcomer, Opened::Refused { status: 503, .. }), "{newcomer:?}");
    // Whose time has not come hears its reply to the end where it is; the others where they go.
    for (n, (person, socket, id)) in talks.iter_mut().enumerate() {
        if n % 2 == 0 {
            person.hear_reply(socket, id).await?;
        }
        person.go_to(stays);
        *socket = person.attach().await?;
        person.hear_reply(socket, id).await?;
        person.settle().await?;
    }
    let left = clock::now();
    let status = cluster.node_mut(0)?.ended().await?;
    ensure!(status.success(), "{status}");
    ensure!(left.elapsed() < Duration::from_secs(15), "it waits for nobody");
    cluster.check_logs()
}

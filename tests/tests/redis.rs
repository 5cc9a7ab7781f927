//! Sessions on a Redis server: what survives the end of rolecall, and of Redis.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::http;
use rolecall_tests::redis::Redis;
use rolecall_tests::server::{Options, Server, signal};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::ws::{self, Arrival, Hello, Socket};
use serde_json::{Value, json};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;

/// A reply of thirty pieces, slow enough to be hit in the middle.
fn story(round: usize) -> String {
    let pieces = (0..30).map(|part| format!("第{round}回之{part}，且听下文分解。")).collect();
    directive(&[Script { pieces, gap_ms: 8, ..Script::default() }])
}

fn on(redis: &Redis, upstream: &Upstream) -> Options {
    Options::upstream(&upstream.url()).flag("--store", "redis").flag("--redis-url", &redis.url())
}

/// Hears so many messages more, in the middle of a reply.
async fn hear(person: &mut Person, socket: &mut Socket, messages: usize) -> Result<()> {
    let until = person.ledger.shown().len() + messages;
    while person.ledger.shown().len() < until {
        let Arrival::Frame(frame) = socket.next().await? else { anyhow::bail!("cut too early") };
        person.ledger.frame(&frame)?;
    }
    Ok(())
}

/// Comes back after an accident, says again what was not taken, and hears the reply to its end.
async fn go_on(person: &mut Person, id: &str, text: &str) -> Result<Socket> {
    let mut socket = person.attach().await.context("after the accident")?;
    let processed = person.welcome["client_seq"].as_u64().context("no client_seq in the welcome")?;
    if processed < person.said() {
        person.repeat(&mut socket, text).await?;
    }
    person.hear_reply(&mut socket, id).await?;
    ensure!(person.ledger.count("user", "id", id) == 1, "{id} was said more than once");
    ensure!(person.ledger.epoch() == 1, "nothing was lost, yet the epoch is {}", person.ledger.epoch());
    Ok(socket)
}

// Fails when a session on Redis does not outlive its process: something sent before it was durable, a reply that nobody
// goes on with, a message said twice, text taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_on_redis_survives_a_kill_in_the_middle_of_a_reply() -> Result<()> {
    let (redis, upstream) = (Redis::start().await?, Upstream::loopback().await?);
    let mut server = Server::start(on(&redis, &upstream)).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    for (round, heard) in [1, 4, 9, 17].into_iter().enumerate() {
        let mut socket = person.attach().await?;
        let text = story(round);
        let id = person.say(&mut socket, &text).await?;
        hear(&mut person, &mut socket, heard).await?;
        ensure!(person.ledger.reply_to(&id).is_none(), "the reply was over before the kill");
        server.kill()?;
        server.restart().await?;
        go_on(&mut person, &id, &text).await.with_context(|| format!("round {round}"))?;
    }
    person.settle().await
}

// Fails when a lost Redis takes rolecall with it, is not told by /readyz and the metrics, or is not found again; when what was
// shown before is lost or comes twice behind it.
#[tokio::test(flavor = "multi_thread")]
async fn a_redis_that_is_killed_comes_back_without_a_trace() -> Result<()> {
    let (mut redis, upstream) = (Redis::start().await?, Upstream::loopback().await?);
    let server = Server::start(on(&redis, &upstream)).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    for round in 0..3 {
        let mut socket = person.attach().await?;
        let text = story(round);
        let id = person.say(&mut socket, &text).await?;
        hear(&mut person, &mut socket, 5).await?;
        redis.kill()?;
        is_ready(&server, false).await?;
        drop(socket);
        redis.restart().await?;
        is_ready(&server, true).await?;
        go_on(&mut person, &id, &text).await.with_context(|| format!("round {round}"))?;
    }
    let metrics = http::get(server.address(), "/metrics").await?.text();
    let count = |name: &str| {
        let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.trim().parse::<u64>().ok());
        value.with_context(|| format!("no {name} in {metrics}"))
    };
    ensure!(count("store_commit_failures_total{reason=\"redis\"}")? >= 3, "{metrics}");
    ensure!(count("store_commit_seconds_count")? > 30, "{metrics}");
    person.settle().await
}

async fn is_ready(server: &Server, wanted: bool) -> Result<()> {
    let started = clock::now();
    loop {
        let answer = http::get(server.address(), "/readyz").await?;
        let metrics = http::get(server.address(), "/metrics").await?.text();
        if (answer.status == 200) == wanted && metrics.contains(&format!("\nstore_up {}\n", u8::from(wanted))) {
            ensure!(!answer.text().contains("redis://"), "callers learn where the store is: {}", answer.text());
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "/readyz stays {}: {}; {metrics}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// An address at which one server is, and later another.
struct Place {
    address: SocketAddr,
    leads_to: watch::Sender<SocketAddr>,
    _tasks: JoinSet<()>,
}

impl Place {
    async fn of(first: SocketAddr) -> Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let (leads_to, leads) = watch::channel(first);
        let mut tasks = JoinSet::new();
        tasks.spawn(async move {
            let mut connections = JoinSet::new();
            while let Ok((mut near, _)) = listener.accept().await {
                let there = *leads.borrow();
                connections.spawn(async move {
                    if let Ok(mut far) = TcpStream::connect(there).await {
                        let _ = tokio::io::copy_bidirectional(&mut near, &mut far).await;
                    }
                });
            }
        });
        Ok(Self { address, leads_to, _tasks: tasks })
    }
}

/// What a client is told that comes back, up to where it is told that it has everything.
async fn come_back(to: SocketAddr, hello: &Hello) -> Result<(Socket, Value, Vec<Value>)> {
    let started = clock::now();
    'again: loop {
        ensure!(started.elapsed() < PATIENCE, "nobody lets {hello:?} in");
        tokio::time::sleep(Duration::from_millis(50)).await;
        let Ok(mut socket) = ws::connect(to, hello).await else { continue };
        // The actor that knew more than there is ends when it finds out.
        let Ok(Arrival::Frame(welcome)) = socket.next().await else { continue };
        ensure!(welcome["type"] == "welcome", "{welcome}");
        let mut told = Vec::new();
        while !told.last().is_some_and(|frame: &Value| frame["type"] == "resumed") {
            let Ok(Arrival::Frame(frame)) = socket.next().await else { continue 'again };
            told.push(frame);
        }
        return Ok((socket, welcome, told));
    }
}

/// Where a client stands that has everything up to a number of the first epoch.
async fn stands(to: SocketAddr, person: &Person, last_seq: u64) -> Result<Value> {
    let asked = json!({"session_token": person.session.token, "last_sequence_id": last_seq, "epoch": 1});
    http::post(to, "/v1/reconnect", &asked).await?.json()
}

/// Says something and gives the numbers of the messages that come of it.
async fn numbers(socket: &mut Socket, client_seq: u64, text: &str) -> Result<Vec<u64>> {
    socket.say(client_seq, "again", text).await?;
    let mut numbers = Vec::new();
    loop {
        let Arrival::Frame(frame) = socket.next().await? else { anyhow::bail!("cut too early") };
        ensure!(frame["type"] != "error", "{frame}");
        numbers.extend(frame["seq"].as_u64().filter(|_| frame["type"] == "message"));
        if frame["body"]["kind"] == "reply" {
            return Ok(numbers);
        }
    }
}

/// How far a server has the writes of its line of copies.
async fn has(redis: &Redis) -> Result<u64> {
    let told = redis.ask(&["INFO", "replication"]).await?.concat();
    let offset = told.lines().find_map(|line| line.strip_prefix("master_repl_offset:"));
    Ok(offset.context("no offset")?.trim().parse()?)
}

async fn catches_up(redis: &Redis, heir: &Redis) -> Result<()> {
    let started = clock::now();
    while has(redis).await? != has(heir).await? {
        ensure!(started.elapsed() < PATIENCE, "the replica does not catch up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

/// A Redis with a replica that is to take over, and servers that count on no more than the first one's memory.
struct Pair {
    redis: Redis,
    heir: Redis,
    /// Where the servers look for it.
    place: Place,
    options: Options,
}

impl Pair {
    async fn start(upstream: &Upstream) -> Result<Self> {
        let redis = Redis::with(&["--repl-diskless-sync-delay", "0"]).await?;
        let port = redis.address().port().to_string();
        let heir = Redis::with(&["--replicaof", "127.0.0.1", &port]).await?;
        let place = Place::of(redis.address()).await?;
        let url = format!("redis://{}/0", place.address);
        let options = Options::upstream(&upstream.url()).flag("--store", "redis").flag("--redis-url", &url);
        Ok(Self { redis, heir, place, options: options.flag("--redis-durability", "memory") })
    }
}

// Fails when a failover that drops what was acknowledged goes unnoticed: a number that a client has seen is given to
// another message, or a client that has lost messages is told that it goes on.
#[tokio::test(flavor = "multi_thread")]
async fn a_failover_that_drops_messages_is_told_to_everybody() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let Pair { mut redis, heir, place, options } = Pair::start(&upstream).await?;
    let server = Server::start(options).await?;
    let (mut loser, mut keeper) =
        (Person::meet(server.address(), "storyteller").await?, Person::meet(server.address(), "storyteller").await?);
    for person in [&mut loser, &mut keeper] {
        let mut socket = person.attach().await?;
        person.ask(&mut socket, &story(0)).await?;
    }
    catches_up(&redis, &heir).await?;
    // It takes over before the other knows, which takes some more: what is lost.
    ensure!(heir.ask(&["REPLICAOF", "NO", "ONE"]).await? == ["OK"], "it does not take over");
    let kept = loser.ledger.last_seq();
    let mut socket = loser.attach().await?;
    loser.ask(&mut socket, &story(1)).await?;
    drop(socket);
    let seen = loser.ledger.last_seq();
    ensure!(seen > kept + 1, "nothing is lost: {seen} after {kept}");

    redis.kill()?;
    is_ready(&server, false).await?;
    place.leads_to.send_replace(heir.address());
    is_ready(&server, true).await?;

    // Before the client comes back that has seen what is lost, another one of the same session goes on.
    let fresh = Hello::fresh(&loser.session.token);
    let started = clock::now();
    let (socket, given) = loop {
        ensure!(started.elapsed() < PATIENCE, "the session does not go on");
        let (mut socket, welcome, _) = come_back(server.address(), &fresh).await?;
        let said = welcome["client_seq"].as_u64().context("no client_seq")?;
        // Who still knows what is lost finds out with its next step, and lets go.
        match numbers(&mut socket, said + 1, &story(2)).await {
            Ok(given) => {
                ensure!(welcome["epoch"].as_u64() > Some(1), "{welcome}");
                break (socket, given);
            }
            Err(error) => ensure!(welcome["epoch"] == 1, "{error:#}: {welcome}"),
        }
    };
    ensure!(given.iter().all(|seq| *seq > seen) && given.len() > 1, "{given:?}, and {seen} was seen");
    drop(socket);

    let place_of = stands(server.address(), &loser, seen).await?;
    ensure!(place_of["regressed"] == true && place_of["resumed"] == false, "{place_of}");
    let (_socket, welcome, told) = come_back(server.address(), &loser.hello()).await?;
    ensure!(welcome["epoch"].as_u64() > Some(1) && welcome["resume_from"] == seen + 1, "{welcome}");
    let again: Vec<u64> =
        told.iter().filter(|frame| frame["type"] == "message").filter_map(|frame| frame["seq"].as_u64()).collect();
    ensure!(again == given, "{again:?}, not {given:?}");

    // Who has lost nothing goes on where it was.
    let has = keeper.ledger.last_seq();
    let place_of = stands(server.address(), &keeper, has).await?;
    ensure!(place_of["regressed"] == false, "{place_of}");
    let (mut socket, welcome, told) = come_back(server.address(), &keeper.hello()).await?;
    ensure!(welcome["resume_from"] == has + 1 && welcome["client_seq"] == 1, "{welcome}");
    ensure!(told.iter().all(|frame| frame["type"] != "message"), "{told:?}");
    numbers(&mut socket, 2, &story(3)).await?;
    Ok(())
}

// Fails when a server from which a session was taken by force goes on with it, and gives numbers that its client has seen to
// other messages, because a failover lost the claim: it finds its own fence and its own head.
#[tokio::test(flavor = "multi_thread")]
async fn a_claim_that_a_failover_loses_leaves_no_numbers_to_be_given_again() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let Pair { mut redis, heir, place, options } = Pair::start(&upstream).await?;
    let options = options.flag("--token-key", &"k".repeat(32));
    let first = Server::start(options.clone().flag("--node-id", "first")).await?;
    let mut other = Server::start(options.flag("--node-id", "other")).await?;
    let mut person = Person::meet(first.address(), "storyteller").await?;
    let mut at_first = person.attach().await?;
    person.ask(&mut at_first, &story(0)).await?;
    let kept = person.ledger.last_seq();
    catches_up(&redis, &heir).await?;
    ensure!(heir.ask(&["REPLICAOF", "NO", "ONE"]).await? == ["OK"], "it does not take over");

    // The first server hangs, its client moves, and the other one takes the session by force.
    signal(first.pid()?, libc::SIGSTOP)?;
    person.go_to(other.address());
    let mut at_other = person.attach().await?;
    person.ask(&mut at_other, &story(1)).await?;
    let seen = person.ledger.last_seq();
    ensure!(seen > kept + 1, "nothing is lost: {seen} after {kept}");
    drop(at_other);
    other.kill()?;
    redis.kill()?;
    place.leads_to.send_replace(heir.address());
    signal(first.pid()?, libc::SIGCONT)?;
    let started = clock::now();
    while !heir.ask(&["CLIENT", "LIST"]).await?.concat().contains("rolecall:first/") {
        ensure!(started.elapsed() < PATIENCE, "the first server does not find the copy");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    is_ready(&first, true).await?;

    // Its old connection is still there, and something is said on it.
    let note = json!({"biz_id": "late", "role": "support", "text": "Your parcel came.", "priority": "high"});
    let posted = api::post(first.address(), &person.session, &note).await?;
    ensure!(posted.status == 202, "{} {}", posted.status, posted.text());
    while let Arrival::Frame(frame) = at_first.next().await? {
        let again = frame["type"] == "message" && frame["seq"].as_u64().is_some_and(|seq| seq <= seen);
        ensure!(!again, "what was seen up to {seen} is another message now: {frame}");
    }
    let (mut socket, welcome, told) = come_back(first.address(), &person.hello()).await?;
    ensure!(welcome["epoch"].as_u64() > Some(1) && welcome["resume_from"] == seen + 1, "{welcome}");
    let said = welcome["client_seq"].as_u64().context("no client_seq")?;
    let mut given = numbers(&mut socket, said + 1, &story(2)).await?;
    given.extend(told.iter().filter(|frame| frame["type"] == "message").filter_map(|frame| frame["seq"].as_u64()));
    ensure!(given.iter().all(|seq| *seq > seen) && given.len() > 2, "{given:?}, and {seen} was seen");
    Ok(())
}

// Fails when a Redis that would lose what is acknowledged is served on, or the refusal does not say what mends it.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_on_an_unfit_redis_says_what_mends_it() -> Result<()> {
    let (redis, upstream) = (Redis::start().await?, Upstream::loopback().await?);
    let wants = on(&redis, &upstream).flag("--redis-durability", "replicas 1");
    let refused = Server::start(wants).await.err().context("it started")?.to_string();
    ensure!(refused.contains("0 replicas") && refused.contains("replicaof"), "{refused}");
    let wrong = Options::upstream(&upstream.url())
        .flag("--store", "redis")
        .flag("--redis-url", &redis.url().replace("redis://", "redis://:hunter2@"));
    let refused = Server::start(wrong).await.err().context("it started")?.to_string();
    ensure!(refused.contains("redis-url") && !refused.contains("hunter2"), "{refused}");
    Ok(())
}

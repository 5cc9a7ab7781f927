//! Sessions on a Redis server: what survives the end of rolecall, and of Redis.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::Person;
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::http;
use rolecall_tests::redis::Redis;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::ws::{Arrival, Socket};

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

// Fails when a lost Redis takes rolecall with it, is not told by /readyz, or is not found again; when what was shown
// before is lost or comes twice behind it.
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
    person.settle().await
}

async fn is_ready(server: &Server, wanted: bool) -> Result<()> {
    let started = clock::now();
    loop {
        let answer = http::get(server.address(), "/readyz").await?;
        if (answer.status == 200) == wanted {
            ensure!(!answer.text().contains("redis://"), "callers learn where the store is: {}", answer.text());
            return Ok(());
        }
        ensure!(started.elapsed() < PATIENCE, "/readyz stays {}: {}", answer.status, answer.text());
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
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

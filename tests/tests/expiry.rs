//! Sessions that nobody uses end, whole, and who comes back to one is told so.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Result, ensure};
use rolecall_tests::api::{self, Person, Session};
use rolecall_tests::clock;
use rolecall_tests::http::Request;
use rolecall_tests::redis::Redis;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::ws::{self, Arrival, Hello, Opened};
use serde_json::json;

/// Longer than the shortest lifetime, and the longest look for who has reached it.
const A_LIFE: Duration = Duration::from_secs(150);

/// Whether every call on a session says that it is gone; and none makes it anew.
async fn is_gone(to: SocketAddr, session: &Session) -> Result<()> {
    for _ in 0..2 {
        let hello = Hello { last_seq: 1, ..Hello::fresh(&session.token) };
        match ws::open(to, &hello).await? {
            Opened::Refused { status: 404, body } => ensure!(body.contains("session_not_found"), "{body}"),
            other => anyhow::bail!("let in, or refused otherwise: {other:?}"),
        }
        let note = json!({"biz_id": "late", "role": "support", "text": "Your parcel came."});
        let calls = [
            ("reconnect", api::reconnect(to, &session.token, 1).await?),
            ("post", api::post(to, session, &note).await?),
            ("diff", Request::new("GET", "/v1/diff?from=1").bearer(&session.token).send(to).await?),
        ];
        for (call, answer) in calls {
            ensure!(answer.status == 404, "{call}: {} {}", answer.status, answer.text());
            ensure!(answer.json()?["error"]["code"] == "session_not_found", "{call}: {}", answer.text());
        }
    }
    Ok(())
}

// Fails when a session that nobody uses is not deleted, or one whose client is there and says nothing is; when who comes back
// gets a new session in silence.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_of_a_data_directory_ends_with_its_lifetime() -> Result<()> {
    let server = Server::start(Options::default().flag("--session-ttl", "1m")).await?;
    let to = server.address();
    let (mut away, mut there) = (Person::meet(to, "storyteller").await?, Person::meet(to, "storyteller").await?);
    let mut socket = away.attach().await?;
    away.ask(&mut socket, "How are you?").await?;
    drop(socket);
    let mut socket = there.attach().await?;
    there.ask(&mut socket, "How are you?").await?;
    let started = clock::now();
    while api::reconnect(to, &away.session.token, 1).await?.status == 200 {
        ensure!(started.elapsed() < A_LIFE, "it never ends");
        // Its client says nothing, and lives.
        match socket.within(Duration::from_millis(500)).await? {
            None => {}
            Some(Arrival::Frame(frame)) => ensure!(frame["type"] != "message", "{frame}"),
            Some(other) => anyhow::bail!("a session that is in use ended: {other:?}"),
        }
    }
    is_gone(to, &away.session).await?;
    there.ask(&mut socket, "Are you still there?").await?;
    there.settle().await
}

// Fails when a session on Redis has a key without an end, or who comes back behind it is not told.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_on_redis_ends_with_its_keys() -> Result<()> {
    let redis = Redis::start().await?;
    let options = Options::default().flag("--store", "redis").flag("--redis-url", &redis.url());
    let server = Server::start(options.flag("--session-ttl", "2h")).await?;
    let to = server.address();
    let mut person = Person::meet(to, "storyteller").await?;
    let note = json!({"biz_id": "one", "role": "support", "text": "Your parcel came."});
    ensure!(api::post(to, &person.session, &note).await?.status == 202);
    let mut socket = person.attach().await?;
    person.ask(&mut socket, "How are you?").await?;
    drop(socket);
    let waiting = json!({"biz_id": "two", "role": "support", "text": "Your parcel came."});
    ensure!(api::post(to, &person.session, &waiting).await?.status == 202);
    let pattern = format!("*{}*", person.session.id);
    let keys = redis.ask(&["KEYS", &pattern]).await?;
    ensure!(keys.len() >= 4, "{keys:?}");
    for key in &keys {
        let left: i64 = redis.ask(&["PTTL", key]).await?.concat().parse()?;
        ensure!((1..=7_200_000).contains(&left), "{key} ends in {left} ms");
    }
    // As when it has passed.
    for key in &keys {
        redis.ask(&["PEXPIRE", key, "1"]).await?;
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    is_gone(to, &person.session).await?;
    ensure!(redis.ask(&["KEYS", &pattern]).await?.is_empty(), "something was made anew");
    Ok(())
}

//! Clients whose every request goes to another server.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_client::Transport;
use rolecall_tests::api::{self, Session};
use rolecall_tests::clock;
use rolecall_tests::front::Front;
use rolecall_tests::server::show;
use rolecall_tests::upstream::Upstream;
use serde_json::{Value, json};

use super::heard::{self, Heard};
use super::{addresses, call, cluster, story};

const OVER_HTTP: [Transport; 2] = [Transport::Events, Transport::Poll];

// Fails when a connection over HTTP breaks because its requests come to servers that do not have it, when a session goes from
// one server to another without its client having gone, or when anything is lost, repeated or in another order.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_connection_may_come_to_any_server() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream, &[]).await?;
    let nodes = addresses(&cluster)?;
    for transport in OVER_HTTP {
        let front = Front::round_robin(nodes.clone()).await?;
        let session = heard::session(front.address(), transport).await?;
        let position = session.saved().position;
        let (mut heard, mut owner) = (Heard::default(), None);
        for round in 0..6 {
            session.send(&story(round, 8, 5)).await.with_context(|| format!("{transport:?}"))?;
            while !heard.next(&session).await.with_context(|| format!("{transport:?}"))? {}
            let now = cluster.owner(&position.session_id).await?;
            ensure!(now.is_some() && (owner.is_none() || owner == now), "{transport:?}: {owner:?} became {now:?}");
            owner = now;
        }
        session.close().await;
        ensure!(heard.disconnects == 0, "{transport:?}: {} disconnects", heard.disconnects);
        ensure!(heard.replies.len() == 6, "{transport:?}: {} replies", heard.replies.len());
        let served = front.served();
        ensure!(served.iter().all(|count| *count > 0), "{transport:?}: {served:?}: not every server was asked");
        for node in &nodes {
            heard.settle(*node, &position.token).await.with_context(|| format!("{transport:?}"))?;
        }
    }
    cluster.check_logs()
}

// Fails when a reply is lost, doubled or cut because the server that carried its client was killed in the middle of it, or a
// client without a WebSocket does not find its way to another one.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_that_carries_a_client_dies_in_the_middle_of_a_reply() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut cluster = cluster(&upstream, &[]).await?;
    let nodes = addresses(&cluster)?;
    for transport in [Transport::Events, Transport::Poll, Transport::WebSocket] {
        let front = Front::round_robin(nodes.clone()).await?;
        let session = heard::session(front.address(), transport).await?;
        let position = session.saved().position;
        let mut heard = Heard::default();
        for round in 0..3 {
            session.send(&story(round, 30, 20)).await.with_context(|| format!("{transport:?}"))?;
            while heard.pieces < 4 {
                ensure!(!heard.next(&session).await?, "{transport:?}: the reply was over before the kill");
            }
            let dead = cluster.owner(&position.session_id).await?.context("nobody has the session")?;
            cluster.node_mut(dead)?.kill()?;
            while !heard.next(&session).await.with_context(|| format!("{transport:?} behind the kill of {dead}"))? {}
            let now = cluster.owner(&position.session_id).await?;
            ensure!(now != Some(dead), "{transport:?}: the dead server has the session");
            cluster.node_mut(dead)?.restart().await?;
        }
        session.close().await;
        ensure!(heard.replies.len() == 3 && heard.disconnects >= 3, "{transport:?}: {} replies", heard.replies.len());
        for node in &nodes {
            heard.settle(*node, &position.token).await.with_context(|| format!("{transport:?}"))?;
        }
    }
    cluster.check_logs()
}

/// The name of a connection that is opened at a server, to be polled for.
pub(crate) async fn open(to: SocketAddr, session: &Session, last_seq: u64) -> Result<String> {
    let path = format!("/v1/session/poll?last_seq={last_seq}");
    let (status, opened) = call(to, "POST", &path, &session.token, None).await?;
    ensure!(status == 201, "{status} {opened}");
    Ok(opened["connection"].as_str().context("no name")?.to_owned())
}

// Fails when a server answers a request of another one's connection otherwise than that one does: frames, beats, polls,
// what is wrong with them, and the last word; or when a post, a look back or a page is not right at every server. Prints
// what the way over another server costs.
#[tokio::test(flavor = "multi_thread")]
async fn every_call_is_right_at_every_server() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream, &[]).await?;
    let nodes = addresses(&cluster)?;
    let [first, others @ ..] = nodes.as_slice() else { anyhow::bail!("no nodes") };
    let (mine, other) = (api::create(*first, "storyteller").await?, api::create(*first, "storyteller").await?);
    let id = open(*first, &mine, 0).await?;
    let poll = format!("/v1/session/poll?connection={id}&wait_ms=300");
    let frames = format!("/v1/session/frames?connection={id}");
    let mut said = Vec::new();
    for (nth, to) in nodes.iter().cycle().take(6).enumerate() {
        let send = json!({"type": "send", "id": format!("m{nth}"), "client_seq": nth + 1, "text": story(nth, 2, 1)});
        let (status, taken) = call(*to, "POST", &frames, &mine.token, Some(&send)).await?;
        ensure!(status == 202 && taken["taken"] == 1, "{status} {taken}");
        let beat = json!({"connection": id, "ack": 0, "sent_ms": 7, "network": "4g"});
        let (status, taken) = call(*to, "POST", "/v1/heartbeat", &mine.token, Some(&beat)).await?;
        ensure!(status == 202 && taken["taken"] == 1, "{status} {taken}");
        let (status, batch) = call(*to, "GET", &poll, &mine.token, None).await?;
        ensure!(status == 200 && batch["close"].is_null(), "{status} {batch}");
        said.extend(batch["frames"].as_array().context("no frames")?.iter().cloned());
    }
    let replies = |said: &[Value]| said.iter().filter(|frame| frame["body"]["kind"] == "reply").count();
    while replies(&said) < 6 {
        let (status, batch) = call(others[0], "GET", &poll, &mine.token, None).await?;
        ensure!(status == 200 && batch["close"].is_null(), "{status} {batch}");
        said.extend(batch["frames"].as_array().context("no frames")?.iter().cloned());
    }
    let messages: Vec<u64> =
        said.iter().filter_map(|frame| frame["seq"].as_u64().filter(|_| frame["type"] == "message")).collect();
    ensure!(messages == (1..=messages.len() as u64).collect::<Vec<_>>(), "{messages:?}");
    ensure!(cluster.owner(&mine.id).await? == Some(0), "the session went elsewhere");
    wrong_at_every_server(&nodes, &id, &mine, &other).await?;
    told_at_every_server(&nodes, &mine, messages.len() as u64).await?;

    let bad = json!({"type": "ack", "seq": 9_999});
    ensure!(call(others[0], "POST", &frames, &mine.token, Some(&bad)).await?.0 == 202);
    for to in others {
        let path = format!("/v1/session/poll?connection={id}&wait_ms=20000");
        let (status, mut end) = call(*to, "GET", &path, &mine.token, None).await?;
        while status == 200 && end["close"].is_null() {
            end = call(*to, "GET", &path, &mine.token, None).await?.1;
        }
        ensure!(end["close"]["code"] == 4300, "{status} {end}");
    }
    price(&nodes, &mine, messages.len() as u64).await?;
    cluster.check_logs()
}

/// What is wrong is told by the same status and code wherever it is asked.
async fn wrong_at_every_server(nodes: &[SocketAddr], id: &str, mine: &Session, other: &Session) -> Result<()> {
    let frames = format!("/v1/session/frames?connection={id}");
    let poll = format!("/v1/session/poll?connection={id}");
    let beat = json!({"connection": id});
    for to in nodes {
        for (method, path, token, body, expected, code) in [
            ("GET", poll.as_str(), other.token.as_str(), None, 404, "no_connection"),
            ("POST", &frames, &other.token, Some(json!({"type": "ack", "seq": 0})), 404, "no_connection"),
            ("POST", "/v1/heartbeat", &other.token, Some(beat.clone()), 404, "no_connection"),
            ("GET", &poll, "no.such.token", None, 401, "token_invalid"),
            ("POST", &frames, "no.such.token", Some(json!([])), 401, "token_invalid"),
            ("POST", &frames, &mine.token, Some(json!([])), 400, "bad_frames"),
            ("POST", &frames, &mine.token, Some(json!(vec![json!({"type": "ack", "seq": 0}); 65])), 400, "bad_frames"),
        ] {
            let (status, answer) = call(*to, method, path, token, body.as_ref()).await?;
            ensure!(status == expected && answer["error"]["code"] == code, "{to} {method} {path}: {status} {answer}");
        }
    }
    Ok(())
}

/// What the store knows, every server does.
async fn told_at_every_server(nodes: &[SocketAddr], mine: &Session, head: u64) -> Result<()> {
    for (nth, to) in nodes.iter().enumerate() {
        let log = api::diff(*to, &mine.token, 1).await?;
        ensure!(log.len() as u64 == head + nth as u64, "{to}: {} messages", log.len());
        let stands = api::reconnect(*to, &mine.token, head).await?.expect(200)?;
        ensure!(stands["next_sequence_id"] == head + nth as u64 + 1 && stands["resumed"] == true, "{to}: {stands}");
        let order = json!({"biz_id": format!("order-{nth}"), "text": "It has shipped.", "priority": "high"});
        let posted = api::post(*to, mine, &order).await?;
        ensure!(posted.status == 202, "{to}: {} {}", posted.status, posted.text());
        // Its client is there, so it is delivered at once.
        let until = clock::now();
        while api::diff(*to, &mine.token, 1).await?.len() as u64 != head + nth as u64 + 1 {
            ensure!(until.elapsed() < clock::PATIENCE, "{to}: what was posted is not delivered");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
    Ok(())
}

/// How long a beat takes at the server that has the connection, and at the others.
async fn price(nodes: &[SocketAddr], mine: &Session, last_seq: u64) -> Result<()> {
    const BEATS: usize = 200;
    let [first, second, ..] = nodes else { anyhow::bail!("no nodes") };
    let id = open(*first, mine, last_seq).await?;
    let (beat, poll) = (json!({"connection": id}), format!("/v1/session/poll?connection={id}&wait_ms=0"));
    let mut medians = Vec::new();
    for to in [first, second] {
        let mut times = Vec::new();
        for nth in 0..BEATS {
            // Each has an answer, of which only so many wait.
            if nth % 16 == 0 {
                ensure!(call(*first, "GET", &poll, &mine.token, None).await?.0 == 200);
            }
            let began = clock::now();
            ensure!(call(*to, "POST", "/v1/heartbeat", &mine.token, Some(&beat)).await?.0 == 202);
            times.push(began.elapsed());
            // Below what a connection may say.
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
        times.sort();
        medians.push((times.get(BEATS / 2).copied(), times.get(BEATS * 99 / 100).copied()));
    }
    show("a beat at its own server and at another one, p50 and p99", &format!("{medians:?}"));
    Ok(())
}

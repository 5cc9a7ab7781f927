//! The inference queue on real servers: every job ends in one reply, whatever fails and whoever is killed.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::api::{self, Person, Session};
use rolecall_tests::clock;
use rolecall_tests::cluster::Cluster;
use rolecall_tests::http::{self, Request};
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::ws::Arrival;
use serde_json::{Value, json};

/// Longer than backoff, leases and a reply take together.
const LONG: Duration = Duration::from_secs(90);

fn path(session: &Session, rest: &str) -> String {
    format!("/v1/sessions/{}/jobs{rest}", session.id)
}

async fn post(to: SocketAddr, session: &Session, job: &Value) -> Result<Value> {
    http::post(to, &path(session, ""), job).await?.expect(202)
}

async fn job(to: SocketAddr, session: &Session, id: &str) -> Result<Value> {
    http::get(to, &path(session, &format!("/{id}"))).await?.expect(200)
}

/// Waits until a job is in this state.
async fn until(to: SocketAddr, session: &Session, id: &str, state: &str) -> Result<Value> {
    let began = clock::now();
    loop {
        let now = job(to, session, id).await?;
        if now["state"] == state {
            return Ok(now);
        }
        ensure!(began.elapsed() < LONG, "job {id} never became {state}: {now}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// A reply of many pieces, slow enough to be hit in the middle.
fn story(name: &str) -> (String, String) {
    let pieces: Vec<String> = (0..20).map(|part| format!("{name}之{part}，且听下文分解。")).collect();
    let text = pieces.concat();
    (directive(&[Script { pieces, gap_ms: 40, ..Script::default() }]), text)
}

/// Requires that a session's log has each of these jobs once: what was asked, its pieces, and one complete reply, which the
/// job names.
async fn check_log(to: SocketAddr, session: &Session, jobs: &[(String, String)]) -> Result<()> {
    let log = api::diff(to, &session.token, 1).await?;
    for (id, text) in jobs {
        let asked: Vec<&Value> = log.iter().filter(|message| message["body"]["id"] == format!("job:{id}")).collect();
        ensure!(asked.len() == 1, "{id} was asked {} times: {log:#?}", asked.len());
        let of_turn = |kind: &str| {
            let turn = &asked[0]["turn"];
            log.iter().filter(|message| message["turn"] == *turn && message["body"]["kind"] == kind).collect::<Vec<_>>()
        };
        let replies = of_turn("reply");
        ensure!(replies.len() == 1, "{id} has {} replies", replies.len());
        ensure!(replies[0]["body"]["outcome"] == "complete" && replies[0]["body"]["text"] == *text, "{}", replies[0]);
        let done = job(to, session, id).await?;
        ensure!(done["reply_seq"] == replies[0]["seq"], "{done}: its reply is {}", replies[0]);
        let said: String = of_turn("delta").iter().filter_map(|delta| delta["body"]["text"].as_str()).collect();
        ensure!(said == *text, "{id} was said as {said}");
    }
    let replies = log.iter().filter(|message| message["body"]["kind"] == "reply").count();
    ensure!(replies == jobs.len(), "{replies} replies to {} jobs: {log:#?}", jobs.len());
    Ok(())
}

// Fails when an outage kills a job, half a reply is shown, a dead letter is not put back, or a client that was away does not
// get the reply.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_outlast_an_upstream_that_fails() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(Options::upstream(&upstream.url())).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    let (to, session) = (server.address(), person.session.clone());
    let down = || Script { status: Some(503), ..Script::default() };
    let cut = Script {
        pieces: vec!["半句，且听下文分解。".to_owned()],
        end: rolecall_tests::upstream::End::Cut,
        ..Script::default()
    };
    let whole = Script { pieces: vec!["话说天下大势，且听下文分解。".to_owned()], ..Script::default() };
    // An attempt asks up to three times before its first text.
    let failing = directive(&[down(), down(), down(), cut, down(), whole.clone()]);
    let posted = post(to, &session, &json!({"job_id": "flaky", "text": failing, "priority": "high"})).await?;
    ensure!(posted["state"] == "queued", "{posted}");
    let done = until(to, &session, "flaky", "done").await?;
    ensure!(done["attempts"].as_u64().is_some_and(|attempts| attempts >= 2), "{done}");
    let dying = directive(&[down(), down(), down(), whole]);
    post(to, &session, &json!({"job_id": "dying", "text": dying, "max_attempts": 1})).await?;
    let dead = until(to, &session, "dying", "dead").await?;
    ensure!(dead["error"]["code"] == "model_unavailable" && dead["attempts"] == 1, "{dead}");
    let letters = http::get(to, "/v1/jobs?state=dead").await?.expect(200)?;
    ensure!(letters["jobs"] == json!([dead]), "{letters}");
    Request::new("POST", &path(&session, "/dying/retry")).send(to).await?.expect(202)?;
    until(to, &session, "dying", "done").await?;
    let text = "话说天下大势，且听下文分解。".to_owned();
    check_log(to, &session, &[("flaky".to_owned(), text.clone()), ("dying".to_owned(), text)]).await?;
    // It waits for a client that was not there.
    let mut socket = person.attach().await?;
    let heard =
        |person: &Person| person.ledger.shown().iter().filter(|message| message["body"]["kind"] == "reply").count();
    while heard(&person) < 2 {
        let Arrival::Frame(frame) = socket.next().await? else { bail!("cut too early") };
        person.ledger.frame(&frame)?;
    }
    let metrics = http::get(to, "/metrics").await?.text();
    ensure!(metrics.contains("jobs_dead_total{code=\"model_unavailable\"} 1"), "{metrics}");
    ensure!(metrics.contains("jobs_queue_depth{priority=\"high\",state=\"queued\"} 0"), "{metrics}");
    Ok(())
}

// Fails when a job that was acknowledged is lost with its server, answered twice, or half of a reply is left.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_outlast_a_server_that_is_killed() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let to = server.address();
    let mut sessions = Vec::new();
    for s in 0..3 {
        let session = api::create(to, "storyteller").await?;
        let mut jobs = Vec::new();
        for n in 0..3 {
            let (directive, text) = story(&format!("第{s}{n}回"));
            post(to, &session, &json!({"job_id": format!("j{n}"), "text": directive})).await?;
            jobs.push((format!("j{n}"), text));
        }
        sessions.push((session, jobs));
    }
    for ms in [300, 900, 1_300] {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        server.kill()?;
        server.restart().await?;
    }
    for (session, jobs) in &sessions {
        for (id, _) in jobs {
            until(to, session, id, "done").await?;
        }
        check_log(to, session, jobs).await?;
    }
    // Posting them again does nothing, and the queue is part of what is checked and backed up.
    let (session, jobs) = sessions.first().context("there are three")?;
    let again = post(to, session, &json!({"job_id": "j0", "text": "again"})).await?;
    ensure!(again["state"] == "done", "{again}");
    check_log(to, session, jobs).await?;
    for (command, arguments, words) in [
        ("check", vec![server.data()], "9 jobs"),
        ("backup", vec![server.data(), server.home().join("backup")], "3 sessions"),
        ("export", vec![server.home().join("backup")], "\"type\":\"job\""),
    ] {
        let binary = rolecall_tests::paths::binary()?;
        let run = move || {
            server::bare(&binary, std::path::Path::new("/tmp")).arg("store").arg(command).args(arguments).output()
        };
        let output = tokio::task::spawn_blocking(run).await??;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success() && said.contains(words), "{command}: {output:?}");
    }
    Ok(())
}

// Fails when a job for a session that another server serves disturbs its client, or is lost or doubled when that server is
// killed.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_outlast_one_of_two_servers() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let options = Options { quiet: true, ..Options::upstream(&upstream.url()) };
    let mut cluster = Cluster::start(2, &options.flag("--node-lease", "1s")).await?;
    let (doomed, other) = (cluster.node(0)?.address(), cluster.node(1)?.address());
    let mut person = Person::meet(doomed, "storyteller").await?;
    let mut socket = person.attach().await?;
    let session = person.session.clone();
    let (first, text) = story("第一回");
    post(other, &session, &json!({"job_id": "first", "text": first})).await?;
    let mut jobs = vec![("first".to_owned(), text)];
    while !person.ledger.shown().iter().any(|message| message["body"]["kind"] == "reply") {
        let Arrival::Frame(frame) = socket.next().await? else { bail!("its client was disturbed") };
        person.ledger.frame(&frame)?;
    }
    ensure!(cluster.owner(&session.id).await? == Some(0), "the session went elsewhere");
    until(other, &session, "first", "done").await?;
    let mut sessions = Vec::new();
    for n in 0..4 {
        let (directive, text) = story(&format!("第二{n}回"));
        let session = if n == 0 { session.clone() } else { api::create(other, "storyteller").await? };
        post(doomed, &session, &json!({"job_id": "second", "text": directive})).await?;
        if n == 0 {
            jobs.push(("second".to_owned(), text));
        } else {
            sessions.push((session, vec![("second".to_owned(), text)]));
        }
    }
    sessions.push((session, jobs));
    tokio::time::sleep(Duration::from_millis(400)).await;
    cluster.node_mut(0)?.kill()?;
    for (session, jobs) in &sessions {
        for (id, _) in jobs {
            until(other, session, id, "done").await?;
        }
        check_log(other, session, jobs).await?;
    }
    cluster.node_mut(0)?.restart().await?;
    Ok(())
}

// Fails when a job is not cancelled, wherever it is, or its reply is shown all the same.
#[tokio::test(flavor = "multi_thread")]
async fn jobs_are_cancelled() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(Options::upstream(&upstream.url())).await?;
    let (to, session) = (server.address(), api::create(server.address(), "storyteller").await?);
    for id in ["runs", "waits"] {
        post(to, &session, &json!({"job_id": id, "text": story(id).0})).await?;
    }
    until(to, &session, "runs", "running").await?;
    for id in ["waits", "runs"] {
        Request::new("DELETE", &path(&session, &format!("/{id}"))).send(to).await?.expect(200)?;
        until(to, &session, id, "cancelled").await?;
    }
    ensure!(api::diff(to, &session.token, 1).await?.is_empty(), "something was said");
    Ok(())
}

//! Replies are stopped from anywhere.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::api::Person;
use rolecall_tests::upstream::Upstream;
use rolecall_tests::ws::Arrival;
use serde_json::{Value, json};

use super::{addresses, call, cluster, story};

// Fails when a reply is not stopped by a call to a server that does not make it, ends twice or not at all, when what was said
// does not stand, or when a call again, or for a turn that is none, does something.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_stopped_at_any_server() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut cluster = cluster(&upstream, &[]).await?;
    let nodes = addresses(&cluster)?;
    let mut person = Person::meet(nodes[0], "storyteller").await?;
    let cancel = format!("/v1/sessions/{}/cancel", person.session.id);
    let (status, answer) = call(nodes[1], "POST", &cancel, &person.session.token, None).await?;
    ensure!(status == 200 && answer == json!({"turn": null, "state": "idle"}), "{status} {answer}");
    for (round, to) in nodes.iter().enumerate() {
        let mut socket = person.attach().await?;
        let id = person.say(&mut socket, &story(round, 400, 20)).await?;
        let until = person.ledger.shown().len() + 4;
        while person.ledger.shown().len() < until {
            let Arrival::Frame(frame) = socket.next().await? else { bail!("cut too early") };
            person.ledger.frame(&frame)?;
        }
        let turn = round as u64 + 1;
        // By its number or without.
        let which = (round > 0).then(|| json!({"turn": turn}));
        let (status, answer) = call(*to, "POST", &cancel, &person.session.token, which.as_ref()).await?;
        ensure!(status == 200 && answer == json!({"turn": turn, "state": "ended"}), "{status} {answer}");
        let reply = person.hear_reply(&mut socket, &id).await?;
        ensure!(reply["body"]["outcome"] == "cancelled" && reply["body"]["text"] != "", "{reply}");
        let (status, again) = call(*to, "POST", &cancel, &person.session.token, Some(&json!({"turn": turn}))).await?;
        ensure!(status == 200 && again == answer, "{status} {again}");
        ensure!(cluster.owner(&person.session.id).await? == Some(0), "a cancel took the session elsewhere");
    }
    for (path, body, expected, code) in [
        (cancel.as_str(), Some(json!({"turn": 99})), 404, "turn_not_found"),
        (&cancel, Some(json!({"turn": 0})), 404, "turn_not_found"),
        (&cancel, Some(json!({"turns": 1})), 400, "invalid_body"),
        (&cancel, Some(json!({"turn": -1})), 400, "invalid_body"),
        ("/v1/sessions/nobody/cancel", None, 404, "session_not_found"),
        ("/v1/sessions/s_00000000000000000000000000/cancel", None, 404, "session_not_found"),
    ] {
        let (status, answer) = call(nodes[2], "POST", path, &person.session.token, body.as_ref()).await?;
        ensure!(status == expected && answer["error"]["code"] == code, "{path} {body:?}: {status} {answer}");
    }
    person.settle().await?;
    of_a_dead_server(&mut cluster, person, &cancel).await
}

/// A reply whose server has just died is stopped by whoever is asked, and not made to its end by who takes it over.
async fn of_a_dead_server(
    cluster: &mut rolecall_tests::cluster::Cluster,
    mut person: Person,
    cancel: &str,
) -> Result<()> {
    let nodes = addresses(cluster)?;
    let mut socket = person.attach().await?;
    person.say(&mut socket, &story(9, 400, 20)).await?;
    let until = person.ledger.shown().len() + 4;
    while person.ledger.shown().len() < until {
        let Arrival::Frame(frame) = socket.next().await? else { bail!("cut too early") };
        person.ledger.frame(&frame)?;
    }
    cluster.node_mut(0)?.kill()?;
    drop(socket);
    let mut told = json!(null);
    for _ in 0..10 {
        let (status, answer) = call(nodes[2], "POST", cancel, &person.session.token, None).await?;
        ensure!(matches!(status, 200 | 202), "{status} {answer}");
        told = answer;
        if told["state"] == "ended" {
            break;
        }
    }
    ensure!(told == json!({"turn": 4, "state": "ended"}), "{told}");
    person.go_to(nodes[1]);
    let mut socket = person.attach().await?;
    let shown = person.ledger.shown();
    let ends: Vec<&Value> = shown.iter().filter(|it| it["turn"] == 4 && it["body"]["kind"] == "reply").collect();
    ensure!(ends.len() == 1, "{ends:?}");
    ensure!(ends.first().context("no end")?["body"]["outcome"] == "cancelled", "{ends:?}");
    while let Some(Arrival::Frame(frame)) = socket.within(Duration::from_millis(500)).await? {
        ensure!(frame["type"] != "message", "something was said behind the end: {frame}");
    }
    person.settle().await?;
    cluster.check_logs()
}

// Fails when a stranger stops a reply, or learns of a session by asking; or when who may is refused.
#[tokio::test(flavor = "multi_thread")]
async fn who_may_stop_a_reply() -> Result<()> {
    const KEY: &str = "a-key-of-the-test-alone";
    let upstream = Upstream::loopback().await?;
    let cluster = cluster(&upstream, &[("--api-keys", KEY)]).await?;
    let to = cluster.node(1)?.address();
    let open = async || -> Result<(String, String)> {
        let (status, session) = call(to, "POST", "/v1/sessions", KEY, Some(&json!({"role": "storyteller"}))).await?;
        ensure!(status == 201, "{status} {session}");
        let field = |name: &str| session[name].as_str().map(str::to_owned).context("no field");
        Ok((format!("/v1/sessions/{}/cancel", field("session_id")?), field("session_token")?))
    };
    let ((mine, token), (_, other)) = (open().await?, open().await?);
    for (bearer, expected, code) in [
        (KEY, 200, ""),
        (token.as_str(), 200, ""),
        (&other, 404, "session_not_found"),
        ("a-key-of-nobody-at-all", 401, "api_key_invalid"),
        ("a.b.c", 401, "token_invalid"),
        ("", 401, "api_key_missing"),
    ] {
        let (status, answer) = call(to, "POST", &mine, bearer, None).await?;
        let found = answer["error"]["code"].as_str().unwrap_or_default();
        ensure!(status == expected && found == code, "{bearer:?}: {status} {answer}");
    }
    Ok(())
}

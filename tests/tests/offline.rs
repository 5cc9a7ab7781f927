//! Messages for somebody who is away: each arrives exactly once, merged where the contract says so.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::http;
use rolecall_tests::paths;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::ws::Socket;
use serde_json::{Value, json};

/// A role whose messages are merged by the `digest` plugin, and one without a policy.
const CONTRACTS: &str = r#"
role courier {
    version   1.0.0
    language  en
    persona   "Brings messages to people who were away."
    stateful  true
    constraints { forbidden_terms "password" }
    delivery { policy "digest" }
}

role postbox {
    version   1.0.0
    language  en
    persona   "Keeps messages for people who are away."
    stateful  true
    constraints { forbidden_terms "password" }
}
"#;

async fn server() -> Result<(Server, tempfile::TempDir)> {
    let contracts = tempfile::TempDir::new()?;
    std::fs::write(contracts.path().join("courier.role"), CONTRACTS)?;
    let options = Options {
        contracts: contracts.path().to_path_buf(),
        plugins: Some(paths::plugins(&["digest"])?),
        ..Options::default()
    };
    Ok((Server::start(options).await?, contracts))
}

fn message(id: &str, intent: &str, turn: u64, text: &str) -> Value {
    json!({"biz_id": id, "role": "support", "intent": intent, "priority": "normal", "turn_id": turn, "text": text})
}

/// Posts and returns the state that the server reports.
async fn post(server: &Server, person: &Person, message: &Value) -> Result<String> {
    let answer = api::post(server.address(), &person.session, message).await?;
    ensure!(matches!(answer.status, 200 | 202), "{} {}", answer.status, answer.text());
    Ok(answer.json()?["state"].as_str().context("no state")?.to_owned())
}

/// How a message stands, and its sequence id.
async fn standing(server: &Server, person: &Person, id: &str) -> Result<(String, Option<u64>)> {
    let path = format!("/v1/sessions/{}/messages/{id}", person.session.id);
    let answer = http::get(server.address(), &path).await?.expect(200)?;
    ensure!(answer["biz_id"] == id, "{answer}");
    Ok((answer["state"].as_str().context("no state")?.to_owned(), answer["sequence_id"].as_u64()))
}

/// Acknowledges all that was shown, and waits until the server says so of a message.
async fn acknowledge(server: &Server, person: &Person, socket: &mut Socket, id: &str) -> Result<()> {
    let seq = person.ledger.last_seq();
    socket.send(&json!({"type": "ack", "seq": seq})).await?;
    for _ in 0..500 {
        match standing(server, person, id).await? {
            (state, at) if state == "acknowledged" && at.is_some_and(|at| at <= seq) => return Ok(()),
            (state, _) => ensure!(state == "processed", "{state}"),
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    anyhow::bail!("{id} was not acknowledged")
}

/// The messages delivered so far, each with its text and the ids that it stands for.
fn deliveries(person: &Person) -> Vec<(String, Vec<String>)> {
    let delivered = person.ledger.shown().iter().filter(|message| message["body"]["kind"] == "delivery");
    let parts = |message: &Value| {
        message["body"]["parts"].as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned).collect()
    };
    delivered.map(|message| (message["body"]["text"].as_str().unwrap_or_default().to_owned(), parts(message))).collect()
}

/// Attaches and reads until these many ids were delivered, and a little longer for any too many.
async fn collect(person: &mut Person, ids: usize) -> Result<Socket> {
    let mut socket = person.attach().await?;
    while deliveries(person).iter().map(|(_, parts)| parts.len()).sum::<usize>() < ids {
        let rolecall_tests::ws::Arrival::Frame(frame) = socket.next().await? else { anyhow::bail!("cut") };
        person.ledger.frame(&frame)?;
    }
    while let Some(rolecall_tests::ws::Arrival::Frame(frame)) = socket.within(Duration::from_millis(700)).await? {
        person.ledger.frame(&frame)?;
    }
    Ok(socket)
}

fn ids(person: &Person) -> Vec<String> {
    deliveries(person).into_iter().flat_map(|(_, parts)| parts).collect()
}

// Fails when a message is lost while nobody is connected, comes twice, or comes again on the next resume.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_posted_while_away_arrives_exactly_once() -> Result<()> {
    let (server, _contracts) = server().await?;
    let mut person = Person::meet(server.address(), "postbox").await?;
    drop(person.attach().await?);
    let order = message("order-1", "support", 1, "Your order 1234 has shipped.");
    ensure!(post(&server, &person, &order).await? == "queued");
    ensure!(post(&server, &person, &order).await? == "waiting", "the repeat was taken for a second message");
    drop(collect(&mut person, 1).await?);
    ensure!(deliveries(&person) == [("Your order 1234 has shipped.".to_owned(), vec!["order-1".to_owned()])]);
    let again = api::post(server.address(), &person.session, &order).await?.expect(200)?;
    ensure!(again["state"] == "delivered", "{again}");
    ensure!(again["sequence_id"] == person.ledger.last_seq(), "{again} names another message");
    drop(person.attach().await?);
    tokio::time::sleep(Duration::from_millis(300)).await;
    drop(person.attach().await?);
    ensure!(ids(&person) == ["order-1"], "{:?}", ids(&person));
    person.settle().await
}

// Fails when the same id, posted by many callers at once, has more than one effect.
#[tokio::test(flavor = "multi_thread")]
async fn one_id_posted_at_once_by_many_has_one_effect() -> Result<()> {
    let (server, _contracts) = server().await?;
    let mut person = Person::meet(server.address(), "postbox").await?;
    let order = message("order-1", "support", 1, "Your order has shipped.");
    let posts = futures_util::future::try_join_all((0..8).map(|_| post(&server, &person, &order))).await?;
    ensure!(posts.iter().filter(|state| *state == "queued").count() == 1, "{posts:?}");
    drop(collect(&mut person, 1).await?);
    ensure!(ids(&person) == ["order-1"], "{:?}", ids(&person));
    person.settle().await
}

// Fails when the digest plugin is not asked, merges across groups, or hides which messages it merged.
#[tokio::test(flavor = "multi_thread")]
async fn three_of_one_group_become_one_that_names_its_parts() -> Result<()> {
    let (server, _contracts) = server().await?;
    let mut person = Person::meet(server.address(), "courier").await?;
    drop(person.attach().await?);
    for (turn, text) in [(1, "Parcel one left the shop."), (2, "Parcel two left the shop."), (3, "Parcel three waits.")]
    {
        post(&server, &person, &message(&format!("p{turn}"), "support", turn, text)).await?;
    }
    post(&server, &person, &message("c1", "coach", 9, "Time for a short walk.")).await?;
    drop(collect(&mut person, 4).await?);
    let delivered = deliveries(&person);
    let merged = delivered
        .iter()
        .find(|(_, parts)| *parts == ["p1", "p2", "p3"])
        .with_context(|| format!("not merged: {delivered:?}"))?;
    for word in ["one", "two", "three"] {
        ensure!(merged.0.contains(word), "{word} is missing from {:?}", merged.0);
    }
    ensure!(delivered.iter().any(|(text, parts)| *parts == ["c1"] && text.contains("walk")), "{delivered:?}");
    ensure!(delivered.len() == 2, "{delivered:?}");
    let metrics = http::get(server.address(), "/metrics").await?.text();
    ensure!(metrics.contains("offline_messages_total") && metrics.contains("outcome=\"merged\""), "{metrics}");
    person.settle().await
}

// Fails when a queued message lives in memory only, or is delivered again after the restart.
#[tokio::test(flavor = "multi_thread")]
async fn a_kill_between_post_and_resume_loses_and_repeats_nothing() -> Result<()> {
    let (mut server, _contracts) = server().await?;
    let mut person = Person::meet(server.address(), "courier").await?;
    drop(person.attach().await?);
    let mut expected = Vec::new();
    for round in 0..4 {
        for turn in 1..=3 {
            let id = format!("r{round}-{turn}");
            post(
                &server,
                &person,
                &message(&id, "support", round * 10 + turn, &format!("Note {turn} of round {round}.")),
            )
            .await?;
            expected.push(id);
        }
        server.kill()?;
        server.restart().await?;
        let first = message(&format!("r{round}-1"), "support", round * 10 + 1, "Posted again after the accident.");
        ensure!(post(&server, &person, &first).await? != "queued", "the restart forgot {}", first["biz_id"]);
        drop(collect(&mut person, expected.len()).await?);
        server.kill()?;
        server.restart().await?;
        ensure!(post(&server, &person, &first).await? == "delivered", "the restart forgot the delivery");
    }
    drop(person.attach().await?);
    ensure!(ids(&person) == expected, "{:?}", ids(&person));
    person.settle().await
}

// Fails when a message that the contract forbids reaches the person because no model wrote it.
#[tokio::test(flavor = "multi_thread")]
async fn the_contract_judges_what_was_posted() -> Result<()> {
    let (server, _contracts) = server().await?;
    let mut person = Person::meet(server.address(), "postbox").await?;
    let leak = message("bad", "support", 1, "Your password is 1234.");
    let answer = api::post(server.address(), &person.session, &leak).await?;
    let refused = answer.status >= 400;
    post(&server, &person, &message("good", "support", 2, "All is well.")).await?;
    drop(collect(&mut person, 1).await?);
    let shown = format!("{:?}", person.ledger.shown());
    ensure!(!shown.contains("password"), "refused at once: {refused}; shown: {shown}");
    ensure!(shown.contains("All is well."), "the good one is missing: {shown}");
    person.settle().await
}

// Fails when a message is told to be further than it is, an acknowledgement is not told or not counted, or is forgotten by a
// server that is killed after the session has changed; when a client that comes back does not make up for one that was.
#[tokio::test(flavor = "multi_thread")]
async fn a_message_is_pending_then_processed_then_acknowledged() -> Result<()> {
    let (mut server, _contracts) = server().await?;
    let mut person = Person::meet(server.address(), "postbox").await?;
    drop(person.attach().await?);
    let missing = format!("/v1/sessions/{}/messages/a", person.session.id);
    let missing = http::get(server.address(), &missing).await?;
    ensure!((missing.status, &missing.json()?["error"]["code"]) == (404, &json!("message_not_found")));
    post(&server, &person, &message("a", "support", 1, "Your order has shipped.")).await?;
    ensure!(standing(&server, &person, "a").await? == ("pending".to_owned(), None));
    server.kill()?;
    server.restart().await?;
    ensure!(standing(&server, &person, "a").await? == ("pending".to_owned(), None), "the restart forgot it");
    let mut socket = collect(&mut person, 1).await?;
    let first = Some(person.ledger.last_seq());
    ensure!(standing(&server, &person, "a").await? == ("processed".to_owned(), first), "nobody has acknowledged it");
    acknowledge(&server, &person, &mut socket, "a").await?;
    let metrics = http::get(server.address(), "/metrics").await?.text();
    let counted = "offline_messages_total{bucket=\"realtime\",outcome=\"acknowledged\"} 1\n";
    ensure!(metrics.contains(counted), "{metrics}");
    // What the user says changes the session, and the acknowledgement is saved along with it.
    person.ask(&mut socket, "Thank you.").await?;
    server.kill()?;
    server.restart().await?;
    ensure!(standing(&server, &person, "a").await? == ("acknowledged".to_owned(), first), "the restart forgot it");
    post(&server, &person, &message("b", "support", 2, "Your order has arrived.")).await?;
    let mut socket = collect(&mut person, 2).await?;
    acknowledge(&server, &person, &mut socket, "b").await?;
    let second = standing(&server, &person, "b").await?.1;
    server.kill()?;
    server.restart().await?;
    ensure!(standing(&server, &person, "b").await?.1 == second);
    let _socket = person.attach().await?;
    ensure!(standing(&server, &person, "b").await? == ("acknowledged".to_owned(), second), "it came back with it");
    person.settle().await
}

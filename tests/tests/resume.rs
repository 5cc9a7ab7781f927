//! Connections cut and servers killed mid-stream: nothing lost, duplicated or reordered.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::Dice;
use rolecall_tests::http::Request;
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::ws::{self, Arrival, Hello, Opened, Socket};
use rolecall_tests::{dirs, http};
use serde_json::json;

/// Rounds of each kind of accident.
const ROUNDS: u64 = 24;

/// A reply of thirty pieces, slow enough to be hit in the middle.
fn story(round: u64, gap_ms: u64) -> String {
    let pieces = (0..30).map(|part| format!("第{round}回之{part}，且听下文分解。")).collect();
    directive(&[Script { pieces, gap_ms, ..Script::default() }])
}

fn dice() -> Dice {
    let seed = server::entropy();
    server::show("seed of the accidents", &seed.to_string());
    Dice::new(seed)
}

/// Hears up to `frames` frames, then waits up to another few milliseconds: a random point.
async fn hear_some(person: &mut Person, socket: &mut Socket, dice: &mut Dice) -> Result<()> {
    for _ in 0..dice.below(30) {
        match socket.within(Duration::from_millis(200)).await? {
            Some(Arrival::Frame(frame)) => person.ledger.frame(&frame)?,
            Some(end) => anyhow::bail!("the server ended the connection: {end:?}"),
            None => break,
        }
    }
    tokio::time::sleep(Duration::from_millis(dice.below(8))).await;
    Ok(())
}

/// Goes on after an accident: repeats what the server never accepted (and sometimes what it did),
/// then hears the reply to its end.
async fn go_on(person: &mut Person, id: &str, text: &str, dice: &mut Dice) -> Result<Socket> {
    let mut socket = person.attach().await.context("after the accident")?;
    let processed = person.welcome["client_seq"].as_u64().context("no client_seq in the welcome")?;
    let again = processed < person.said();
    if again || dice.below(3) == 0 {
        person.repeat(&mut socket, text).await?;
        let ledger = &mut person.ledger;
        let accepted = socket.until("accepted", |frame| ledger.frame(frame)).await?;
        ensure!(accepted["duplicate"] == !again, "processed {processed}, but {accepted}");
    }
    person.hear_reply(&mut socket, id).await?;
    ensure!(
        person.ledger.count("user", "id", id) == 1,
        "{id} was said {} times",
        person.ledger.count("user", "id", id)
    );
    ensure!(person.ledger.epoch() == 1, "nothing was restored, yet the epoch is {}", person.ledger.epoch());
    Ok(socket)
}

// Fails when a resume starts at the wrong sequence id, when live and replayed messages overlap, or
// when a repeated send has a second effect.
#[tokio::test(flavor = "multi_thread")]
async fn a_connection_cut_mid_stream_resumes_without_a_trace() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(Options::upstream(&upstream.url())).await?;
    let mut dice = dice();
    let mut person = Person::meet(server.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    let mut hits = 0;
    for round in 0..ROUNDS {
        let text = story(round, 4);
        let id = person.say(&mut socket, &text).await?;
        hear_some(&mut person, &mut socket, &mut dice).await?;
        hits += u64::from(person.ledger.reply_to(&id).is_none());
        if dice.below(4) == 0 {
            drop(socket);
        } else {
            socket.cut()?;
        }
        socket = go_on(&mut person, &id, &text, &mut dice).await.with_context(|| format!("round {round}"))?;
    }
    ensure!(hits >= ROUNDS / 2, "only {hits} of {ROUNDS} accidents hit a running reply");
    person.settle().await
}

// Fails when something is sent before it is durable, when an interrupted turn is dropped or answered
// twice, or when released text is taken back.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_killed_mid_stream_goes_on_after_its_restart() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let mut dice = dice();
    let (mut people, mut hits) = (Vec::new(), 0);
    for _ in 0..2 {
        people.push(Person::meet(server.address(), "storyteller").await?);
    }
    for round in 0..ROUNDS {
        let mut talks = Vec::new();
        // The second reply runs long enough to be running still when the first has been listened to.
        for (person, gap_ms) in people.iter_mut().zip([4, 15]) {
            let mut socket = person.attach().await?;
            let text = story(round, gap_ms);
            let id = person.say(&mut socket, &text).await?;
            talks.push((socket, id, text));
        }
        // The last one is heard up to the kill.
        let mut running = false;
        for (person, (socket, id, _)) in people.iter_mut().zip(&mut talks) {
            hear_some(person, socket, &mut dice).await?;
            running = person.ledger.reply_to(id).is_none();
        }
        hits += u64::from(running);
        server.kill()?;
        server.restart().await.with_context(|| format!("restart {round}"))?;
        for (person, (socket, id, text)) in people.iter_mut().zip(talks) {
            drop(socket);
            go_on(person, &id, &text, &mut dice).await.with_context(|| format!("round {round}"))?;
        }
    }
    ensure!(hits >= ROUNDS / 3, "only {hits} of {ROUNDS} kills hit a running reply");
    for person in &people {
        person.settle().await?;
    }
    Ok(())
}

// Fails when an interrupted turn waits for its user to come back instead of being finished at start.
#[tokio::test(flavor = "multi_thread")]
async fn a_turn_interrupted_by_a_kill_is_finished_while_nobody_is_connected() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    let id = person.say(&mut socket, &story(0, 4)).await?;
    while person.ledger.shown().len() < 4 {
        let Arrival::Frame(frame) = socket.next().await? else { anyhow::bail!("cut too early") };
        person.ledger.frame(&frame)?;
    }
    server.kill()?;
    server.restart().await?;
    let mut finished = false;
    for _ in 0..600 {
        let log = api::diff(server.address(), &person.session.token, 1).await?;
        finished = log.iter().any(|message| message["body"]["kind"] == "reply");
        if finished {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    ensure!(finished, "nobody finished the reply");
    let mut socket = person.attach().await?;
    person.hear_reply(&mut socket, &id).await?;
    person.settle().await
}

// Fails when any way to present a token accepts a wrong one.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_token_gets_401_everywhere() -> Result<()> {
    let server = Server::start(Options::default()).await?;
    let to = server.address();
    let mine = api::create(to, "storyteller").await?;
    let [header, claims, signature] = mine.token.split('.').collect::<Vec<_>>()[..] else {
        anyhow::bail!("not a JWT: {}", mine.token);
    };
    let first = if signature.starts_with('A') { "B" } else { "A" };
    let tampered: String = signature.chars().skip(1).collect();
    // {"alg":"none","typ":"JWT"}
    let none = "eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0";
    let bad = [
        String::new(),
        "nonsense".to_owned(),
        format!("{header}.{claims}.{first}{tampered}"),
        format!("{header}.{claims}."),
        format!("{none}.{claims}."),
        format!("{none}.{claims}.{signature}"),
    ];
    for token in &bad {
        let reconnect = api::reconnect(to, token, 0).await?;
        let diff = Request::new("GET", "/v1/diff?from=1").bearer(token).send(to).await?;
        for (way, answer) in [("reconnect", reconnect), ("diff", diff)] {
            let error = answer.expect(401).with_context(|| format!("{way} with {token:?}"))?;
            ensure!(error["error"]["type"] == "authentication_error", "{way}: {error}");
        }
        match ws::open(to, &Hello::fresh(token)).await? {
            Opened::Live(_) => anyhow::bail!("{token:?} was let in"),
            Opened::Refused { status, body } => ensure!(status == 401, "{token:?}: {status} {body}"),
        }
    }
    let bare = http::get(to, "/v1/diff?from=1").await?;
    bare.expect(401).context("diff without a token")?;
    let good = api::reconnect(to, &mine.token, 0).await?;
    good.expect(200).context("the good token")?;
    Ok(())
}

// Fails when one session's token opens another session, or an expired one still opens its own.
#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_good_for_its_session_and_its_time_only() -> Result<()> {
    let server = Server::start(Options::default().flag("--token-ttl", "2s")).await?;
    let to = server.address();
    let mine = api::create(to, "storyteller").await?;
    let other = api::create(to, "storyteller").await?;
    let answer = Request::new("GET", "/v1/diff?from=1").bearer(&mine.token).send(to).await?.expect(200)?;
    ensure!(answer["session_id"] == mine.id.as_str() && mine.id != other.id, "another session opened: {answer}");
    let socket = ws::open(to, &Hello::fresh(&other.token)).await?;
    ensure!(matches!(socket, Opened::Live(_)), "a good token was refused: {socket:?}");
    api::reconnect(to, &mine.token, 0).await?.expect(200)?;
    tokio::time::sleep(Duration::from_millis(3_500)).await;
    api::reconnect(to, &mine.token, 0).await?.expect(401).context("an expired token")?;
    Ok(())
}

// Fails when a stale client gets anything but exactly what it missed, by any of the three ways.
#[tokio::test(flavor = "multi_thread")]
async fn a_stale_sequence_gets_exactly_the_missing_range() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(Options::upstream(&upstream.url())).await?;
    let to = server.address();
    let mut person = Person::meet(to, "storyteller").await?;
    let mut socket = person.attach().await?;
    for turn in 0..2 {
        person.ask(&mut socket, &directive(&[Script::say(&["从前", "有座", &format!("山{turn}。")])])).await?;
    }
    drop(socket);
    let token = person.session.token.clone();
    let all = person.ledger.shown().to_vec();
    let head = person.ledger.last_seq();
    for last in 0..=head {
        let missing = &all[usize::try_from(last)?..];
        let answer = api::reconnect(to, &token, last).await?.expect(200)?;
        ensure!(answer["next_sequence_id"] == head + 1, "from {last}: {answer}");
        ensure!(answer["resumed"] == true && answer["regressed"] == false, "from {last}: {answer}");
        if last < head {
            let range = &answer["missing"];
            ensure!(range["from"] == last + 1 && range["to"] == head, "from {last}: {answer}");
        } else {
            ensure!(answer["missing"].is_null(), "nothing is missing, but {answer}");
        }
        let diff = api::diff(to, &token, last + 1).await?;
        ensure!(diff.len() == missing.len(), "from {last}: {} of {}", diff.len(), missing.len());
        let mut stale = ws::connect(to, &Hello { last_seq: last, epoch: 1, ..Hello::fresh(&token) }).await?;
        let mut replayed = Vec::new();
        let resumed = stale
            .until("resumed", |frame| {
                replayed.extend((frame["type"] == "message").then(|| frame.clone()));
                Ok(())
            })
            .await?;
        ensure!(resumed["from"] == last + 1 && resumed["to"] == head, "from {last}: {resumed}");
        for ((want, diffed), pushed) in missing.iter().zip(&diff).zip(&replayed) {
            for field in ["seq", "turn", "at_ms", "body"] {
                ensure!(want[field] == diffed[field] && want[field] == pushed[field], "{want}\n{diffed}\n{pushed}");
            }
        }
        ensure!(replayed.len() == missing.len(), "from {last}: {} of {}", replayed.len(), missing.len());
    }
    let beyond =
        Request::new("GET", &format!("/v1/diff?from={}", head + 10)).bearer(&token).send(to).await?.expect(200)?;
    ensure!(beyond["head"] == head && beyond["messages"] == json!([]) && beyond["next"].is_null(), "{beyond}");
    Ok(())
}

// Fails when a store that went back to an older copy gives a sequence id out twice, or does not say so.
#[tokio::test(flavor = "multi_thread")]
async fn a_restored_older_copy_starts_a_new_epoch_and_reuses_no_sequence_id() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url())).await?;
    let to = server.address();
    let mut person = Person::meet(to, "storyteller").await?;
    let mut socket = person.attach().await?;
    person.ask(&mut socket, &directive(&[Script::say(&["第一", "夜。"])])).await?;
    drop(socket);
    server.stop().await?;
    let backup = server.home().join("backup");
    dirs::copy(&server.data(), &backup)?;
    server.restart().await?;
    let mut socket = person.attach().await?;
    person.ask(&mut socket, &directive(&[Script::say(&["第二", "夜。"])])).await?;
    drop(socket);
    let seen = person.ledger.last_seq();
    server.stop().await?;
    dirs::restore(&backup, &server.data())?;
    server.restart().await?;

    let stored = api::diff(to, &person.session.token, 1).await?.len() as u64;
    ensure!(stored < seen, "the copy is not older: {stored} of {seen}");
    let answer = api::reconnect(to, &person.session.token, seen).await?.expect(200)?;
    let says = answer["regressed"] == true && answer["resumed"] == false;
    ensure!(says, "the client is ahead of the store, which nobody says: {answer}");
    let mut socket = person.attach().await?;
    ensure!(person.welcome["epoch"].as_u64() > Some(1), "no new epoch: {}", person.welcome);
    ensure!(person.welcome["next_seq"].as_u64() > Some(seen), "a reused sequence id: {}", person.welcome);
    // What the store forgot includes the client's second message, so its number is free again.
    let processed = person.welcome["client_seq"].as_u64().context("no client_seq")?;
    socket.say(processed + 1, "after", &directive(&[Script::say(&["第三", "夜。"])])).await?;
    let reply = person.hear_reply(&mut socket, "after").await?;
    ensure!(reply["seq"].as_u64() > Some(seen), "a reused sequence id: {reply}");
    person.ledger.verify()
}

//! Sessions that sleep because nothing happens, with the real server: what a client acknowledges meanwhile, where it goes
//! on, also behind a kill, and what wakes them.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::http;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::ws::{self, Arrival, Hello, Socket};
use serde_json::json;

/// How often the server is asked whether the session sleeps; frames are heard and Pings answered meanwhile.
const LOOK: Duration = Duration::from_millis(250);

async fn serve() -> Result<Server> {
    Server::start(Options::default().flag("--rehearsal-pace", "1ms")).await
}

/// A number of the server's metrics; 0 where the server does not know it yet.
async fn metric(server: &Server, name: &str) -> Result<u64> {
    let text = http::get(server.address(), "/metrics").await?.text();
    let value = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    value.map_or(Ok(0), |value| value.parse().with_context(|| format!("{name} is {value}")))
}

/// Sessions that are awake with a client, awake without one, and asleep.
async fn sessions(server: &Server) -> Result<[u64; 3]> {
    let mut counts = [0; 3];
    for (count, state) in counts.iter_mut().zip(["attached", "detached", "asleep"]) {
        *count = metric(server, &format!("sessions{{state=\"{state}\"}}")).await?;
    }
    Ok(counts)
}

/// Says nothing until the one session sleeps. What still comes is heard.
async fn fall_asleep(server: &Server, person: &mut Person, socket: &mut Socket) -> Result<()> {
    let began = clock::now();
    while sessions(server).await? != [0, 0, 1] {
        ensure!(began.elapsed() < PATIENCE, "nothing happens, and the session does not sleep");
        match socket.within(LOOK).await? {
            Some(Arrival::Frame(frame)) => person.ledger.frame(&frame)?,
            Some(end) => bail!("the quiet ended with {end:?}"),
            None => {}
        }
    }
    Ok(())
}

/// Acknowledges up to a message. The answer to the beat behind it says that it was taken in.
async fn acknowledge(socket: &mut Socket, seq: u64) -> Result<()> {
    socket.send(&json!({"type": "ack", "seq": seq})).await?;
    socket.send(&json!({"type": "beat", "ack": seq, "sent_ms": seq, "network": null})).await?;
    let beat = socket.until("beat", |frame| bail!("nobody said anything, but {frame}")).await?;
    ensure!(beat["echo_ms"] == seq, "{beat}");
    Ok(())
}

/// What a client gets that goes on behind a message, as sequence ids.
async fn missed(server: &Server, person: &Person, last_seq: u64) -> Result<Vec<u64>> {
    let hello = Hello { last_seq, epoch: person.ledger.epoch(), ..Hello::fresh(&person.session.token) };
    let (mut socket, mut seqs) = (ws::connect(server.address(), &hello).await?, Vec::new());
    let resumed = socket
        .until("resumed", |frame| {
            seqs.extend(frame["seq"].as_u64().filter(|_| frame["type"] == "message"));
            Ok(())
        })
        .await?;
    ensure!(resumed["from"] == last_seq + 1, "behind {last_seq}: {resumed}");
    socket.close().await?;
    Ok(seqs)
}

// Fails when an acknowledgement wakes a session, is not taken in by one that sleeps, or moves the place at which a client
// goes on, which is its own to say; or when a kill during sleep loses anything.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_acknowledged_in_sleep_moves_nobodys_place() -> Result<()> {
    let mut server = serve().await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    person.ask(&mut socket, "且说").await?;
    fall_asleep(&server, &mut person, &mut socket).await?;
    let last = person.ledger.last_seq();
    ensure!(last > 2, "too little was said: {last}");

    let timed = "commit_to_ack_seconds_count";
    let before = metric(&server, timed).await?;
    for seq in [1, last - 1, last] {
        acknowledge(&mut socket, seq).await?;
        ensure!(sessions(&server).await? == [0, 0, 1], "an acknowledgement of {seq} woke the session");
    }
    let after = metric(&server, timed).await?;
    ensure!(after - before == last, "{} acknowledgements counted, {last} messages were acknowledged", after - before);
    socket.cut()?;
    for from in 0..=last {
        let seqs = missed(&server, &person, from).await?;
        ensure!(seqs.iter().copied().eq(from + 1..=last), "behind {from} came {seqs:?}");
    }

    let mut socket = person.attach().await?;
    fall_asleep(&server, &mut person, &mut socket).await?;
    acknowledge(&mut socket, last).await?;
    server.kill()?;
    drop(socket);
    server.restart().await?;
    for from in [0, last - 1, last] {
        let seqs = missed(&server, &person, from).await?;
        ensure!(seqs.iter().copied().eq(from + 1..=last), "behind the kill and {from} came {seqs:?}");
    }
    let mut socket = person.attach().await?;
    ensure!(person.welcome["client_seq"] == 1 && person.ledger.epoch() == 1, "{}", person.welcome);
    person.ask(&mut socket, "再说").await?;
    ensure!(person.ledger.last_seq() > last, "nothing was said behind the kill");
    person.settle().await
}

// Fails when a sleeping session's connection takes an acknowledgement of what was never sent.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_sent_is_not_acknowledged_in_sleep_either() -> Result<()> {
    let server = serve().await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    person.ask(&mut socket, "且说").await?;
    fall_asleep(&server, &mut person, &mut socket).await?;
    socket.send(&json!({"type": "ack", "seq": person.ledger.last_seq() + 1})).await?;
    let end = socket.next().await?;
    ensure!(matches!(end, Arrival::Closed(4300, _)), "{end:?}");
    let began = clock::now();
    while sessions(&server).await? != [0, 0, 0] {
        ensure!(began.elapsed() < PATIENCE, "a session stays that slept, and its connection is gone");
        tokio::time::sleep(LOOK).await;
    }
    person.attach().await?;
    person.settle().await
}

// Fails when what is posted to a sleeping session waits until its client says something, or comes twice; also across a
// kill.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_posted_to_a_sleeping_session_comes_by_itself() -> Result<()> {
    let mut server = serve().await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    for biz_id in ["one", "two"] {
        fall_asleep(&server, &mut person, &mut socket).await?;
        let message = json!({"biz_id": biz_id, "role": "storyteller", "intent": "news", "text": "说书人到了。"});
        for status in [202, 200] {
            let answer = api::post(server.address(), &person.session, &message).await?;
            ensure!(answer.status == status, "{} {}", answer.status, answer.text());
            if status == 202 {
                // The client does nothing but listen.
                let Arrival::Frame(frame) = socket.next().await? else { bail!("cut") };
                ensure!(frame["body"]["parts"] == json!([biz_id]), "{frame}");
                person.ledger.frame(&frame)?;
            }
        }
    }
    fall_asleep(&server, &mut person, &mut socket).await?;
    server.kill()?;
    drop(socket);
    server.restart().await?;
    let mut socket = person.attach().await?;
    fall_asleep(&server, &mut person, &mut socket).await?;
    ensure!(person.ledger.last_seq() == 2, "{:?}", person.ledger.shown());
    person.settle().await
}

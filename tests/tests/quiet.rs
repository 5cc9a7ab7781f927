//! A session on which nothing happens for a while, and whose connection then drops, goes on at the exact place. In virtual
//! time the simulator waits an hour and a day (`tests/sim/tests/quiet.rs`); this waits in real time, with the real server,
//! whose sessions sleep meanwhile. `ROLECALL_QUIET_S` makes the quiet longer, in seconds.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_client::{Body, Client, Encoding, Event, Session, Transport};
use rolecall_tests::api;
use rolecall_tests::clock::PATIENCE;
use rolecall_tests::server::{Options, Server};
use tokio::task::JoinSet;
use tokio::time::timeout;

/// Longer than a session stays awake for nothing, and several timeouts of the role.
const QUIET_S: u64 = 25;

/// Its connections are given up after six seconds of silence.
const ROLE: &str = "role storyteller {\n version 1.0.0\n language zh\n persona \"说书人。\"\n heartbeat { timeout 6s }\n \
    constraints { max_chars 500 }\n}\n";

/// Who waits: each carrier, and each encoding where it makes a difference.
const WAITING: [(Transport, Encoding); 5] = [
    (Transport::WebSocket, Encoding::BspV2),
    (Transport::WebSocket, Encoding::BspV1),
    (Transport::WebSocket, Encoding::JsonV1),
    (Transport::Events, Encoding::JsonV1),
    (Transport::Poll, Encoding::JsonV1),
];

/// Hears one reply to its end. Every message must follow the one before; gives back the last.
async fn reply(session: &Session, mut last: u64) -> Result<u64> {
    loop {
        let event = timeout(PATIENCE, session.next_event()).await.context("nothing came")?.context("it ended")?;
        if let Some(seq) = event.seq() {
            ensure!(seq == last + 1, "{seq} behind {last}");
            last = seq;
        }
        if matches!(&event, Event::Message(message) if matches!(message.body, Body::Reply { .. })) {
            return Ok(last);
        }
    }
}

/// What follows a drop: a connection that asks for what follows `last`, and misses nothing.
async fn connected(session: &Session, last: u64) -> Result<()> {
    loop {
        let event = timeout(PATIENCE, session.next_event()).await.context("nothing came")?.context("it ended")?;
        match event {
            Event::Connected { resumed, from, gap, .. } => {
                ensure!(resumed && from == last + 1 && gap == 0, "resumed {resumed}, from {from}, {gap} missed");
                return Ok(());
            }
            Event::Disconnected { .. } | Event::CaughtUp { .. } | Event::Accepted { .. } => {}
            other => anyhow::bail!("{other:?} before the connection is back"),
        }
    }
}

async fn waits(server: &Server, transport: Transport, encoding: Encoding, quiet: Duration) -> Result<()> {
    let client =
        Client::builder(format!("http://{}", server.address())).encoding(encoding).transport(transport).build()?;
    let session = client.create_session("storyteller").await?;
    session.send("且说").await?;
    let last = reply(&session, 0).await?;
    let stirred = timeout(quiet, async {
        loop {
            match session.next_event().await {
                // What still belongs to the reply.
                Some(Event::Accepted { .. } | Event::CaughtUp { .. }) => {}
                other => break other,
            }
        }
    });
    if let Ok(event) = stirred.await {
        anyhow::bail!("the quiet ended with {event:?}");
    }
    session.drop_connection().await?;
    connected(&session, last).await?;
    session.send("再说").await?;
    let after = reply(&session, last).await?;
    ensure!(after > last, "nothing was said behind the quiet");
    let token = session.saved().position.token;
    session.close().await;
    let log = api::diff(server.address(), &token, 1).await?;
    ensure!(log.len() as u64 == after, "the log has {} messages, {after} came", log.len());
    Ok(())
}

// Fails when a quiet connection is given up, when a session that slept forgets its place, or when a drop behind the quiet
// loses or repeats anything.
#[tokio::test(flavor = "multi_thread")]
async fn a_drop_behind_a_quiet_while_resumes_at_the_exact_place() -> Result<()> {
    #[allow(clippy::disallowed_methods, reason = "the setting of one test, not of the program")]
    let quiet = std::env::var("ROLECALL_QUIET_S").map_or(Ok(QUIET_S), |seconds| seconds.parse())?;
    let contracts = tempfile::TempDir::with_prefix("rolecall-roles-")?;
    std::fs::write(contracts.path().join("storyteller.role"), ROLE)?;
    let options = Options { contracts: contracts.path().to_owned(), quiet: true, ..Options::default() };
    let server = std::sync::Arc::new(Server::start(options.flag("--rehearsal-pace", "1ms")).await?);
    let mut waiting = JoinSet::new();
    for (transport, encoding) in WAITING {
        let server = std::sync::Arc::clone(&server);
        waiting.spawn(async move {
            let waited = waits(&server, transport, encoding, Duration::from_secs(quiet)).await;
            waited.with_context(|| format!("{transport:?}, {encoding:?}"))
        });
    }
    while let Some(waited) = waiting.join_next().await {
        waited??;
    }
    Ok(())
}

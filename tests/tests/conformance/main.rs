//! The session protocol's conformance cases (`sdk/wire/conformance`) against a real server, over every carrier, and
//! against the real client.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

mod client;
mod events;
#[path = "../../../sdk/wire/tests/far/mod.rs"]
mod far;
mod host;
mod link;
mod poll;
mod websocket;

use anyhow::{Result, ensure};
use host::Host;
use rolecall_client::Encoding;
use rolecall_conformance::{Carrier, client_cases, play, server_cases};
use rolecall_tests::server::{self, Options, Server};
use tokio::runtime::Handle;
use tokio::task::{JoinSet, spawn_blocking};

// Fails when the server breaks a rule that a case holds, over any carrier.
#[tokio::test(flavor = "multi_thread")]
async fn the_server_keeps_every_case() -> Result<()> {
    let server = Server::start(Options::default()).await?;
    let to = server.address();
    let cases: Vec<_> = server_cases()?.into_iter().filter(|case| case.machine.is_none()).collect();
    let (mut failed, mut played) = (Vec::new(), 0);
    for carrier in Carrier::ALL {
        for case in cases.iter().filter(|case| !case.except.contains_key(&carrier)).cloned() {
            played += 1;
            let title = format!("{} {} ({carrier:?})", case.section, case.name);
            let mut host = Host::new(to, carrier, Handle::current()).await?;
            // A case waits for one thing at a time: it is played on a thread of its own.
            let outcome = spawn_blocking(move || play(&case, &mut host)).await?;
            failed.extend(outcome.err().map(|what| format!("{title}: {what}")));
        }
    }
    server::show("cases played", &played.to_string());
    ensure!(failed.is_empty(), "{} of {played}:\n{}", failed.len(), failed.join("\n"));
    ensure!(played > 300, "only {played}");
    Ok(())
}

// Fails when the client breaks a rule that a case holds, in any encoding.
#[tokio::test(flavor = "multi_thread")]
async fn the_client_keeps_every_case() -> Result<()> {
    let cases = client_cases()?.into_iter().filter(|case| case.machine.is_none() && client::applies(&case.steps));
    let mut playing = JoinSet::new();
    for case in cases {
        for (encoding, name) in [(Encoding::BspV1, "bsp"), (Encoding::BspV2, "bsp2"), (Encoding::JsonV1, "json")] {
            if case.config.get("encoding").is_none_or(|only| only == name) {
                let case = case.clone();
                // Most of them wait, for a client that comes back: they are played side by side.
                playing.spawn(async move {
                    let title = format!("{} {} ({name})", case.section, case.name);
                    client::run(&case, encoding).await.map_err(|what| format!("{title}: {what:#}"))
                });
            }
        }
    }
    let played = playing.len();
    let outcomes = playing.join_all().await;
    let failed: Vec<String> = outcomes.into_iter().filter_map(Result::err).collect();
    server::show("cases played", &played.to_string());
    ensure!(failed.is_empty(), "{} of {played}:\n{}", failed.len(), failed.join("\n"));
    ensure!(played > 200, "only {played}");
    Ok(())
}

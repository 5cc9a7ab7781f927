//! An orderly end in the middle of a stream.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use anyhow::{Result, bail, ensure};
use rolecall_tests::api::Person;
use rolecall_tests::http;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{End, Script, Upstream, directive};
use rolecall_tests::ws::Arrival;

fn endless() -> String {
    let pieces = (0..400).map(|part| format!("第{part}段。")).collect();
    directive(&[
        Script { pieces, gap_ms: 25, end: End::Stall, ..Script::default() },
        Script::say(&["话说", "天下大势，", "分久必合。"]),
    ])
}

// Fails when SIGTERM drops clients without a word, hangs on an endless stream, or loses the turn.
#[tokio::test(flavor = "multi_thread")]
async fn clients_are_told_and_the_turn_goes_on_after_the_restart() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut server = Server::start(Options::upstream(&upstream.url()).flag("--shutdown-patience", "1s")).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    let id = person.say(&mut socket, &endless()).await?;
    while person.ledger.shown().len() < 5 {
        let Arrival::Frame(frame) = socket.next().await? else { bail!("ended too early") };
        person.ledger.frame(&frame)?;
    }
    server.terminate()?;
    let mut told = false;
    let code = loop {
        match socket.next().await? {
            Arrival::Frame(frame) => {
                told |= frame["type"] == "goaway";
                person.ledger.frame(&frame)?;
            }
            Arrival::Closed(code, _) => break code,
            Arrival::Cut => bail!("the connection was dropped without a close"),
        }
    };
    ensure!(told, "closed with {code} and no goaway before it");
    let status = server.ended().await?;
    ensure!(status.success(), "the server ended with {status}");
    ensure!(upstream.open() == 0, "the call to the model outlived the server");

    server.restart().await?;
    let mut socket = person.attach().await?;
    let reply = person.hear_reply(&mut socket, &id).await?;
    ensure!(reply["body"]["outcome"] == "complete", "{reply}");
    person.settle().await
}

// Fails when an idle connection keeps the process alive, or a stopping server takes new work.
#[tokio::test(flavor = "multi_thread")]
async fn idle_connections_do_not_hold_the_process() -> Result<()> {
    let mut server = Server::start(Options::default()).await?;
    let mut people = Vec::new();
    for _ in 0..5 {
        let mut person = Person::meet(server.address(), "storyteller").await?;
        let socket = person.attach().await?;
        people.push((person, socket));
    }
    let metrics = http::get(server.address(), "/metrics").await?.text();
    ensure!(metrics.contains("tasks_live"), "no count of tasks in the metrics");
    server.stop().await?;
    ensure!(http::get(server.address(), "/healthz").await.is_err(), "something still answers");
    Ok(())
}

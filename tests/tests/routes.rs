//! Which model answers a role, how many turns it is given, and what happens when it cannot.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::http::{self, Response};
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Body, End, KEY, Script, Upstream, directive};
use serde_json::Value;

const PLAIN: &str = "role plain { version 1.0.0 language en persona \"A clerk\" constraints { max_sentences 9 } }\n";

fn routed(name: &str, route: &str) -> String {
    format!(
        "role {name} {{ version 1.0.0 language en persona \"A clerk\" stateful true\n    model {{ route \"{route}\" }}\n    \
         constraints {{ max_sentences 9 }} }}\n"
    )
}

/// A server whose roles have routes: `plain` to the default model, `fast` and `guarded` to models of
/// their own, `lost` to nowhere. `guarded` falls back on `fast`.
async fn server(folder: &Path, default: &Upstream, fast: &Upstream, guarded: &Upstream) -> Result<Server> {
    let contracts = folder.join("contracts");
    std::fs::create_dir_all(&contracts)?;
    std::fs::write(contracts.join("plain.role"), PLAIN)?;
    for (name, route) in [("fast", "fast"), ("guarded", "guarded"), ("lost", "nowhere")] {
        std::fs::write(contracts.join(format!("{name}.role")), routed(name, route))?;
    }
    let config = folder.join("rolecall.toml");
    let (fast, guarded) = (fast.url(), guarded.url());
    std::fs::write(
        &config,
        format!(
            "[routes.fast]\nurl = \"{fast}\"\nname = \"small\"\nkey-env = \"FAST_KEY\"\nmax-concurrent = 1\nmax-waiting = 1\n\
             [routes.guarded]\nurl = \"{guarded}\"\nname = \"big\"\nkey = \"{KEY}\"\nfallback = \"fast\"\nretries = 0\n"
        ),
    )?;
    let mut options = Options { contracts, ..Options::upstream(&default.url()) };
    options.env.push(("FAST_KEY".to_owned(), KEY.to_owned()));
    let options = options.flag("--config", &config.display().to_string()).flag("--routes", "fast.max-wait=30s");
    Server::start(options).await
}

async fn ask(server: &Server, role: &str, scripts: &[Script]) -> Result<Response> {
    api::complete(server.address(), role, &directive(scripts), false).await
}

fn content(answer: &Value) -> &str {
    answer["choices"][0]["message"]["content"].as_str().unwrap_or_default()
}

async fn metric(server: &Server, line: &str) -> Result<bool> {
    Ok(http::get(server.address(), "/metrics").await?.text().lines().any(|shown| shown == line))
}

async fn until(server: &Server, line: &str) -> Result<()> {
    let started = clock::now();
    while !metric(server, line).await? {
        ensure!(started.elapsed() < PATIENCE, "{line} never comes");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

// Fails when a role is answered by another model than its route's, or a route that is not there by any.
#[tokio::test(flavor = "multi_thread")]
async fn each_role_is_answered_by_its_route() -> Result<()> {
    let (default, fast, guarded) =
        (Upstream::loopback().await?, Upstream::loopback().await?, Upstream::loopback().await?);
    let folder = tempfile::TempDir::new()?;
    let server = server(folder.path(), &default, &fast, &guarded).await?;
    for role in ["plain", "fast", "guarded"] {
        let answer = ask(&server, role, &[Script::say(&["I am ", role, "."])]).await?.expect(200)?;
        ensure!(content(&answer) == format!("I am {role}."), "{answer}");
    }
    for (upstream, name) in [(&default, "scripted"), (&fast, "small"), (&guarded, "big")] {
        let requests = upstream.requests();
        ensure!(requests.len() == 1 && requests[0]["model"] == name, "{name}: {requests:?}");
    }
    // Said at the start, and again to whoever asks; a session goes on behind it.
    let log = server.log();
    ensure!(log.contains("RC0801") && log.contains("lost.role:2:19") && log.contains("`nowhere`"), "{log}");
    let refused = ask(&server, "lost", &[Script::say(&["x"])]).await?;
    let error = refused.expect(500)?;
    ensure!(error["error"]["code"] == "model_no_route", "{error}");
    ensure!(error["error"]["message"].as_str().is_some_and(|it| it.contains("[routes.nowhere]")), "{error}");
    let models = http::get(server.address(), "/v1/models").await?.expect(200)?;
    ensure!(models["data"].as_array().is_some_and(|all| all.len() == 4), "{models}");
    let asked: usize = [&default, &fast, &guarded].iter().map(|upstream| upstream.requests().len()).sum();
    ensure!(asked == 3, "somebody else was asked for it");
    let shown = http::get(server.address(), "/metrics").await?.text();
    ensure!(!log.contains(KEY) && !shown.contains(KEY), "the key is shown");
    Ok(())
}

// Fails when a turn fails although its route has a fallback, or falls back behind its first text.
#[tokio::test(flavor = "multi_thread")]
async fn a_route_that_is_down_has_its_fallback() -> Result<()> {
    let (default, fast, guarded) =
        (Upstream::loopback().await?, Upstream::loopback().await?, Upstream::loopback().await?);
    let folder = tempfile::TempDir::new()?;
    let server = server(folder.path(), &default, &fast, &guarded).await?;
    let down = Script::fail(503, Body::Json);
    let answer = ask(&server, "guarded", &[down]).await?;
    ensure!(answer.expect(503)?["error"]["code"] == "model_unavailable", "both are down");
    ensure!((guarded.requests().len(), fast.requests().len()) == (1, 3), "one try, and the fallback's three");
    let broken = Script { end: End::ErrorEvent, ..Script::say(&["It is so. "]) };
    let answer = ask(&server, "guarded", &[broken]).await?;
    ensure!(answer.status == 503 && fast.requests().len() == 3, "{} {}", answer.status, fast.requests().len());
    drop(guarded);
    let mut person = Person::meet(server.address(), "guarded").await?;
    let mut socket = person.attach().await?;
    for turn in 0..3 {
        let reply = person.ask(&mut socket, &directive(&[Script::say(&["Here ", &format!("I am {turn}.")])])).await?;
        ensure!(reply["body"]["text"] == format!("Here I am {turn}."), "{reply}");
    }
    person.settle().await?;
    ensure!(default.requests().is_empty(), "the default was asked");
    Ok(())
}

// Fails when more turns reach a model than it has places, when one too many waits, or a wait cannot be left.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_given_as_many_turns_as_it_has_places() -> Result<()> {
    let (default, fast, guarded) =
        (Upstream::loopback().await?, Upstream::loopback().await?, Upstream::loopback().await?);
    let folder = tempfile::TempDir::new()?;
    let server = server(folder.path(), &default, &fast, &guarded).await?;
    let stalled = Script { end: End::Stall, ..Script::say(&["Wait"]) };
    let (mut first, mut second) =
        (Person::meet(server.address(), "fast").await?, Person::meet(server.address(), "fast").await?);
    let (mut one, mut two) = (first.attach().await?, second.attach().await?);
    first.say(&mut one, &directive(&[stalled])).await?;
    until(&server, "model_calls_in_flight{route=\"fast\"} 1").await?;
    let id = second.say(&mut two, &directive(&[Script::say(&["My turn."])])).await?;
    until(&server, "model_calls_waiting{route=\"fast\"} 1").await?;
    let refused = ask(&server, "fast", &[Script::say(&["x"])]).await?;
    let after = refused.header("retry-after").map(str::to_owned);
    ensure!(refused.expect(503)?["error"]["code"] == "model_busy" && after.is_some(), "{}", refused.text());
    ensure!(fast.requests().len() == 1, "a turn without a place reached the model");
    // Others have places of their own.
    ask(&server, "plain", &[Script::say(&["Fine."])]).await?.expect(200)?;
    // Whoever leaves makes room for the next.
    one.send(&serde_json::json!({"type": "cancel", "turn": 1})).await?;
    let reply = second.hear_reply(&mut two, &id).await?;
    ensure!(reply["body"]["text"] == "My turn.", "{reply}");
    until(&server, "model_calls_in_flight{route=\"fast\"} 0").await?;
    second.settle().await.context("the one who waited")
}

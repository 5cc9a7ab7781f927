//! Whatever a model's server sends, a turn ends with a reply or a typed error, within bounds, and the
//! session goes on.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

mod cases;

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::PATIENCE;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Part, Script, Upstream, directive};
use rolecall_tests::ws::{Arrival, Socket};
use rolecall_tests::{clock, process};

use cases::{HEAD, delta, floods, http_faults, json_faults, line_faults, text, text_faults};

/// Streams at once and forbids three words.
const ROLE: &str = "storyteller";

const STORY: &str = "从前有座山。";

/// What a turn comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Outcome {
    /// A reply with this text.
    Says(String),
    /// An error with this code.
    Fails(&'static str),
    /// No reply that the contract allows.
    Refused,
}

struct Case {
    name: &'static str,
    parts: Vec<Part>,
    outcome: Outcome,
}

fn case(name: &'static str, parts: Vec<Part>, outcome: Outcome) -> Case {
    Case { name, parts, outcome }
}

fn says(name: &'static str, parts: Vec<Part>) -> Case {
    case(name, parts, Outcome::Says(STORY.to_owned()))
}

fn fails(name: &'static str, parts: Vec<Part>, code: &'static str) -> Case {
    case(name, parts, Outcome::Fails(code))
}

/// Says it in a session and hears how the turn ends.
async fn turn(person: &mut Person, socket: &mut Socket, said: &str) -> Result<Outcome> {
    let id = person.say(socket, said).await?;
    let mut failure = None;
    loop {
        // Why a reply failed is told beside the stream, before it or behind it.
        let told = |reply: &&serde_json::Value| reply["body"]["outcome"] != "failed" || failure.is_some();
        if let Some(reply) = person.ledger.reply_to(&id).filter(told) {
            let text = reply["body"]["text"].as_str().context("no text")?.to_owned();
            return match (reply["body"]["outcome"].as_str(), failure) {
                (Some("failed"), Some(code)) => Ok(Outcome::Fails(code)),
                (Some("refused"), None) => Ok(Outcome::Refused),
                (Some("complete"), None) => Ok(Outcome::Says(text)),
                (outcome, failure) => anyhow::bail!("{outcome:?} with {failure:?}"),
            };
        }
        match socket.next().await? {
            Arrival::Frame(frame) if frame["type"] == "error" => {
                let code = frame["code"].as_str().context("no code")?.to_owned();
                // The names are compared with those of the table.
                failure = Some(&*code.leak());
            }
            Arrival::Frame(frame) => person.ledger.frame(&frame)?,
            end => anyhow::bail!("waiting for the reply: {end:?}"),
        }
    }
}

/// Asks as an application does, without a session.
async fn completion(server: &Server, said: &str) -> Result<Outcome> {
    let answer = api::complete(server.address(), ROLE, said, false).await?;
    let body = answer.json()?;
    Ok(match answer.status {
        200 if body["choices"][0]["finish_reason"] == "content_filter" => Outcome::Refused,
        200 => Outcome::Says(body["choices"][0]["message"]["content"].as_str().context("no content")?.to_owned()),
        _ => Outcome::Fails(&*body["error"]["code"].as_str().context("no code")?.to_owned().leak()),
    })
}

fn options(upstream: &Upstream) -> Options {
    let options = Options::upstream(&upstream.url()).flag("--model-first-text", "10s").flag("--model-stall", "1s");
    options.flag("--model-retries", "0").flag("--log-level", "warn")
}

/// Every connection to the upstream is closed, also where it goes on sending.
async fn all_are_closed(upstream: &Upstream) -> Result<()> {
    let started = clock::now();
    while upstream.open() > 0 {
        ensure!(started.elapsed() < PATIENCE, "{} connections to the model stay open", upstream.open());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

async fn run(cases: Vec<Case>) -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(options(&upstream)).await?;
    let before = process::rss(server.pid()?)?;
    for Case { name, parts, outcome } in cases {
        let said = directive(&[Script::raw(&parts)]);
        let mut person = Person::meet(server.address(), ROLE).await?;
        let mut socket = person.attach().await?;
        let ended = turn(&mut person, &mut socket, &said).await.with_context(|| name.to_owned())?;
        ensure!(ended == outcome, "{name}: expected {outcome:?}, got {ended:?}");
        // The session is none the worse.
        let next = turn(&mut person, &mut socket, &directive(&[Script::say(&["山里有座庙。"])])).await;
        let next = next.with_context(|| format!("the turn behind {name}"))?;
        ensure!(next == Outcome::Says("山里有座庙。".to_owned()), "behind {name}: {next:?}");
        person.settle().await.with_context(|| name.to_owned())?;
        let ended = completion(&server, &said).await.with_context(|| name.to_owned())?;
        ensure!(ended == outcome, "{name}, as a completion: expected {outcome:?}, got {ended:?}");
        all_are_closed(&upstream).await.with_context(|| name.to_owned())?;
    }
    let grown = process::rss(server.pid()?)? - before;
    ensure!(grown < 256.0 * 1024.0 * 1024.0, "the server has grown by {grown} bytes");
    Ok(())
}

// Fails when text in pieces or in a wrong encoding is lost, doubled, or ends a session.
#[tokio::test(flavor = "multi_thread")]
async fn broken_text() -> Result<()> {
    run(text_faults()).await
}

// Fails when a line of an event stream is read in another way than its standard says.
#[tokio::test(flavor = "multi_thread")]
async fn odd_lines() -> Result<()> {
    run(line_faults()).await
}

// Fails when a document of another shape passes for an answer, or takes the server down.
#[tokio::test(flavor = "multi_thread")]
async fn odd_documents() -> Result<()> {
    run(json_faults()).await
}

// Fails when HTTP that is not what was asked for passes for an answer, or is waited for without end.
#[tokio::test(flavor = "multi_thread")]
async fn odd_answers() -> Result<()> {
    run(http_faults()).await
}

// Fails when what never ends, or is far too large, is gathered in memory, or kept coming.
#[tokio::test(flavor = "multi_thread")]
async fn floods_are_cut_off() -> Result<()> {
    run(floods()).await
}

// Fails when a model that goes on talking after it was stopped still costs a connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_ignores_cancellation_is_hung_up_on() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let server = Server::start(options(&upstream)).await?;
    let endless = [text(HEAD), Part::Forever(delta("One fine day. "))];
    let answer =
        api::complete(server.address(), "brief", &directive(&[Script::raw(&endless)]), false).await?.expect(200)?;
    let said = answer["choices"][0]["message"]["content"].as_str().context("no content")?;
    ensure!(said.trim_end() == "One fine day. One fine day. One fine day.", "{said:?}");
    all_are_closed(&upstream).await
}

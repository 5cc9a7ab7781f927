//! Session tokens that renew themselves, are good for nothing once they are replaced, and outlive their keys' rotation.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;
use std::process::Output;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_client::{Client, Encoding, Event, Session, Transport};
use rolecall_tests::api;
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::http::{Request, Response};
use rolecall_tests::paths;
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::ws::{self, Hello, Opened};
use serde_json::json;
use tokio::time::timeout;

const TRANSPORTS: [Transport; 3] = [Transport::WebSocket, Transport::Events, Transport::Poll];

/// A server whose tokens live so many seconds.
async fn short_lived(seconds: u64) -> Result<Server> {
    Server::start(Options::default().flag("--token-ttl", &format!("{seconds}s"))).await
}

/// `rolecall token …` beside a running server.
fn token(server: &Server, arguments: &[&str]) -> Result<Output> {
    let mut command = server::bare(&paths::binary()?, server.home());
    command.arg("token").args(arguments).env("ROLECALL_DATA", server.data());
    Ok(command.output()?)
}

// Fails when the keys of a data directory cannot be reached by naming it, before or behind what is asked, or another
// one's are shown.
#[tokio::test]
async fn a_data_directory_can_be_named() -> Result<()> {
    let server = Server::start(Options::default()).await?;
    let expected = told(&token(&server, &["keys"])?)?;
    let data = server.data().display().to_string();
    for arguments in [["token", "keys", "--data", &data], ["token", "--data", &data, "keys"]] {
        let mut command = server::bare(&paths::binary()?, server.home());
        let output = command.args(arguments).env("ROLECALL_DATA", server.home().join("elsewhere")).output()?;
        ensure!(told(&output)? == expected, "{arguments:?}");
    }
    let elsewhere = server.home().join("elsewhere").display().to_string();
    let output = token(&server, &["rotate", "--data", &elsewhere])?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(!output.status.success() && said.contains("has no token.key") && said.contains("--data"), "{said}");
    Ok(())
}

/// The lines of a call that succeeds.
fn told(output: &Output) -> Result<Vec<String>> {
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Ok(String::from_utf8_lossy(&output.stdout).lines().map(str::to_owned).collect())
}

async fn open(to: SocketAddr, transport: Transport) -> Result<Session> {
    let client = Client::builder(format!("http://{to}")).encoding(Encoding::JsonV1).transport(transport).build()?;
    Ok(client.create_session("storyteller").await?)
}

/// The next event; an error when the session ends.
async fn next(session: &Session) -> Result<Event> {
    match timeout(PATIENCE, session.next_event()).await.context("nothing came")?.context("no more events")? {
        Event::Ended { code, reason, .. } => bail!("ended with {code}: {reason}"),
        event => Ok(event),
    }
}

async fn until(session: &Session, wanted: impl Fn(&Event) -> bool) -> Result<()> {
    while !wanted(&next(session).await?) {}
    Ok(())
}

fn refused(what: &str, status: u16, text: &str, code: &str) -> Result<()> {
    ensure!(status == 401 && text.contains(&format!("\"{code}\"")), "{what}: {status} {text}");
    Ok(())
}

fn refuses(what: &str, answer: &Response, code: &str) -> Result<()> {
    refused(what, answer.status, &answer.text(), code)
}

/// Presents a token wherever one is taken: each place must refuse it so.
async fn refused_everywhere(to: SocketAddr, token: &str, code: &str) -> Result<()> {
    match ws::open(to, &Hello::fresh(token)).await? {
        Opened::Refused { status, body } => refused("upgrade", status, &body, code)?,
        Opened::Live(_) => bail!("the upgrade lets it in"),
    }
    let with = |method: &str, path: &str| Request::new(method, path).bearer(token);
    refuses("events", &with("GET", "/v1/session/events").send(to).await?, code)?;
    refuses(
        "events by query",
        &Request::new("GET", &format!("/v1/session/events?token={token}")).send(to).await?,
        code,
    )?;
    refuses("poll", &with("POST", "/v1/session/poll").send(to).await?, code)?;
    refuses("diff", &with("GET", "/v1/diff?from=1").send(to).await?, code)?;
    refuses("reconnect", &api::reconnect(to, token, 0).await?, code)
}

// Fails when a session that outlives its token several times is refused, loses a message, or ends; or when the position
// that an application saves has not the newest token.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_outlives_its_tokens() -> Result<()> {
    let server = short_lived(4).await?;
    for transport in TRANSPORTS {
        let session = open(server.address(), transport).await?;
        let (started, mut renewed, mut said) = (clock::now(), 0, 0);
        let mut token = session.saved().position.token;
        while started.elapsed() < Duration::from_secs(12) {
            match next(&session).await.with_context(|| format!("{transport:?}"))? {
                Event::TokenRenewed => {
                    renewed += 1;
                    let newer = session.saved().position.token;
                    ensure!(newer != token, "the saved position has the old token");
                    token = newer;
                    // Every second time, so that some connections outlive their token, too.
                    if renewed % 2 == 0 {
                        session.drop_connection().await?;
                    }
                }
                Event::CaughtUp { .. } => {
                    said += 1;
                    let answered = timeout(PATIENCE, session.send("Tell me a story.")).await?;
                    answered.with_context(|| format!("{transport:?}"))?;
                }
                _ => {}
            }
        }
        ensure!(renewed >= 4 && said >= 3, "{transport:?}: {renewed} tokens, {said} connections");
        session.close().await;
    }
    Ok(())
}

// Fails when a token that somebody has copied opens a session, or reads it, after its client has used a newer one; when
// a client that has lost the newer one unused is locked out; or when a restart forgets which was used.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_token_is_good_for_nothing() -> Result<()> {
    let mut server = short_lived(40).await?;
    let to = server.address();
    for transport in TRANSPORTS {
        let session = open(to, transport).await?;
        until(&session, |event| matches!(event, Event::CaughtUp { .. })).await?;
        let position = session.saved().position;
        session.close().await;
        let captured = position.token.clone();
        let renewed = told(&token(&server, &["issue", &position.session_id, "storyteller", "--generation", "1"])?)?;
        let renewed = renewed.first().context("a token")?;
        api::reconnect(to, renewed, 0).await?.expect(200)?;
        api::reconnect(to, &captured, 0).await?.expect(200).context("to ask is not to use")?;
        api::reconnect(to, &captured, 0).await?.expect(200)?;
        let client = Client::builder(server.url()).encoding(Encoding::JsonV1).transport(transport).build()?;
        let mut saved = session.saved();
        saved.position.token.clone_from(renewed);
        let session = client.resume(saved)?;
        until(&session, |event| matches!(event, Event::CaughtUp { .. })).await?;
        refused_everywhere(to, &captured, "token_replayed").await.with_context(|| format!("{transport:?}"))?;
        session.close().await;
        server.kill()?;
        server.restart().await?;
        refused_everywhere(to, &captured, "token_replayed").await.context("behind a restart")?;
        api::diff(to, renewed, 1).await?;
    }
    Ok(())
}

// Fails when a connection over HTTP ends with its token, when the newer token does not serve it, or when an older one does.
#[tokio::test(flavor = "multi_thread")]
async fn requests_of_a_connection_carry_the_token_that_opened_it_or_a_newer_one() -> Result<()> {
    let server = short_lived(2).await?;
    let to = server.address();
    let session = api::create(to, "storyteller").await?;
    let issue = |generation: &str, ttl: &str| {
        let arguments = ["token", "issue", &session.id, "storyteller", "--generation", generation];
        let mut command = server::bare(&paths::binary()?, server.home());
        command.args(arguments).env("ROLECALL_DATA", server.data()).env("ROLECALL_TOKEN_TTL", ttl);
        told(&command.output()?)?.into_iter().next().context("a token")
    };
    let (older, newer) = (issue("1", "1h")?, issue("3", "1h")?);
    // Without `refresh`: nothing renews it.
    let opening = issue("2", "2s")?;
    let opened = Request::new("POST", "/v1/session/poll").bearer(&opening).send(to).await?.expect(201)?;
    let connection = opened["connection"].as_str().context("a connection")?.to_owned();
    tokio::time::sleep(Duration::from_millis(3_100)).await;
    refuses(
        "another opening",
        &Request::new("POST", "/v1/session/poll").bearer(&opening).send(to).await?,
        "token_expired",
    )?;
    for token in [&opening, &newer] {
        let beat = json!({"connection": connection, "sent_ms": 1});
        Request::post("/v1/heartbeat", &beat).bearer(token).send(to).await?.expect(202)?;
        let poll = format!("/v1/session/poll?connection={connection}&wait_ms=2000");
        let answer = Request::new("GET", &poll).bearer(token).send(to).await?.expect(200)?;
        ensure!(answer["close"].is_null(), "{answer}");
        let frames = format!("/v1/session/frames?connection={connection}");
        let ack = json!({"type": "ack", "seq": 0});
        Request::post(&frames, &ack).bearer(token).send(to).await?.expect(202)?;
        refuses("frames", &Request::post(&frames, &ack).bearer(&older).send(to).await?, "token_replayed")?;
    }
    Ok(())
}

// Fails when a client that comes with an old token is not given a new one at once, gets it before the `Welcome` or twice,
// or one is given to a client that takes none.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_tokens_gets_one_behind_the_welcome() -> Result<()> {
    let server = short_lived(20).await?;
    let to = server.address();
    let token = api::create(to, "storyteller").await?.token;
    tokio::time::sleep(Duration::from_millis(10_100)).await;
    for (query, expected) in [("?refresh=true", vec!["welcome", "resumed", "token"]), ("", vec!["welcome", "resumed"])]
    {
        let opened =
            Request::new("POST", &format!("/v1/session/poll{query}")).bearer(&token).send(to).await?.expect(201)?;
        let connection = opened["connection"].as_str().context("a connection")?;
        let mut kinds = Vec::new();
        // The second answer has nothing, or what came too often.
        for _ in 0..2 {
            let poll = format!("/v1/session/poll?connection={connection}&wait_ms=300");
            let answer = Request::new("GET", &poll).bearer(&token).send(to).await?.expect(200)?;
            let frames = answer["frames"].as_array().context("frames")?;
            kinds.extend(frames.iter().filter_map(|frame| frame["type"].as_str().map(str::to_owned)));
        }
        ensure!(kinds == expected, "{query}: {kinds:?}");
    }
    Ok(())
}

// Fails when to rotate the key takes a restart or loses a session, when to revoke one leaves its connections or its
// tokens in force, or when either prints a secret.
#[tokio::test(flavor = "multi_thread")]
async fn keys_rotate_and_are_revoked_under_a_running_server() -> Result<()> {
    let server = short_lived(600).await?;
    let to = server.address();
    let first = told(&token(&server, &["keys"])?)?;
    let kid = first.first().and_then(|line| line.split(' ').next()).context("a key")?.to_owned();
    ensure!(first == [format!("{kid} hs256 signs")], "{first:?}");
    let session = open(to, Transport::WebSocket).await?;
    until(&session, |event| matches!(event, Event::CaughtUp { .. })).await?;
    let old = session.saved().position.token;

    let rotated = told(&token(&server, &["rotate", "--algorithm", "eddsa"])?)?;
    ensure!(rotated.len() == 2 && rotated[0].ends_with(" eddsa signs"), "{rotated:?}");
    ensure!(rotated[1].starts_with(&format!("{kid} hs256 verifies for ")), "{rotated:?}");
    // A token of the new key is what tells the server of it.
    let issued = told(&token(&server, &["issue", &session.saved().position.session_id, "storyteller"])?)?;
    let new = issued.first().context("a token")?;
    api::reconnect(to, new, 0).await?.expect(200)?;
    api::reconnect(to, &old, 0).await?.expect(200)?;
    session.drop_connection().await?;
    until(&session, |event| matches!(event, Event::CaughtUp { .. })).await?;

    let refused = token(&server, &["revoke", rotated[0].split(' ').next().unwrap_or_default()])?;
    ensure!(!refused.status.success(), "the key that signs must not go");
    told(&token(&server, &["revoke", &kid])?)?;
    let ended = async {
        loop {
            if let Event::Ended { code, .. } = session.next_event().await.context("no end")? {
                return anyhow::Ok(code);
            }
        }
    };
    ensure!(timeout(PATIENCE, ended).await.context("the connection stands")?? == 4101);
    refused_everywhere(to, &old, "token_key_unknown").await?;
    api::reconnect(to, new, 0).await?.expect(200)?;
    let text = std::fs::read_to_string(server.data().join("token.key"))?;
    let secret = text.split_whitespace().find(|word| word.len() == 64).context("a secret")?;
    ensure!(!server.log().contains(secret) && !rotated.concat().contains(secret));
    Ok(())
}

//! Who is kept out, how he is told, and what is left of it: nothing in the log, no task, a count by reason.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::http::{self, Request};
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{self, Upstream};
use rolecall_tests::ws::{self, Arrival, Hello};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::connect_async;
use tokio_tungstenite::tungstenite::Error;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;

const KEY: &str = "the-api-key-of-this-very-test";
const TOKEN_KEY: &str = "a-key-that-signs-tokens-and-is-long-enough";

/// A counter or gauge, summed over its labels that match; 0 while there is none.
async fn metric(to: SocketAddr, name: &str, label: &str) -> Result<f64> {
    let text = http::get(to, "/metrics").await?.text();
    let values = text.lines().filter(|line| line.starts_with(name) && line.contains(label) && !line.starts_with('#'));
    Ok(values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

async fn until(what: &str, mut holds: impl AsyncFnMut() -> Result<bool>) -> Result<()> {
    let started = clock::now();
    while !holds().await? {
        ensure!(started.elapsed() < PATIENCE, "{what} does not come true");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    Ok(())
}

/// Tries to open a session's WebSocket as a page does; gives the status of a refusal with its code.
async fn as_page(to: SocketAddr, origin: &str, token: &str) -> Result<(u16, Value)> {
    let mut request = format!("ws://{to}/v1/session").into_client_request()?;
    let headers = request.headers_mut();
    headers.insert("origin", origin.parse()?);
    headers.insert("sec-websocket-protocol", format!("rolecall.json.v1, rolecall.token.{token}").parse()?);
    match timeout(PATIENCE, connect_async(request)).await? {
        Ok((_socket, response)) => Ok((response.status().as_u16(), Value::Null)),
        Err(Error::Http(response)) => {
            let body: Value = serde_json::from_slice(response.body().as_deref().unwrap_or_default())?;
            Ok((response.status().as_u16(), body["error"]["code"].clone()))
        }
        Err(error) => bail!("neither let in nor refused: {error}"),
    }
}

// Fails when a page of another origin opens a session with a token that got away, or one that is listed cannot.
#[tokio::test(flavor = "multi_thread")]
async fn foreign_pages_open_no_websocket() -> Result<()> {
    let server = Server::start(Options::default().flag("--origins", "https://app.example,loopback")).await?;
    let to = server.address();
    let token = api::create(to, "storyteller").await?.token;
    for origin in ["https://evil.example", "http://app.example", "null"] {
        ensure!(as_page(to, origin, &token).await? == (403, json!("foreign_origin")), "{origin}");
    }
    for origin in ["https://app.example", "http://localhost:5173", &format!("http://{to}")] {
        ensure!(as_page(to, origin, &token).await? == (101, Value::Null), "{origin}");
    }
    ensure!(metric(to, "refused_total", "foreign_origin").await? == 3.0);
    Ok(())
}

// Fails when a caller behind a trusted proxy has more than his own allowance, or somebody gets around his by writing
// the proxy's header himself.
#[tokio::test(flavor = "multi_thread")]
async fn callers_behind_a_proxy_are_told_apart() -> Result<()> {
    let few = Options::default().flag("--address-requests", "1/s burst 20");
    let ask = async |to: SocketAddr, caller: &str| -> Result<(u16, bool)> {
        let answer = Request::new("GET", "/healthz").header("x-forwarded-for", caller).send(to).await?;
        Ok((answer.status, answer.header("retry-after").is_some()))
    };
    let server = Server::start(few.clone().flag("--trusted-proxies", "127.0.0.1")).await?;
    let mut refused = 0;
    for _ in 0..60 {
        match ask(server.address(), "203.0.113.7").await? {
            (200, false) => {}
            (429, true) => refused += 1,
            other => bail!("{other:?}"),
        }
    }
    ensure!(refused > 0, "one caller had sixty at once");
    ensure!(ask(server.address(), "203.0.113.8").await?.0 == 200, "another pays for him");

    let server = Server::start(few).await?;
    let mut statuses = Vec::new();
    for caller in 0..60 {
        statuses.push(ask(server.address(), &format!("203.0.113.{caller}")).await?.0);
    }
    ensure!(statuses.contains(&429), "a header that anybody can write is believed");
    Ok(())
}

// Fails when connections that say nothing, or say it without end, stay; when what was sent instead of a token or a
// frame has no typed answer; or when any of it leaves a task behind.
#[tokio::test(flavor = "multi_thread")]
async fn a_siege_leaves_nothing_behind() -> Result<()> {
    let mut server = Server::start(Options::default().flag("--head-patience", "500ms")).await?;
    let to = server.address();
    let mut person = Person::meet(to, "storyteller").await?;
    let mut socket = person.attach().await?;
    let calm = metric(to, "tasks_live", "").await?;

    let mut silent = Vec::new();
    for count in 0..100 {
        let mut stream = TcpStream::connect(to).await?;
        if count % 2 == 0 {
            stream.write_all(b"GET / HTTP/1.1\r\nx-never: ").await?;
        }
        silent.push(stream);
    }
    for token in ["", "a.b.c", &format!("{}x", person.session.token), &swapped(&person.session.token)] {
        let answer = Request::new("GET", "/v1/diff").bearer(token).send(to).await?;
        let code = &answer.expect(401)?["error"]["code"];
        ensure!(
            ["token_invalid", "token_missing", "token_refused"].contains(&code.as_str().unwrap_or_default()),
            "{code}"
        );
    }
    let mut flooding = ws::connect(to, &Hello::fresh(&api::create(to, "storyteller").await?.token)).await?;
    let mut end = None;
    for _ in 0..2_000 {
        if flooding.send(&json!({"type": "ack", "seq": 0})).await.is_err() {
            break;
        }
    }
    while end.is_none() {
        match flooding.next().await? {
            Arrival::Frame(_) => {}
            other => end = Some(other),
        }
    }
    ensure!(matches!(end, Some(Arrival::Closed(4200, _) | Arrival::Cut)), "{end:?}");
    for stream in &mut silent {
        let mut heard = Vec::new();
        // A reset closes as well.
        ensure!(timeout(PATIENCE, stream.read_to_end(&mut heard)).await.is_ok(), "it is waited for");
    }
    until("the count of heads that did not end", async || {
        Ok(metric(to, "refused_total", "head_timeout").await? >= 100.0)
    })
    .await?;
    ensure!(metric(to, "close_total", "4200").await? == 1.0);
    ensure!(metric(to, "refused_total", "token_invalid").await? >= 1.0);
    ensure!(metric(to, "refused_total", "token_refused").await? >= 2.0);
    until("that all tasks end", async || Ok(metric(to, "tasks_live", "").await? <= calm + 1.0)).await?;
    // Through all of it an honest session goes on.
    ensure!(person.ask(&mut socket, "你好").await?["body"]["kind"] == "reply");
    server.stop().await
}

/// A token with the claims of another.
fn swapped(token: &str) -> String {
    let mut parts: Vec<String> = token.split('.').map(str::to_owned).collect();
    if let Some(claims) = parts.get_mut(1) {
        *claims = claims.chars().rev().collect();
    }
    parts.join(".")
}

// Fails when any secret is written to the log, whatever is logged and wherever the secret was sent.
#[tokio::test(flavor = "multi_thread")]
async fn no_secret_is_logged() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let mut options = Options::upstream(&upstream.url()).flag("--log-level", "trace");
    options.env = vec![("ROLECALL_API_KEYS".into(), KEY.into()), ("ROLECALL_TOKEN_KEY".into(), TOKEN_KEY.into())];
    let mut server = Server::start(options).await?;
    let to = server.address();
    let created =
        Request::post("/v1/sessions", &json!({"role": "storyteller"})).bearer(KEY).send(to).await?.expect(201)?;
    let token = created["session_token"].as_str().context("no token")?;
    let forged = format!("{token}x");

    let index = http::get(to, "/").await?.json()?;
    let endpoints = index["endpoints"].as_array().context("no endpoints")?;
    ensure!(endpoints.len() > 15, "{index}");
    for endpoint in endpoints.iter().filter_map(Value::as_str) {
        let (method, path) = endpoint.split_once(' ').context("METHOD /path")?;
        let path = path.replace("{role}", "storyteller").replace("{sid}", "s_x").replace("{id}", "x");
        for query in ["?token=TOKEN", "?token=TOKEN&last_seq=x", "?connection=TOKEN", ""] {
            for secret in [token, forged.as_str(), KEY] {
                // A stream that is let in goes on; what counts is that it was asked for.
                let body = json!({"session_token": secret, "last_sequence_id": 0, "model": "storyteller",
                    "messages": [{"role": "user", "content": "hi"}]});
                let request = Request::new(method, &format!("{path}{}", query.replace("TOKEN", secret)));
                let request = request.header("content-type", "application/json").bearer(secret);
                let request = request.header("x-api-key", secret).body(body.to_string().into_bytes());
                let _stream = timeout(Duration::from_millis(400), request.send(to)).await;
            }
        }
    }
    ensure!(as_page(to, &format!("http://{to}"), token).await?.0 == 101);
    let mut socket = ws::connect(to, &Hello::fresh(token)).await?;
    socket.until("resumed", |_| Ok(())).await?;
    socket.say(1, "m1", "hi").await?;
    socket.until("accepted", |_| Ok(())).await?;
    socket.cut()?;
    server.stop().await?;

    let log = server.log();
    ensure!(log.contains("DEBUG") && log.contains("a connection ended"), "nothing was logged");
    let signature = token.rsplit('.').next().context("no signature")?;
    for (name, secret) in [
        ("token", token),
        ("signature", signature),
        ("API key", KEY),
        ("token key", TOKEN_KEY),
        ("model key", upstream::KEY),
    ] {
        if let Some(line) = log.lines().find(|line| line.contains(secret)) {
            bail!("the {name} is in the log: {line}");
        }
    }
    Ok(())
}

//! Bad input: a typed error that names place and remedy, and everything else keeps running.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::http::{self, Request, Response};
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::ws::{self, Arrival, Hello, Opened};
use rolecall_tests::{dirs, paths};
use serde_json::{Value, json};

/// The one shape of every HTTP error.
fn check_shape(answer: &Response) -> Result<Value> {
    let body = answer.json().context("an error that is not JSON")?;
    let error = body["error"].as_object().with_context(|| format!("no error object: {body}"))?;
    for field in ["message", "type", "code"] {
        let value = error.get(field).and_then(Value::as_str).unwrap_or_default();
        ensure!(!value.is_empty(), "{field} is missing: {body}");
    }
    ensure!(error.contains_key("param"), "param is missing: {body}");
    let code = error.get("code").and_then(Value::as_str).unwrap_or_default();
    ensure!(code.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit()), "{code:?} is not stable");
    Ok(body)
}

fn raw(path: &str, body: &str) -> Request {
    Request::new("POST", path).header("content-type", "application/json").body(body.as_bytes().to_vec())
}

/// What is asked, the status expected, and a word that the message must hold.
fn table() -> Vec<(Request, u16, &'static str)> {
    let chat = "/v1/chat/completions";
    let hello = json!([{"role": "user", "content": "hello"}]);
    vec![
        (raw("/v1/sessions", "{"), 400, "JSON"),
        (raw("/v1/sessions", "{\"role\": 7}"), 400, "line 1"),
        (raw("/v1/sessions", "{\"user\": \"u\"}"), 400, "role"),
        (raw("/v1/sessions", "{\"role\": \"storyteler\"}"), 404, "storyteller"),
        (raw("/v1/sessions", "{\"role\": \"\"}"), 404, "role"),
        (Request::new("POST", "/v1/sessions").body(b"{}".to_vec()), 415, "application/json"),
        (raw("/v1/reconnect", "{\"session_token\": \"x\"}"), 400, "last_sequence_id"),
        (raw("/v1/reconnect", "{\"session_token\": \"x\", \"last_sequence_id\": -1}"), 400, "-1"),
        (raw("/v1/reconnect", "{\"session_token\": \"x\", \"last_sequence_id\": 0}"), 401, "token"),
        (Request::new("GET", "/v1/diff?from=1"), 401, "Authorization"),
        (raw("/v1/sessions/nobody/messages", "{\"biz_id\": \"b\", \"text\": \"t\"}"), 404, "session"),
        (
            raw("/v1/sessions/s_00000000000000000000000000/messages", "{\"biz_id\": \"b\", \"text\": \"t\"}"),
            404,
            "session",
        ),
        (
            raw("/v1/sessions/s_00000000000000000000000000/messages", "{\"biz_id\": \"\", \"text\": \"t\"}"),
            400,
            "biz_id",
        ),
        (Request::post(chat, &json!({"model": "nobody", "messages": hello})), 404, "nobody"),
        (Request::post(chat, &json!({"model": "storyteller"})), 400, "messages"),
        (Request::post(chat, &json!({"model": "storyteller", "messages": []})), 400, "messages"),
        (Request::post(chat, &json!({"model": "storyteller", "messages": hello, "n": 9})), 400, "n"),
        (Request::post(chat, &json!({"model": "storyteller", "messages": hello, "stream": "yes"})), 400, "stream"),
        (
            Request::post(chat, &json!({"model": "storyteller", "messages": [{"role": "user", "content": "  "}]})),
            400,
            "empty",
        ),
        (Request::new("GET", "/v1/models/nobody"), 404, "nobody"),
        (Request::new("DELETE", "/v1/sessions"), 405, "DELETE"),
        (Request::new("GET", chat), 405, "GET"),
        (Request::new("GET", "/v1/nothing"), 404, "/v1/nothing"),
        (Request::new("GET", "/v1/session"), 426, "WebSocket"),
        (raw("/v1/sessions", &format!("{{\"role\": \"{}\"}}", "x".repeat(3 << 20))), 413, "larger"),
    ]
}

// Fails when any wrong request is answered in another shape, with another status, or without saying what to do.
#[tokio::test(flavor = "multi_thread")]
async fn every_wrong_request_gets_its_typed_error() -> Result<()> {
    let server = Server::start(Options::default()).await?;
    let mut wrong = Vec::new();
    for (request, status, word) in table() {
        let what = format!(
            "{} {} {}",
            request.method,
            request.path,
            String::from_utf8_lossy(request.body.get(..80).unwrap_or(&request.body))
        );
        match judge(&server, &request, status, word).await {
            Ok(()) => {}
            Err(error) => wrong.push(format!("{what}: {error:#}")),
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    http::get(server.address(), "/v1/models").await?.expect(200)?;
    Ok(())
}

async fn judge(server: &Server, request: &Request, status: u16, word: &str) -> Result<()> {
    let answer = request.send(server.address()).await?;
    ensure!(answer.status == status, "expected {status}, got {}: {}", answer.status, answer.text());
    let body = check_shape(&answer)?;
    let message = body["error"]["message"].as_str().unwrap_or_default();
    ensure!(message.to_lowercase().contains(&word.to_lowercase()), "the message does not say {word:?}: {message:?}");
    Ok(())
}

// Fails when a frame that is nonsense, illegal or too large takes down more than its own connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_bad_frame_ends_its_own_connection_only() -> Result<()> {
    let server = Server::start(Options::default()).await?;
    let mut good = Person::meet(server.address(), "storyteller").await?;
    let mut alive = good.attach().await?;
    for bad in ["", "{", "[]", "{\"type\":\"nothing\"}", "{\"type\":\"send\"}", &"x".repeat(1 << 20)] {
        let mut person = Person::meet(server.address(), "storyteller").await?;
        let mut socket = person.attach().await?;
        let sent = socket.send_text(bad).await;
        // The server may hang up before it has read all of a frame that is too large.
        ensure!(sent.is_ok() || bad.len() > 1 << 18, "{bad:?}: {sent:?}");
        let end = loop {
            match socket.next().await? {
                Arrival::Frame(_) => {}
                end => break end,
            }
        };
        if bad.len() < 1 << 18 {
            let Arrival::Closed(code, reason) = &end else { anyhow::bail!("{bad:?}: {end:?}") };
            ensure!(*code >= 1002 && !reason.is_empty(), "{bad:?}: closed with {code} {reason:?}");
        }
        drop(person.attach().await.context("the session is gone with its connection")?);
    }
    alive.send(&json!({"type": "beat", "ack": 0, "sent_ms": 42, "network": null})).await?;
    let beat = alive.until("beat", |_| Ok(())).await?;
    ensure!(beat["echo_ms"] == 42, "{beat}");
    Ok(())
}

// Fails when a gap in a client's own numbering is let through, or breaks the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_gap_in_the_clients_numbers_is_an_error_frame() -> Result<()> {
    let server = Server::start(Options::default()).await?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    socket.say(5, "too-early", "hello").await?;
    let error = socket.until("error", |_| Ok(())).await?;
    ensure!(error["code"] == "client_seq_gap" && error["id"] == "too-early", "{error}");
    person.ask(&mut socket, "hello").await?;
    person.settle().await
}

// Fails when a request without a subprotocol, or with a foreign one, is upgraded to something unagreed.
#[tokio::test(flavor = "multi_thread")]
async fn an_upgrade_names_its_protocol() -> Result<()> {
    let server = Server::start(Options::default()).await?;
    let session = api::create(server.address(), "storyteller").await?;
    let upgrade = |protocol: Option<&str>| {
        let request =
            Request::new("GET", "/v1/session?last_seq=0").bearer(&session.token).header("upgrade", "websocket");
        let request =
            request.header("sec-websocket-version", "13").header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==");
        match protocol {
            Some(protocol) => request.header("sec-websocket-protocol", protocol),
            None => request,
        }
    };
    for protocol in [None, Some("chat.v9")] {
        let answer = upgrade(protocol).send(server.address()).await?;
        ensure!(answer.status == 400 || answer.status == 426, "{protocol:?}: {} {}", answer.status, answer.text());
        check_shape(&answer)?;
    }
    let live = ws::open(server.address(), &Hello::fresh(&session.token)).await?;
    ensure!(matches!(live, Opened::Live(_)), "{live:?}");
    Ok(())
}

// Fails when one broken contract or plugin keeps the others from being served, or is not named.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_contract_and_a_broken_plugin_harm_nobody_else() -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let contracts = folder.path().join("contracts");
    dirs::copy(&paths::test_contracts(), &contracts)?;
    std::fs::write(contracts.join("broken.role"), "role broken {\n    version 1.0.0\n    max_sentnces 3\n}\n")?;
    std::fs::write(contracts.join("binary.role"), [0xff, 0xfe, 0x00, 0x9f])?;
    let plugins = folder.path().join("plugins");
    std::fs::create_dir_all(plugins.join("folder.wasm"))?;
    std::fs::write(plugins.join("text.wasm"), "not wasm")?;
    std::fs::write(plugins.join("truncated.wasm"), b"\0asm\x0d\0\x01\0\x00\x61")?;
    let server = Server::start(Options { contracts, plugins: Some(plugins), ..Options::default() }).await?;
    let log = server.log();
    for name in ["broken.role", "binary.role", "text.wasm", "truncated.wasm", "folder.wasm"] {
        ensure!(log.contains(name), "{name} is not named in the log");
    }
    let body = json!({"model": "broken", "messages": [{"role": "user", "content": "hello"}]});
    let answer = http::post(server.address(), "/v1/chat/completions", &body).await?;
    ensure!(matches!(answer.status, 404 | 503), "{} {}", answer.status, answer.text());
    check_shape(&answer)?;
    let mut person = Person::meet(server.address(), "storyteller").await?;
    let mut socket = person.attach().await?;
    person.ask(&mut socket, "hello").await?;
    person.settle().await
}

/// Starts `rolecall serve` with these flags, which must fail as a wrong call; returns what it wrote.
fn refused(home: &Path, flags: &[&str]) -> Result<String> {
    failing(home, flags, 2)
}

/// Starts `rolecall serve` with these flags, which must fail with this exit code.
fn failing(home: &Path, flags: &[&str], code: i32) -> Result<String> {
    let output = server::bare(&paths::binary()?, home).arg("serve").args(flags).output()?;
    let said = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    ensure!(!output.status.success(), "{flags:?} was accepted: {said}");
    ensure!(output.status.code() == Some(code), "{flags:?}: {:?}: {said}", output.status.code());
    ensure!(!said.contains("panicked"), "{flags:?}: {said}");
    Ok(said)
}

// Fails when a wrong setting is taken silently, or the message names neither place nor remedy.
#[test]
fn a_broken_configuration_is_named_with_its_place() -> Result<()> {
    let home = tempfile::TempDir::new()?;
    let file = home.path().join("rolecall.toml");
    std::fs::write(&file, "contracts = \"contracts\"\nmodle = \"openai\"\n")?;
    let said = refused(home.path(), &["--config", "rolecall.toml"])?;
    for word in ["rolecall.toml:2", "modle", "model"] {
        ensure!(said.contains(word), "{word:?} is missing: {said}");
    }
    std::fs::write(&file, "listen = [\n")?;
    ensure!(refused(home.path(), &["--config", "rolecall.toml"])?.contains("rolecall.toml:"));
    std::fs::remove_file(&file)?;
    ensure!(refused(home.path(), &["--listen", "nowhere"])?.contains("listen"));
    ensure!(refused(home.path(), &["--model", "openai"])?.contains("model-url"));
    ensure!(refused(home.path(), &["--listen", "0.0.0.0:0", "--data", "d"])?.contains("insecure"));
    Ok(())
}

// Fails when a data folder that cannot be used is a panic, or is overwritten.
#[tokio::test(flavor = "multi_thread")]
async fn a_data_folder_that_cannot_be_used_is_refused_and_left_alone() -> Result<()> {
    let home = tempfile::TempDir::new()?;
    std::fs::create_dir(home.path().join("contracts"))?;
    let file = home.path().join("data");
    std::fs::write(&file, "precious")?;
    let listen = server::free_port()?.to_string();
    let said = failing(home.path(), &["--listen", &listen, "--data", "data"], 1)?;
    ensure!(said.contains("data"), "{said}");
    ensure!(std::fs::read_to_string(&file)? == "precious", "the file was overwritten");

    let owner = Server::start(Options::default()).await?;
    let taken = owner.data();
    let said = failing(home.path(), &["--listen", &listen, "--data", &taken.to_string_lossy()], 1)?;
    ensure!(said.to_lowercase().contains("data"), "{said}");
    http::get(owner.address(), "/readyz").await?;
    Ok(())
}

// Fails when scripts cannot tell a start that failed from a call that was wrong.
#[test]
fn a_failed_start_has_an_exit_code_of_its_own() -> Result<()> {
    let home = tempfile::TempDir::new()?;
    let contracts = paths::test_contracts();
    let contracts = contracts.to_str().context("the path is text")?;
    let taken = std::net::TcpListener::bind("127.0.0.1:0")?;
    let address = taken.local_addr()?.to_string();
    let said = failing(home.path(), &["--contracts", contracts, "--listen", &address], 1)?;
    ensure!(said.contains(&address) && said.contains("--listen"), "{said}");
    std::fs::write(home.path().join("occupied"), "not a folder")?;
    failing(home.path(), &["--contracts", contracts, "--listen", "127.0.0.1:0", "--data", "occupied"], 1)?;
    failing(home.path(), &["--contracts", "nowhere", "--listen", "127.0.0.1:0"], 2)?;
    Ok(())
}

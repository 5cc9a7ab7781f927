//! `rolecall explain --trace ID`: why a reply is as it is, asked of a running server and of its data.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::process::Command;

use anyhow::{Context, Result, ensure};
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::{http, paths};
use serde_json::{Value, json};

const ROLE: &str = r#"role clerk {
    version 1.0.0
    language en
    persona "Keeps secrets"
    stateful false
    constraints { secrets: forbidden_terms "password" { on_violation redact "[removed]" } }
}
"#;

fn explain(arguments: &[&str]) -> Result<(bool, String)> {
    let output = Command::new(paths::binary()?).arg("explain").args(arguments).output()?;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    Ok((output.status.success(), text))
}

// Fails when a trace is not kept, not found beside the running server or without it, or names another
// rule, place, form or delta than the one that acted.
#[tokio::test(flavor = "multi_thread")]
async fn a_reply_is_explained() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let folder = tempfile::tempdir()?;
    std::fs::write(folder.path().join("clerk.role"), ROLE)?;
    let options = Options { contracts: folder.path().to_owned(), ..Options::upstream(&upstream.url()) };
    let mut server = Server::start(options).await?;
    let script = Script { pieces: ["The Pass", "Word is", " 1234."].map(str::to_owned).to_vec(), ..Script::default() };
    let body = json!({"model": "clerk", "messages": [{"role": "user", "content": directive(&[script])}]});
    let response = http::post(server.address(), "/v1/chat/completions", &body).await?;
    ensure!(response.json()?["choices"][0]["message"]["content"] == "The [removed] is 1234.", "{response:?}");
    let id = response.header("x-rolecall-trace").context("no trace is named")?.to_owned();
    let url = server.url();
    let (found, text) = explain(&["--trace", &id, "--url", &url])?;
    ensure!(found, "{text}");
    for part in
        ["clerk@1.0.0", "secrets redact", "\"PassWord\", matched as \"password\"", "characters 4..12", "delta 2"]
    {
        ensure!(text.contains(part), "{part} is missing in: {text}");
    }
    let (found, text) = explain(&["--trace", "nobody", "--url", &url])?;
    ensure!(!found && text.contains("no trace of `nobody`"), "{text}");
    server.stop().await?;
    let (found, text) = explain(&["--trace", &id, "--data", &server.data().to_string_lossy(), "--format", "json"])?;
    ensure!(found, "{text}");
    let trace: Value = serde_json::from_str(&text)?;
    ensure!(trace["acts"][0]["found"][0]["bytes"] == json!({"start": 4, "end": 12}), "{trace}");
    Ok(())
}

// Fails when the mode that is shown is not the one that is derived, or the rule that makes it so is not named.
#[test]
fn a_role_is_explained() -> Result<()> {
    let contracts = paths::root().join("contracts");
    let contracts = contracts.to_string_lossy();
    let (found, text) = explain(&["zhanguoce_scholar", "--contracts", &contracts])?;
    ensure!(found && text.contains("delivery sentence") && text.contains("* rhetoric"), "{text}");
    let (found, text) = explain(&["nobody", "--contracts", &contracts])?;
    ensure!(!found && text.contains("zhanguoce_scholar"), "{text}");
    Ok(())
}

//! What an operator grants to plugins, under a running server.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::Person;
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::{http, paths};
use serde_json::Value;

/// The plugin tells how often its instance was asked, and the rule passes that on as a warning.
const ROLE: &str = r#"role keeper {
    version 1.0.0
    language en
    persona "Counts"
    constraints { calls: policy "sampler" { taste "calls" } { severity warning } }
}
"#;
const NEEDS: &str = "capabilities = [\"clock\", \"kv\", \"similarity\", \"embed\"]";

/// Built by `make plugins`, beside the target folder's programs and never into `plugins/`.
fn sampler(to: &Path) -> Result<()> {
    let target = paths::target_dir()?;
    let path = target.parent().context("no target folder")?.join("hostile/sampler.wasm");
    ensure!(path.is_file(), "{} is missing; run: make plugins", path.display());
    std::fs::copy(path, to)?;
    Ok(())
}

async fn tells(server: &Server, what: &str) -> Result<()> {
    let started = clock::now();
    while !server.log().contains(what) {
        ensure!(started.elapsed() < PATIENCE, "the log does not say {what:?}:\n{}", server.log());
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    Ok(())
}

/// What the plugin said of each of two replies in one session.
async fn two_replies(server: &Server) -> Result<[String; 2]> {
    let mut person = Person::meet(server.address(), "keeper").await?;
    let mut socket = person.attach().await?;
    for _ in 0..2 {
        let reply = person.ask(&mut socket, &directive(&[Script::say(&["One fine day."])])).await?;
        ensure!(reply["body"]["outcome"] == "complete", "{reply}");
    }
    let mut said = [String::new(), String::new()];
    for (turn, said) in (1..).zip(&mut said) {
        let trace = http::get(server.address(), &format!("/v1/traces/{}.{turn}", person.session.id)).await?.json()?;
        let notes: Vec<&Value> = trace["acts"].as_array().into_iter().flatten().collect();
        let note = notes.iter().find(|act| act["rule"] == "calls").with_context(|| trace.to_string())?;
        *said = note["message"].as_str().with_context(|| trace.to_string())?.to_owned();
    }
    Ok(said)
}

// Fails when grants count only at the start, when what is not granted runs, when an instance is kept for its
// session without leave, or when it is kept for another.
#[tokio::test(flavor = "multi_thread")]
async fn grants_decide_what_a_plugin_may_while_it_is_served() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let folder = tempfile::TempDir::new()?;
    let (contracts, plugins) = (folder.path().join("contracts"), folder.path().join("plugins"));
    std::fs::create_dir(&contracts)?;
    std::fs::create_dir(&plugins)?;
    std::fs::write(contracts.join("keeper.role"), ROLE)?;
    std::fs::copy(paths::test_contracts().join("storyteller.role"), contracts.join("storyteller.role"))?;
    sampler(&plugins.join("sampler.wasm"))?;
    let options = Options { contracts, plugins: Some(plugins.clone()), ..Options::upstream(&upstream.url()) };
    let mut server = Server::start(options).await?;
    tells(&server, "needs clock, kv, similarity, embed, which is not granted").await?;

    let grant = |text: &str| std::fs::write(plugins.join("grants.toml"), text);
    grant(&format!("[sampler]\n{NEEDS}\n"))?;
    tells(&server, "a new plugin is in force").await?;
    ensure!(two_replies(&server).await? == ["1 0", "1 0"], "without leave each call has an instance of its own");

    grant(&format!("[sampler]\n{NEEDS}\nisolation = \"session\"\n"))?;
    tells(&server, "its instances may live as long as a session").await?;
    for _ in 0..2 {
        ensure!(two_replies(&server).await? == ["1 0", "2 0"], "each session has an instance of its own");
    }

    grant("[sampler]\n")?;
    tells(&server, "it needs what is no longer granted to it; it was named by keeper").await?;
    server.stop().await
}

// Fails when `plugin list` or `inspect` do not say what a plugin needs.
#[test]
fn what_a_plugin_needs_is_shown() -> Result<()> {
    let folder = tempfile::TempDir::new()?;
    let file = folder.path().join("sampler.wasm");
    sampler(&file)?;
    let run = |arguments: &[&str], path: &Path| -> Result<String> {
        let output = Command::new(paths::binary()?).arg("plugin").args(arguments).arg(path).output()?;
        Ok([output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat())
    };
    let seen = run(&["inspect"], &file)?;
    ensure!(seen.contains("needs      clock, kv, similarity, embed"), "{seen}");
    let refused = run(&["list", "--plugins"], folder.path())?;
    ensure!(refused.contains("below [sampler]: capabilities = [\"clock\""), "{refused}");
    std::fs::write(folder.path().join("grants.toml"), format!("[sampler]\n{NEEDS}\n"))?;
    let listed = run(&["list", "--plugins"], folder.path())?;
    ensure!(listed.contains("needs clock, kv, similarity, embed"), "{listed}");
    Ok(())
}

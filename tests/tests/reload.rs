//! Contracts that change under a running server: the next reply keeps the new one, a broken file
//! changes nothing, and a lock lets nothing new through.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::ws::Arrival;
use rolecall_tests::{http, paths};
use serde_json::Value;
use tempfile::TempDir;

const ROLE: &str = "clerk";

/// A clerk who answers with `reply` and keeps `rules`.
fn contract(rules: &str, reply: &str) -> String {
    format!(
        "role {ROLE} {{\n    version 1.0.0\n    language en\n    persona \"A clerk of a book shop\"\n    \
         constraints {{ {rules} }}\n    cases {{\n        \
         case \"greets\" {{ user \"Hello\"  reply \"{reply}\"  expect pass }}\n    }}\n}}\n"
    )
}

/// A server with a contract folder of its own.
struct Shop {
    server: Server,
    folder: TempDir,
}

impl Shop {
    async fn open(text: &str, flags: &[&str]) -> Result<Self> {
        let folder = TempDir::with_prefix("rolecall-contracts-")?;
        std::fs::write(folder.path().join("clerk.role"), text)?;
        let contracts = folder.path().to_owned();
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let server = Server::start(Options { contracts, flags, ..Options::default() }).await?;
        Ok(Self { server, folder })
    }

    fn file(&self) -> PathBuf {
        self.folder.path().join("clerk.role")
    }

    fn write(&self, text: &str) -> Result<()> {
        Ok(std::fs::write(self.file(), text)?)
    }

    async fn model(&self) -> Result<Value> {
        http::get(self.server.address(), &format!("/v1/models/{ROLE}")).await?.expect(200)
    }

    /// Waits until the role is as expected, and gives what `/v1/models` says then.
    async fn until(&self, what: &str, expected: impl Fn(&Value) -> bool) -> Result<Value> {
        let started = clock::now();
        loop {
            let model = self.model().await?;
            if expected(&model) {
                return Ok(model);
            }
            ensure!(started.elapsed() < PATIENCE, "not {what} after {PATIENCE:?}: {model}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until another contract is in force.
    async fn replaced(&self, before: &Value) -> Result<Value> {
        self.until("replaced", |model| model["contract"] != before["contract"]).await
    }

    async fn metrics(&self) -> Result<String> {
        Ok(http::get(self.server.address(), "/metrics").await?.text())
    }

    async fn greet(&self) -> Result<String> {
        let answer = api::complete(self.server.address(), ROLE, "Hello", false).await?.expect(200)?;
        let text = answer["choices"][0]["message"]["content"].as_str();
        Ok(text.with_context(|| format!("no reply in {answer}"))?.to_owned())
    }
}

fn text_of(reply: &Value) -> Result<&str> {
    reply["body"]["text"].as_str().with_context(|| format!("no text in {reply}"))
}

// Fails when an edit needs a restart, disturbs an open session, or reaches into a turn on its way.
#[tokio::test(flavor = "multi_thread")]
async fn the_next_reply_keeps_the_new_contract() -> Result<()> {
    let long = "Good day, and welcome to the shop. Come in and look around.";
    let shop = Shop::open(&contract("max_sentences 2", long), &["--rehearsal-pace", "60ms"]).await?;
    let before = shop.model().await?;
    let mut person = Person::meet(shop.server.address(), ROLE).await?;
    let mut socket = person.attach().await?;
    let first = person.say(&mut socket, "Hello").await?;
    while !person.ledger.shown().iter().any(|message| message["body"]["kind"] == "delta") {
        let Arrival::Frame(frame) = socket.next().await? else { bail!("the connection ended before the reply") };
        person.ledger.frame(&frame)?;
    }
    shop.write(&contract("max_sentences 1", "Good day."))?;
    let reply = person.hear_reply(&mut socket, &first).await?;
    ensure!(text_of(&reply)? == long, "a turn on its way was changed: {reply}");
    shop.replaced(&before).await?;
    let reply = person.ask(&mut socket, "Hello").await?;
    ensure!(text_of(&reply)? == "Good day.", "not under the new contract: {reply}");
    ensure!(shop.greet().await? == "Good day.");
    let metrics = shop.metrics().await?;
    ensure!(metrics.contains("contract_changes_total{outcome=\"taken\""), "{metrics}");
    ensure!(shop.server.log().contains("a changed contract is in force"), "the log does not tell");
    person.settle().await
}

// Fails when polling is needed where the system tells nothing, and does not work.
#[tokio::test(flavor = "multi_thread")]
async fn looking_finds_what_the_system_does_not_tell() -> Result<()> {
    let shop = Shop::open(&contract("max_sentences 2", "Good day. Come in."), &["--reload", "poll"]).await?;
    let before = shop.model().await?;
    // As editors and deployments do: a new file in the place of the old one.
    let next = shop.folder.path().join("next");
    std::fs::write(&next, contract("max_sentences 1", "Good day."))?;
    std::fs::rename(&next, shop.file())?;
    shop.replaced(&before).await?;
    ensure!(shop.greet().await? == "Good day.");
    Ok(())
}

// Fails when a mistake in an editor takes a role off the air, or nobody can see why its change is not in force.
#[tokio::test(flavor = "multi_thread")]
async fn a_broken_file_leaves_the_old_contract_in_force() -> Result<()> {
    let shop = Shop::open(&contract("max_sentences 2", "Good day. Come in."), &[]).await?;
    let before = shop.model().await?;
    for broken in ["role clerk { version", &contract("max_sentnces 1", "Good day.")] {
        shop.write(broken)?;
        let model = shop
            .until("refused", |model| {
                model["change_refused"].as_str().is_some_and(|reason| reason.contains("clerk.role"))
            })
            .await?;
        ensure!(model["contract"] == before["contract"], "{model}");
        ensure!(shop.greet().await? == "Good day. Come in.");
        ensure!(http::get(shop.server.address(), "/readyz").await?.status == 200);
        let sound = contract("max_sentences 2", "Good day. Come in.");
        shop.write(&sound)?;
        shop.until("mended", |model| model["change_refused"].is_null()).await?;
    }
    ensure!(shop.server.log().contains("what is in force stays"), "the log does not tell");
    Ok(())
}

// Fails when a role needs a restart to come or go.
#[tokio::test(flavor = "multi_thread")]
async fn roles_come_and_go() -> Result<()> {
    let shop = Shop::open(&contract("max_sentences 2", "Good day."), &[]).await?;
    let other = shop.folder.path().join("porter.role");
    std::fs::write(&other, contract("max_sentences 2", "This way.").replace(ROLE, "porter"))?;
    let started = clock::now();
    for expected in [200, 404] {
        while http::get(shop.server.address(), "/v1/models/porter").await?.status != expected {
            ensure!(started.elapsed() < PATIENCE, "no {expected} after {PATIENCE:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        if expected == 200 {
            std::fs::remove_file(&other)?;
        }
    }
    ensure!(shop.greet().await? == "Good day.");
    Ok(())
}

// Fails when a lock lets a looser contract in, keeps a tighter one out, or does not say why.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_takes_exactly_what_lets_nothing_new_through() -> Result<()> {
    let middle = contract("max_sentences 2", "Good day.");
    let shop = Shop::open(&middle, &["--locked"]).await?;
    for (rules, expected) in [
        ("max_sentences 9", "wider"),
        ("max_sentences 1", "narrower"),
        ("max_sentences 2 max_chars 30", "incomparable"),
    ] {
        let before = shop.model().await?;
        let old = std::fs::read_to_string(shop.file())?;
        let new = contract(rules, "Good day.");
        let relation = relation(shop.server.home(), &old, &new)?;
        ensure!(relation == expected, "{rules}: {relation}");
        shop.write(&new)?;
        if relation == "narrower" {
            shop.replaced(&before).await?;
            continue;
        }
        let model = shop.until("refused", |model| model["change_refused"].is_string()).await?;
        ensure!(model["contract"] == before["contract"], "{rules} ({relation}): {model}");
        let reason = model["change_refused"].as_str().unwrap_or_default();
        ensure!(reason.contains(&relation), "{rules} ({relation}): {reason}");
        ensure!(shop.server.log().contains("contracts are locked"), "the log does not tell");
        shop.write(&old)?;
        shop.until("as before", |model| model["change_refused"].is_null()).await?;
    }
    ensure!(shop.greet().await? == "Good day.");
    Ok(())
}

/// What `rolecall diff` says of a change.
fn relation(home: &Path, old: &str, new: &str) -> Result<String> {
    let (before, after) = (home.join("before.role"), home.join("after.role"));
    std::fs::write(&before, old)?;
    std::fs::write(&after, new)?;
    let mut command = server::bare(&paths::binary()?, home);
    let output = command.arg("diff").args([&before, &after]).args(["--format", "json"]).output()?;
    let said: Value = serde_json::from_slice(&output.stdout)?;
    Ok(said["roles"][0]["relation"].as_str().with_context(|| format!("no relation in {said}"))?.to_owned())
}

//! Plugins that change under a running server: the next reply is judged by the new one, a bad one is not
//! taken, and nobody who is talking notices.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future;
use rolecall_tests::api::{self, Person};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::{http, paths};
use tempfile::TempDir;

const SAGE: &str = "sage";
const CLEAN: &str = "吾居山中，与鹤为邻。";
const MODERN: &str = "吾有手机。";
/// What the shipped version finds fault with in it.
const WORD: &str = "手机";

/// A sage whose tone a plugin judges.
fn contract(parameters: &str, expected: &str) -> String {
    format!(
        "role {SAGE} {{\n    version 1.0.0\n    language zh\n    persona \"山中的老人\"\n    \
         constraints {{ tone: policy \"classical_tone\" {{ {parameters} }} {{ on_violation reject }} }}\n    cases {{\n        \
         case \"居\" {{ user \"汝居何处？\"  reply \"{CLEAN}\"  expect pass }}\n        \
         case \"买\" {{ user \"汝有何物？\"  reply \"{MODERN}\"  expect {expected} }}\n    }}\n}}\n"
    )
}

/// A server with folders and a model of its own.
struct House {
    _model: Upstream,
    server: Server,
    folder: TempDir,
}

impl House {
    async fn open(plugin: Option<&[u8]>, contract: &str, flags: &[&str]) -> Result<Self> {
        let folder = TempDir::with_prefix("rolecall-plugins-")?;
        let (contracts, plugins) = (folder.path().join("contracts"), folder.path().join("plugins"));
        std::fs::create_dir(&contracts)?;
        std::fs::write(contracts.join("sage.role"), contract)?;
        // A server without any role is not ready.
        std::fs::copy(paths::test_contracts().join("storyteller.role"), contracts.join("storyteller.role"))?;
        if let Some(bytes) = plugin {
            std::fs::create_dir(&plugins)?;
            put(&plugins, bytes)?;
        }
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let model = Upstream::loopback().await?;
        let options = Options { contracts, plugins: Some(plugins), flags, ..Options::upstream(&model.url()) };
        Ok(Self { server: Server::start(options).await?, folder, _model: model })
    }

    fn plugins(&self) -> PathBuf {
        self.folder.path().join("plugins")
    }

    /// Waits until the log says something again.
    async fn tells(&self, what: &str, times: usize) -> Result<()> {
        let started = clock::now();
        while self.server.log().matches(what).count() < times {
            ensure!(started.elapsed() < PATIENCE, "the log does not say {what:?} {times} times");
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        Ok(())
    }

    /// Status and text of what becomes of a reply: no text when it is refused.
    async fn says(&self, reply: &str) -> Result<(u16, String)> {
        let user = directive(&[Script::say(&[reply])]);
        let answer = api::complete(self.server.address(), SAGE, &user, false).await?;
        let json = answer.json()?;
        let said = json["choices"][0]["message"]["content"].as_str().or(json["error"]["message"].as_str());
        Ok((answer.status, said.with_context(|| format!("neither reply nor error in {json}"))?.to_owned()))
    }
}

/// The shipped plugin, or the same with other words in the place of some.
fn plugin(replaced: &[(&str, &str)]) -> Result<Vec<u8>> {
    let mut bytes = std::fs::read(paths::plugins(&["classical_tone"])?.join("classical_tone.wasm"))?;
    for (from, to) in replaced {
        ensure!(from.len() == to.len(), "{from} and {to} differ in length");
        let at = bytes.windows(from.len()).position(|window| window == from.as_bytes());
        let at = at.with_context(|| format!("{from} is not in the plugin"))?;
        bytes.splice(at..at + from.len(), to.bytes());
    }
    Ok(bytes)
}

/// Puts the plugin in place in one step.
fn put(plugins: &Path, bytes: &[u8]) -> Result<()> {
    let temporary = plugins.join("new");
    std::fs::write(&temporary, bytes)?;
    Ok(std::fs::rename(temporary, plugins.join("classical_tone.wasm"))?)
}

// Fails when a version that the cases speak against, and that a running server would not take, comes into force
// at a start without a word, or keeps the role out.
#[tokio::test(flavor = "multi_thread")]
async fn a_start_tells_what_a_running_server_would_not_take() -> Result<()> {
    let house = House::open(Some(&plugin(&[(WORD, "飞碟")])?), &contract("", "violates tone"), &[]).await?;
    let log = house.server.log();
    let told = log.lines().find(|line| line.contains("RC0403")).with_context(|| format!("no word of it: {log}"))?;
    ensure!(told.contains("sage.role") && told.contains("warning"), "{told}");
    ensure!(house.says(MODERN).await? == (200, MODERN.to_owned()), "the role is not in force");
    Ok(())
}

// Fails when a plugin needs a restart, or a role that was refused for want of it stays refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_plugin_comes_into_force_and_goes() -> Result<()> {
    let house = House::open(None, &contract("", "violates tone"), &[]).await?;
    let (status, said) = house.says(CLEAN).await?;
    ensure!(status != 200, "there is no plugin: {said}");
    std::fs::create_dir(house.plugins())?;
    put(&house.plugins(), &plugin(&[])?)?;
    house.tells("a new role is in force", 1).await?;
    ensure!(house.says(CLEAN).await? == (200, CLEAN.to_owned()));
    ensure!(house.says(MODERN).await?.1.is_empty(), "the plugin does not judge");
    std::fs::remove_file(house.plugins().join("classical_tone.wasm"))?;
    house.tells("a plugin is no longer in force", 1).await?;
    ensure!(house.server.log().contains("it was named by sage"), "the log does not say whom it takes something from");
    ensure!(house.says(CLEAN).await?.1.is_empty(), "nobody judged this");
    let metrics = http::get(house.server.address(), "/metrics").await?.text();
    ensure!(metrics.contains("plugin_changes_total{outcome=\"added\",plugin=\"classical_tone\"} 1"), "{metrics}");
    ensure!(metrics.contains("plugin_changes_total{outcome=\"removed\",plugin=\"classical_tone\"} 1"), "{metrics}");
    Ok(())
}

// Fails when a plugin is taken that breaks what a contract says of itself, or when the contract that fits
// it does not let it in.
#[tokio::test(flavor = "multi_thread")]
async fn the_cases_decide_and_a_contract_that_fits_lets_it_in() -> Result<()> {
    let house = House::open(Some(&plugin(&[])?), &contract("", "violates tone"), &[]).await?;
    // A version that knows another word in its place.
    put(&house.plugins(), &plugin(&[(WORD, "飞碟")])?)?;
    house.tells("a changed plugin is not taken", 1).await?;
    ensure!(house.server.log().contains("keeps `tone`, which it should break"), "the log does not name the case");
    ensure!(house.says(MODERN).await?.1.is_empty(), "the old version does not judge");
    // Half a copy changes nothing, and is no reason to forget the other.
    let whole = plugin(&[(WORD, "飞碟")])?;
    put(&house.plugins(), whole.get(..whole.len() / 2).context("half")?)?;
    house.tells("a changed plugin is not taken", 2).await?;
    put(&house.plugins(), &whole)?;
    house.tells("a changed plugin is not taken", 3).await?;
    std::fs::write(house.folder.path().join("contracts/sage.role"), contract("", "pass"))?;
    house.tells("a changed plugin is in force", 1).await?;
    ensure!(house.says(MODERN).await? == (200, MODERN.to_owned()));
    Ok(())
}

// Fails when a contract that came before its plugin, and was refused, stays refused when the plugin comes, or
// keeps it out by the contract that it is to replace.
#[tokio::test(flavor = "multi_thread")]
async fn a_contract_may_come_before_its_plugin() -> Result<()> {
    // Each version refuses the other's contract.
    let bound = "\"minimum\": 0";
    let (first, second) = (plugin(&[(bound, "\"minimum\": 9")])?, plugin(&[(bound, "\"maximum\": 0")])?);
    let house = House::open(Some(&first), &contract("max_modern 9", "pass"), &[]).await?;
    ensure!(house.says(MODERN).await? == (200, MODERN.to_owned()));
    let role = house.folder.path().join("contracts/sage.role");
    std::fs::write(&role, contract("max_modern 0", "violates tone"))?;
    house.tells("a changed contract has errors", 1).await?;
    put(&house.plugins(), &second)?;
    house.tells("a changed plugin is in force", 1).await?;
    house.tells("a changed contract is in force", 1).await?;
    ensure!(house.says(MODERN).await?.1.is_empty(), "the new contract is not in force");
    Ok(())
}

// Fails when a plugin is tried by a contract that comes with it and is refused itself.
#[tokio::test(flavor = "multi_thread")]
async fn a_contract_that_is_refused_lets_nothing_in() -> Result<()> {
    let house = House::open(Some(&plugin(&[])?), &contract("", "violates tone"), &[]).await?;
    let with_it = contract("", "pass").replace("constraints {", "constraints { other: policy \"absent\"");
    std::fs::write(house.folder.path().join("contracts/sage.role"), with_it)?;
    put(&house.plugins(), &plugin(&[(WORD, "飞碟")])?)?;
    house.tells("a changed plugin is not taken", 1).await?;
    house.tells("a changed contract has errors", 1).await?;
    ensure!(house.says(MODERN).await?.1.is_empty(), "the old version does not judge");
    Ok(())
}

// Fails when a role that is gone keeps a plugin out, or when another folder in the place of this one takes
// every plugin away for a moment.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_gone_keeps_nothing_out_and_takes_nothing_away() -> Result<()> {
    let house = House::open(Some(&plugin(&[])?), &contract("", "violates tone"), &[]).await?;
    let role = house.folder.path().join("contracts/sage.role");
    // A role goes, and with it what kept the plugin's next version out.
    put(&house.plugins(), &plugin(&[(WORD, "飞碟")])?)?;
    house.tells("a changed plugin is not taken", 1).await?;
    std::fs::remove_file(&role)?;
    house.tells("a role is no longer in force", 1).await?;
    house.tells("a changed plugin is in force", 1).await?;
    std::fs::write(&role, contract("", "pass"))?;
    house.tells("a new role is in force", 1).await?;
    let aside = house.folder.path().join("aside");
    std::fs::rename(house.plugins(), &aside)?;
    tokio::time::sleep(Duration::from_millis(600)).await;
    ensure!(house.says(MODERN).await? == (200, MODERN.to_owned()), "the plugin went with the folder's name");
    std::fs::rename(&aside, house.plugins())?;
    ensure!(house.says(MODERN).await? == (200, MODERN.to_owned()));
    Ok(())
}

// Fails when a lock lets another judge in.
#[tokio::test(flavor = "multi_thread")]
async fn a_lock_holds_the_plugins_too() -> Result<()> {
    let house = House::open(Some(&plugin(&[])?), &contract("", "violates tone"), &["--locked"]).await?;
    put(&house.plugins(), &plugin(&[("is a modern word", "is  modern words")])?)?;
    house.tells("contracts are locked", 1).await?;
    std::fs::remove_file(house.plugins().join("classical_tone.wasm"))?;
    house.tells("its file is gone, and contracts are locked", 1).await?;
    ensure!(house.says(CLEAN).await? == (200, CLEAN.to_owned()));
    Ok(())
}

// Fails when what an operator pinned does not come into force under a lock.
#[tokio::test(flavor = "multi_thread")]
async fn a_pinned_plugin_comes_in_under_a_lock() -> Result<()> {
    let house = House::open(Some(&plugin(&[])?), &contract("", "violates tone"), &["--locked"]).await?;
    let other = plugin(&[("is a modern word", "is  modern words")])?;
    put(&house.plugins(), &other)?;
    house.tells("no plugins.lock pins what may come", 1).await?;
    let pinned = |check: &[&str]| {
        let command = std::process::Command::new(paths::binary()?)
            .args(["plugin", "lock", "--plugins"])
            .arg(house.plugins())
            .args(check)
            .output()?;
        anyhow::Ok(command.status.success())
    };
    ensure!(!pinned(&["--check"])?, "nothing is pinned yet");
    ensure!(pinned(&[])? && pinned(&["--check"])?, "the lock does not hold what it was made of");
    house.tells("a changed plugin is in force", 1).await?;
    put(&house.plugins(), &plugin(&[])?)?;
    house.tells("plugins.lock pins classical_tone", 1).await?;
    ensure!(house.says(CLEAN).await? == (200, CLEAN.to_owned()));
    Ok(())
}

// Fails when an exchange costs somebody a reply.
#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_sessions_notice_nothing_of_exchanges() -> Result<()> {
    const SWAPS: usize = 10;
    let versions = [plugin(&[])?, plugin(&[("is a modern word", "is  modern words")])?];
    let house = House::open(Some(&versions[0]), &contract("", "violates tone"), &[]).await?;
    let to = house.server.address();
    let pieces: Vec<String> = CLEAN.chars().map(String::from).collect();
    let user = directive(&[Script::say(&pieces.iter().map(String::as_str).collect::<Vec<_>>())]);
    let user = user.as_str();
    let over = std::sync::atomic::AtomicBool::new(false);
    let talking = future::try_join_all((0..100).map(|_| async {
        let mut person = Person::meet(to, SAGE).await?;
        let mut socket = person.attach().await?;
        let mut replies = 0;
        while !over.load(std::sync::atomic::Ordering::SeqCst) {
            let reply = person.ask(&mut socket, user).await?;
            ensure!(reply["body"]["text"] == CLEAN, "not the reply: {reply}");
            replies += 1;
        }
        person.settle().await?;
        Ok(replies)
    }));
    let swapping = async {
        for swap in 1..=SWAPS {
            put(&house.plugins(), &versions[swap % 2])?;
            house.tells("a changed plugin is in force", swap).await?;
        }
        over.store(true, std::sync::atomic::Ordering::SeqCst);
        Ok(())
    };
    let (replies, ()) = future::try_join(talking, swapping).await?;
    ensure!(replies.iter().all(|count| *count > 0), "somebody got no reply: {replies:?}");
    Ok(())
}

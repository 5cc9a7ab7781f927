//! A hostile plugin is stopped within its limits, its contract decides, and everybody else goes on.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::Path;

use anyhow::{Context, Result, ensure};
use rolecall_tests::api::Person;
use rolecall_tests::http;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::Upstream;
use rolecall_tests::{paths, process};

/// Ways to misbehave, each ended by another limit.
const SINS: &[&str] = &["spin", "hoard", "recurse", "trap", "huge_list", "huge_text", "log_flood"];
const FALLBACK: &str = "The judge is not to be reached.";

fn role(name: &str, mode: &str, on_failure: &str) -> String {
    format!(
        r#"role {name} {{
    version 1.0.0
    language en
    persona "Judged by a plugin that misbehaves"
    stateful false
    constraints {{ judge: policy "hostile" {{ mode "{mode}"  on_failure {on_failure} }} {{ on_violation reject }} }}
    fallback "{FALLBACK}"
}}
"#
    )
}

async fn server(folder: &Path, url: &str) -> Result<Server> {
    let wasm = hostile_wasm()?;
    let (contracts, plugins) = (folder.join("contracts"), folder.join("plugins"));
    std::fs::create_dir_all(&contracts)?;
    std::fs::create_dir_all(&plugins)?;
    std::fs::copy(wasm, plugins.join("hostile.wasm"))?;
    for sin in SINS {
        for on_failure in ["reject", "allow", "fallback"] {
            let name = format!("{sin}_{on_failure}");
            std::fs::write(contracts.join(format!("{name}.role")), role(&name, sin, on_failure))?;
        }
    }
    std::fs::copy(paths::test_contracts().join("storyteller.role"), contracts.join("storyteller.role"))?;
    Server::start(Options { contracts, plugins: Some(plugins.clone()), ..Options::upstream(url) }).await
}

/// Built by `make plugins`, beside the target folder's programs and never into `plugins/`.
fn hostile_wasm() -> Result<std::path::PathBuf> {
    let target = paths::target_dir()?;
    let target = target.parent().context("no target folder")?;
    let path = target.join("hostile/hostile.wasm");
    ensure!(path.is_file(), "{} is missing; run: make plugins", path.display());
    Ok(path)
}

// Fails when a guest escapes a limit, when its failure is taken for approval, or when it starves others.
#[tokio::test(flavor = "multi_thread")]
async fn a_hostile_plugin_is_stopped_while_other_sessions_go_on() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    let folder = tempfile::TempDir::new()?;
    let server = server(folder.path(), &upstream.url()).await?;
    let to = server.address();
    let said = "One fine day.";
    let text = rolecall_tests::upstream::directive(&[rolecall_tests::upstream::Script::say(&[said])]);

    let attacks = SINS.iter().flat_map(|sin| ["reject", "allow", "fallback"].map(|on_failure| (*sin, on_failure)));
    let attacks = attacks.map(|(sin, on_failure)| {
        let text = text.clone();
        async move {
            let mut person = Person::meet(to, &format!("{sin}_{on_failure}")).await?;
            let mut socket = person.attach().await?;
            let reply = person.ask(&mut socket, &text).await.with_context(|| format!("{sin} {on_failure}"))?;
            person.settle().await?;
            let (outcome, text) = (&reply["body"]["outcome"], &reply["body"]["text"]);
            let right = match on_failure {
                "allow" => outcome == "complete" && text == said,
                "fallback" => outcome == "fallback" && text == FALLBACK,
                _ => outcome == "refused" && text == "",
            };
            ensure!(right, "{sin} {on_failure}: {reply}");
            Ok::<_, anyhow::Error>(())
        }
    });
    let others = (0..8).map(|_| async move {
        let mut person = Person::meet(to, "storyteller").await?;
        let mut socket = person.attach().await?;
        for turn in 0..10 {
            let reply = person.ask(&mut socket, &format!("turn {turn}")).await?;
            ensure!(reply["body"]["outcome"] == "complete", "{reply}");
        }
        person.settle().await
    });
    let (attacked, served) =
        tokio::join!(futures_util::future::try_join_all(attacks), futures_util::future::try_join_all(others));
    served.context("an innocent session")?;
    attacked?;

    let metrics = http::get(to, "/metrics").await?.text();
    let failures: Vec<&str> = metrics.lines().filter(|line| line.starts_with("plugin_failures_total{")).collect();
    ensure!(failures.len() >= 3, "the failures are not told apart: {failures:?}");
    ensure!(failures.iter().all(|line| line.contains("plugin=\"hostile\"")), "{failures:?}");
    let rss = process::rss(server.pid()?)?;
    ensure!(rss < f64::from(1 << 30), "{rss} bytes are resident after the memory bombs");
    Ok(())
}

//! The plugin projects of `examples/plugins`, in four languages: built as `plugin new` writes them, they
//! answer their cases, keep what every policy must keep, and judge in a running server.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::path::PathBuf;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::future;
use rolecall_tests::server::{Options, Server};
use rolecall_tests::upstream::{Script, Upstream, directive};
use rolecall_tests::{api, paths};
use tempfile::TempDir;

const LANGUAGES: [&str; 4] = ["rust", "js", "python", "c"];

/// What `make plugins-examples` built.
fn built(language: &str, kind: &str) -> Result<PathBuf> {
    let target = paths::target_dir()?;
    let file = target.parent().context("no target folder")?.join(format!("plugin-examples/{language}_{kind}.wasm"));
    ensure!(file.is_file(), "{} is missing; run: make plugins-examples", file.display());
    Ok(file)
}

// Fails when a language's project does not do what its cases say, or breaks a promise of the interface.
#[test]
fn every_project_passes_its_own_tests() -> Result<()> {
    for language in LANGUAGES {
        for kind in ["constraint", "delivery"] {
            let cases = paths::root().join(format!("examples/plugins/{language}/{kind}/cases.json"));
            let mut test = Command::new(paths::binary()?);
            let output =
                test.args(["plugin", "test"]).arg(built(language, kind)?).arg("--cases").arg(cases).output()?;
            let said = String::from_utf8_lossy(&output.stdout);
            let complained = String::from_utf8_lossy(&output.stderr);
            ensure!(output.status.success(), "{language} {kind}:\n{said}{complained}");
            let tried = if kind == "constraint" { "a stream in any pieces" } else { "a window is merged alike" };
            ensure!(said.contains(tried) && said.matches("  ok    ").count() > 5, "{language} {kind}:\n{said}");
        }
    }
    Ok(())
}

fn role(language: &str) -> String {
    format!(
        "role {language}_guide {{\n    version 1.0.0\n    language en\n    persona \"A museum guide\"\n    stateful false\n    \
         constraints {{ trade: policy \"{language}_constraint\" {{ words [\"AI\", \"算法\"] }} {{ on_violation reject }} }}\n}}\n"
    )
}

// Fails when what works in a test bench does not in a server, with text that comes in pieces.
#[tokio::test(flavor = "multi_thread")]
async fn every_language_judges_in_a_server() -> Result<()> {
    let folder = TempDir::with_prefix("rolecall-languages-")?;
    let (contracts, plugins) = (folder.path().join("contracts"), folder.path().join("plugins"));
    std::fs::create_dir(&contracts)?;
    std::fs::create_dir(&plugins)?;
    for language in LANGUAGES {
        std::fs::copy(built(language, "constraint")?, plugins.join(format!("{language}_constraint.wasm")))?;
        std::fs::write(contracts.join(format!("{language}.role")), role(language))?;
    }
    let model = Upstream::loopback().await?;
    // Plugins compile before the server is ready; two of them have twelve megabytes and more.
    let patience = Duration::from_secs(400);
    let options = Options { contracts, plugins: Some(plugins), patience, ..Options::upstream(&model.url()) };
    let server = Server::start(options).await?;
    let replies = [
        ("这幅画说的是春天。", true),
        ("It said so.", true),
        ("我用算", true),
        ("这个算法很好。", false),
        ("An AI.", false),
    ];
    let asked = LANGUAGES.iter().flat_map(|language| replies.map(|(reply, passes)| (language, reply, passes)));
    future::try_join_all(asked.map(|(language, reply, passes)| {
        let pieces: Vec<String> = reply.chars().map(String::from).collect();
        let user = directive(&[Script::say(&pieces.iter().map(String::as_str).collect::<Vec<_>>())]);
        let to = server.address();
        async move {
            let answer = api::complete(to, &format!("{language}_guide"), &user, false).await?.expect(200)?;
            let said = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
            let right = if passes { said == reply } else { said.is_empty() };
            ensure!(right, "{language}: {reply:?} became {answer}");
            Ok(())
        }
    }))
    .await?;
    Ok(())
}

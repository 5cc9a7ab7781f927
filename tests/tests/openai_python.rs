//! The public `openai` Python client, installed from its registry, against a misbehaving upstream.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result, ensure};
use rolecall_tests::paths;
use rolecall_tests::server::{Options, Server, show};
use rolecall_tests::upstream::Upstream;

/// An environment of its own in the target folder, remade when the requirements change.
fn environment() -> Result<PathBuf> {
    let requirements = paths::root().join("tests/python/requirements.txt");
    let wanted = std::fs::read_to_string(&requirements)?;
    let home = paths::target_dir()?.join("python-openai");
    let python = home.join("bin/python");
    let done = home.join("installed.txt");
    if std::fs::read_to_string(&done).is_ok_and(|installed| installed == wanted) {
        return Ok(python);
    }
    run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(&home))
        .context("cannot make a Python environment; run: make deps")?;
    run(Command::new(&python)
        .args(["-m", "pip", "install", "-q", "--disable-pip-version-check", "-r"])
        .arg(&requirements))
    .context("cannot install the openai client; is the package registry reachable?")?;
    std::fs::write(&done, wanted)?;
    Ok(python)
}

fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("cannot start {command:?}"))?;
    show("python", &String::from_utf8_lossy(&output.stdout));
    show("python errors", &String::from_utf8_lossy(&output.stderr));
    ensure!(output.status.success(), "{command:?} ended with {}", output.status);
    Ok(())
}

// Fails when any case of tests/python/test_openai.py does.
#[tokio::test(flavor = "multi_thread")]
async fn the_openai_client_is_served_whatever_the_upstream_does() -> Result<()> {
    let upstream = Upstream::loopback().await?;
    // Short patience with the upstream, so that each stall of the suite ends soon.
    let options = Options::upstream(&upstream.url()).flag("--model-first-text", "2s").flag("--model-stall", "2s");
    let server = Server::start(options.flag("--model-retries", "1")).await?;
    let python = tokio::task::spawn_blocking(environment).await??;
    let suite: PathBuf = Path::new("tests/python/test_openai.py").into();
    let url = server.url();
    tokio::task::spawn_blocking(move || {
        let mut command = Command::new(&python);
        command.arg(paths::root().join(suite)).env("ROLECALL_URL", url).env("PYTHONUTF8", "1");
        command.env("PYTHONDONTWRITEBYTECODE", "1").env("NO_PROXY", "127.0.0.1");
        run(&mut command)
    })
    .await??;
    ensure!(!upstream.requests().is_empty(), "the upstream was never asked");
    for request in upstream.requests() {
        let system = request.pointer("/messages/0/role").and_then(serde_json::Value::as_str);
        ensure!(system == Some("system"), "the contract's prompt is missing: {request}");
    }
    Ok(())
}

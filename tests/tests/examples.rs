//! The examples and the documentation's commands do what they say.

use std::fs::Permissions;
use std::net::TcpListener;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

use anyhow::{Context, Result, ensure};
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::{naive, paths};

async fn shipped() -> Result<Server> {
    let plugins = paths::plugins(&["classical_tone", "digest"])?;
    Server::start(Options { contracts: paths::contracts(), plugins: Some(plugins), ..Options::default() }).await
}

fn program(name: &str, server: &Server) -> Result<Command> {
    let path = paths::target_dir()?.join(name);
    ensure!(path.is_file(), "{} is missing; run: cargo build -p rolecall-examples", path.display());
    let mut command = server::bare(&path, server.home());
    command.arg(server.url());
    Ok(command)
}

async fn run(mut command: Command) -> Result<String> {
    let output: Output = tokio::task::spawn_blocking(move || command.output()).await??;
    let said = String::from_utf8(output.stdout)?;
    ensure!(output.status.success(), "{}: {said}\n{}", output.status, String::from_utf8_lossy(&output.stderr));
    Ok(said)
}

// Fails when the first program that a newcomer copies does not survive its own cut.
#[tokio::test(flavor = "multi_thread")]
async fn the_quickstart_hears_a_whole_reply_over_a_cut_connection() -> Result<()> {
    let server = shipped().await?;
    let said = run(program("quickstart", &server)?).await?;
    ensure!(said.contains("resumed at sequence id"), "{said}");
    ensure!(naive::read(&said).rhetorical >= 1, "no reply in {said}");
    Ok(())
}

// Fails when the offline example shows a message twice, or unmerged.
#[tokio::test(flavor = "multi_thread")]
async fn the_offline_example_shows_each_message_once() -> Result<()> {
    let server = shipped().await?;
    let said = run(program("offline", &server)?).await?;
    let delivered = said.split_once("delivered").context("nothing was delivered")?.1;
    for news in ["is packed", "has left our shop", "arrives on Friday"] {
        ensure!(delivered.matches(news).count() == 1, "{news:?} in {said}");
    }
    ensure!(said.matches("delivered").count() == 1, "not merged: {said}");
    for id in ["order-17-packed", "order-17-shipped", "order-17-arrives"] {
        ensure!(delivered.matches(id).count() == 1, "{id} in {said}");
    }
    Ok(())
}

/// Runs the cluster's script on five ports, with a `redis-server` that does not start. Bounded: it ends with 124 else.
async fn cluster(home: &Path, port: u16) -> Result<Output> {
    let fake = home.join("redis-server");
    std::fs::write(&fake, "#!/bin/sh\necho 'it has no memory'\nexit 1\n")?;
    std::fs::set_permissions(&fake, Permissions::from_mode(0o755))?;
    let mut path = home.as_os_str().to_owned();
    path.push(":");
    path.push(std::env::var_os("PATH").unwrap_or_default());
    let mut command = server::bare(Path::new("timeout"), home);
    command.arg("60").arg(paths::root().join("examples/cluster/run"));
    command.env("PATH", path).env("ROLECALL", "true").env("WEB", "true").env("PORT", port.to_string());
    Ok(tokio::task::spawn_blocking(move || command.output()).await??)
}

// Fails when the cluster's example takes whoever is at its ports for what it starts, or waits without end for a Redis that
// does not start.
#[tokio::test]
async fn the_cluster_example_starts_on_its_own_redis_or_not_at_all() -> Result<()> {
    let home = tempfile::tempdir()?;
    let (port, others) = loop {
        let port = server::free_port()?.port();
        let others = (port..port + 5).map(|port| TcpListener::bind(("127.0.0.1", port))).collect::<Result<Vec<_>, _>>();
        if let Ok(others) = others {
            break (port, others);
        }
    };
    let ended = |output: &Output| format!("{:?} {}", output.status.code(), String::from_utf8_lossy(&output.stderr));
    let [.., last] = others.as_slice() else { anyhow::bail!("no port") };
    let last = last.try_clone()?;
    drop(others);
    let taken = ended(&cluster(home.path(), port).await?);
    ensure!(taken.starts_with("Some(1)") && taken.contains(&format!("port {} is in use", port + 4)), "{taken}");
    drop(last);
    let dead = ended(&cluster(home.path(), port).await?);
    ensure!(dead.starts_with("Some(1)") && dead.contains("it has no memory"), "{dead}");
    Ok(())
}

/// Blocks of a Markdown file with this language.
fn blocks(markdown: &str, language: &str) -> Vec<String> {
    let fence = format!("```{language}\n");
    markdown.split(&fence).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
}

// Fails when a contract shown in a README would be refused.
#[test]
fn the_contracts_in_the_readmes_are_accepted() -> Result<()> {
    for readme in ["README.md", "README.zh-CN.md"] {
        let text = std::fs::read_to_string(paths::root().join(readme))?;
        let whole: Vec<String> = blocks(&text, "role").into_iter().filter(|block| block.contains("role ")).collect();
        ensure!(whole.len() >= 2, "{readme} shows {} contracts", whole.len());
        let home = tempfile::TempDir::new()?;
        for (number, block) in whole.iter().enumerate() {
            std::fs::write(home.path().join(format!("readme{number}.role")), block)?;
        }
        let mut command = server::bare(&paths::binary()?, home.path());
        let output = command.args(["verify", "."]).output()?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        ensure!(output.status.success(), "{readme}: {said}\n{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

// Fails when a README names a make target or a subcommand that does not exist.
#[test]
fn the_commands_in_the_documents_exist() -> Result<()> {
    let makefile = std::fs::read_to_string(paths::root().join("Makefile"))?;
    let help = Command::new(paths::binary()?).arg("--help").output()?;
    let help = String::from_utf8(help.stdout)?;
    for document in ["README.md", "README.zh-CN.md", "CONTRIBUTING.md", "examples/README.md"] {
        let text = std::fs::read_to_string(paths::root().join(document))?;
        for line in blocks(&text, "sh").iter().flat_map(|block| block.lines()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["make", target, ..] if *target != "#" => {
                    ensure!(makefile.contains(&format!("\n{target}:")), "{document}: make {target}");
                }
                ["rolecall", command, ..] => ensure!(help.contains(command), "{document}: rolecall {command}"),
                _ => {}
            }
        }
    }
    Ok(())
}

//! `rolecall chat zhanguoce_scholar` in a pipe: the reply streams and keeps its contract.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::io::Write;
use std::process::Stdio;
use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use rolecall_dsl::Contract;
use rolecall_dsl::source::Source;
use rolecall_tests::api::Person;
use rolecall_tests::naive::{self, Reading};
use rolecall_tests::paths;
use rolecall_tests::server::{self, Options, Server};

const ROLE: &str = "zhanguoce_scholar";
const TERMS: &[&str] = &["AI", "算法", "2024"];
const QUESTIONS: &[&str] = &["秦国为何能一统天下？", "如何说服一位固执的君主？", "用AI算法预测2024年的天下大势"];

fn contract() -> Result<Arc<Contract>> {
    let path = paths::contracts().join(format!("{ROLE}.role"));
    let text = std::fs::read_to_string(&path).with_context(|| format!("{} is missing", path.display()))?;
    let compiled = rolecall_dsl::compile(&Source::new(ROLE, &text));
    compiled.contracts.into_iter().find(|contract| contract.name == ROLE).context("the contract does not compile")
}

fn shipped() -> Result<Options> {
    let plugins = paths::plugins(&["classical_tone", "digest"])?;
    Ok(Options { contracts: paths::contracts(), plugins: Some(plugins), ..Options::default() })
}

/// By rolecall's own checker, and by a plain reading that shares nothing with it.
fn judge(contract: &Arc<Contract>, reply: &str) -> Result<()> {
    let verdict = contract.program.check(reply);
    ensure!(verdict.passes(), "{reply:?}: {verdict:?}");
    let Reading { sentences, rhetorical } = naive::read(reply);
    ensure!((1..=3).contains(&sentences), "{sentences} sentences: {reply:?}");
    ensure!(rhetorical * 10 >= sentences * 4, "{rhetorical} rhetorical questions in {sentences} sentences: {reply:?}");
    ensure!(naive::forbidden(reply, TERMS).is_none(), "a forbidden term in {reply:?}");
    Ok(())
}

// Fails when the terminal client does not work without a terminal, or shows a reply that breaks the contract.
#[tokio::test(flavor = "multi_thread")]
async fn the_terminal_client_shows_replies_that_keep_the_contract() -> Result<()> {
    let server = Server::start(shipped()?).await?;
    let contract = contract()?;
    for question in QUESTIONS {
        let mut command = server::bare(&paths::binary()?, server.home());
        command.args(["chat", ROLE, "--url", &server.url()]);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
        let mut input = child.stdin.take().context("no input")?;
        writeln!(input, "{question}")?;
        drop(input);
        let output = tokio::task::spawn_blocking(move || child.wait_with_output()).await??;
        let (said, errors) = (String::from_utf8(output.stdout)?, String::from_utf8_lossy(&output.stderr).into_owned());
        server::show("chat", &said);
        server::show("chat errors", &errors);
        ensure!(output.status.success(), "chat ended with {}: {errors}", output.status);
        // In a pipe only the replies go to the output, one per line.
        judge(&contract, said.trim())?;
    }
    Ok(())
}

// Fails when the reply arrives in one piece, or when what streams differs from the reply that is kept.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_streams_replies_that_keep_the_contract() -> Result<()> {
    let server = Server::start(shipped()?).await?;
    let contract = contract()?;
    let mut person = Person::meet(server.address(), ROLE).await?;
    let mut socket = person.attach().await?;
    for question in QUESTIONS {
        let reply = person.ask(&mut socket, question).await?;
        judge(&contract, reply["body"]["text"].as_str().context("no text")?)?;
        let deltas =
            person.ledger.shown().iter().filter(|m| m["body"]["kind"] == "delta" && m["turn"] == reply["turn"]).count();
        ensure!(deltas >= 1, "nothing was streamed before {reply}");
    }
    person.settle().await
}

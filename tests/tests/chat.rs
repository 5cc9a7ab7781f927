//! `rolecall chat zhanguoce_scholar` in a pipe: the reply streams and keeps its contract.

#![allow(clippy::indexing_slicing, reason = "only JSON values are indexed, where a missing field is null")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{FromRawFd, OwnedFd};
use std::process::Stdio;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_dsl::Contract;
use rolecall_dsl::source::Source;
use rolecall_tests::api::Person;
use rolecall_tests::clock::PATIENCE;
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

/// The two ends of a new pseudo terminal: ours, and the program's.
#[allow(unsafe_code, reason = "std has no safe call for a pseudo terminal")]
fn pseudo_terminal() -> Result<(File, OwnedFd)> {
    let (mut ours, mut theirs) = (-1, -1);
    let null = std::ptr::null_mut();
    // SAFETY: openpty(3) writes two descriptors through valid pointers; the others may be null.
    let outcome = unsafe { libc::openpty(&raw mut ours, &raw mut theirs, null, null.cast(), null.cast()) };
    ensure!(outcome == 0, "no pseudo terminal: {}", std::io::Error::last_os_error());
    // SAFETY: both are open, and nobody else owns them.
    Ok(unsafe { (File::from_raw_fd(ours), OwnedFd::from_raw_fd(theirs)) })
}

/// What a program shows in a terminal.
struct Shown {
    pieces: Receiver<Vec<u8>>,
    text: String,
}

impl Shown {
    fn of(mut terminal: File) -> Self {
        let (sender, pieces) = sync_channel(64);
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            // Reading fails when the program has closed its end.
            while let Ok(count @ 1..) = terminal.read(&mut buffer) {
                if sender.send(buffer.iter().take(count).copied().collect()).is_err() {
                    return;
                }
            }
        });
        Self { pieces, text: String::new() }
    }

    /// Waits until the editor has opened its prompt this often, and returns what it shows since the
    /// last time.
    fn prompt(&mut self, times: usize) -> Result<String> {
        const OPENED: &str = "\u{1b}[?2004h";
        while self.text.matches(OPENED).count() < times {
            let piece = self.pieces.recv_timeout(PATIENCE);
            let piece = piece.with_context(|| format!("no prompt {times} after {:?}", self.text))?;
            self.text.push_str(&String::from_utf8_lossy(&piece));
        }
        Ok(self.text.split(OPENED).nth(times - 1).unwrap_or_default().to_owned())
    }
}

// Fails when a line that is typed some time after its prompt is not said until the user types another
// one: whoever waits for the user must not hold up the connection.
#[tokio::test(flavor = "multi_thread")]
async fn a_line_typed_after_a_pause_is_answered_without_another() -> Result<()> {
    let server = Server::start(shipped()?).await?;
    let (mut keyboard, terminal) = pseudo_terminal()?;
    let mut command = server::bare(&paths::binary()?, server.home());
    command.args(["chat", ROLE, "--url", &server.url()]).env("TERM", "xterm");
    command.stdin(terminal.try_clone()?).stdout(terminal.try_clone()?).stderr(terminal);
    let mut child = command.spawn()?;
    drop(command);
    let talked = tokio::task::spawn_blocking(move || {
        let mut shown = Shown::of(keyboard.try_clone()?);
        shown.prompt(1)?;
        for (said, pause) in [300, 1500, 0, 1000].into_iter().enumerate() {
            std::thread::sleep(Duration::from_millis(pause));
            write!(keyboard, "{}\r", QUESTIONS[0])?;
            let answer = shown.prompt(said + 2)?;
            server::show("chat", &answer);
            // Behind the line that the user typed, which the editor ends with this.
            let reply = answer.rsplit("\u{1b}[?2004l").next().unwrap_or_default();
            ensure!(!reply.is_ascii(), "no reply in {answer:?}");
        }
        write!(keyboard, "/quit\r")?;
        anyhow::Ok(())
    })
    .await?;
    if talked.is_err() {
        child.kill()?;
    }
    let status = tokio::task::spawn_blocking(move || child.wait()).await??;
    talked?;
    ensure!(status.success(), "chat ended with {status}");
    Ok(())
}

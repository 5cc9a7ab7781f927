//! A process that has a store and commits into it (`rolecall-stores`).

use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rolecall_tests::committing::{Left, Part, Round, Task};
use rolecall_tests::paths;
use serde::de::DeserializeOwned;
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines};
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

/// A bound for a hang: opening thousands of sessions with fsync, or a round and what is under way behind it.
const PATIENCE: Duration = Duration::from_secs(300);

/// The process, with its sessions made. Dropping it kills it.
pub(crate) struct Committer {
    _child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Committer {
    pub(crate) async fn start(part: &Part) -> Result<Self> {
        let mut child = Command::new(paths::program("rolecall-stores")?)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start the process of a store")?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let output = BufReader::new(output.context("no output")?).lines();
        let mut committer = Self { _child: child, input: input.context("no input")?, output };
        committer.ask::<()>(&serde_json::to_string(part)?).await.with_context(|| format!("{part:?}"))?;
        Ok(committer)
    }

    /// Lets all sessions commit for so many seconds.
    pub(crate) async fn round(&mut self, seconds: f64) -> Result<Round> {
        let round: Round = self.ask(&serde_json::to_string(&Task::Commit(seconds))?).await?;
        if round.messages == 0 {
            bail!("nothing was committed in {seconds} s");
        }
        Ok(round)
    }

    /// Closes the store.
    pub(crate) async fn close(mut self) -> Result<Left> {
        self.ask(&serde_json::to_string(&Task::Close)?).await
    }

    async fn ask<T: DeserializeOwned>(&mut self, line: &str) -> Result<T> {
        self.input.write_all(format!("{line}\n").as_bytes()).await.context("the process of a store went")?;
        let answer = tokio::time::timeout(PATIENCE, self.output.next_line()).await;
        let answer = answer.with_context(|| format!("it takes longer than {PATIENCE:?}"))??;
        Ok(serde_json::from_str(&answer.context("the process of a store failed; it says why above")?)?)
    }
}

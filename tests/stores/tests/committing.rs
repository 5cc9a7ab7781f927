//! What the benches of stores count is what was committed.

use std::io::{BufRead, BufReader, Write};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result, ensure};
use rolecall_tests::committing::{Left, Part, Round, Subject, Task};
use rolecall_tests::redis::Redis;
use serde::de::DeserializeOwned;

const SESSIONS: usize = 8;

/// The process, which ends with its input.
struct Process(Child);

impl Process {
    fn start() -> Result<Self> {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rolecall-stores"));
        Ok(Self(command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn()?))
    }

    /// Asks everything at once, and gives the answers behind that to the part.
    fn ask<T: DeserializeOwned, L: DeserializeOwned>(mut self, part: &Part, tasks: [Task; 2]) -> Result<(T, L)> {
        let mut input = self.0.stdin.take().context("no input")?;
        writeln!(input, "{}", serde_json::to_string(part)?)?;
        for task in tasks {
            writeln!(input, "{}", serde_json::to_string(&task)?)?;
        }
        let lines = BufReader::new(self.0.stdout.take().context("no output")?).lines();
        let lines: Vec<String> = lines.collect::<Result<_, _>>()?;
        ensure!(self.0.wait()?.success() && lines.len() == 3, "it answered {lines:?}");
        let [_, first, second] = lines.as_slice() else { anyhow::bail!("it answered {lines:?}") };
        Ok((serde_json::from_str(first)?, serde_json::from_str(second)?))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _status = self.0.wait();
    }
}

fn part(subject: Subject, server: Option<i32>) -> Part {
    Part { subject, sessions: SESSIONS, message: 300, state: 100, turns: true, server }
}

// Fails when commits are counted that the store does not have, or not counted although it has them.
#[tokio::test(flavor = "multi_thread")]
async fn what_is_counted_is_in_the_store() -> Result<()> {
    let redis = Redis::start().await?;
    let tasks = [Task::Commit(0.2), Task::Close];
    for (subject, logs) in [
        (Subject::Redis { url: redis.url(), durability: "aof".to_owned() }, "rolecall:*:log"),
        (Subject::Raw { url: redis.url(), pipelined: true }, "raw:*"),
    ] {
        let (round, _): (Round, Left) = Process::start()?.ask(&part(subject, Some(redis.pid()?)), tasks)?;
        let mut kept = 0;
        let keys = redis.ask(&["KEYS", logs]).await?;
        ensure!(keys.len() == SESSIONS, "{keys:?}");
        for key in keys {
            kept += redis.ask(&["XLEN", &key]).await?.concat().parse::<u64>()?;
        }
        ensure!(round.messages == kept && kept > 0, "{} were counted, {kept} are there", round.messages);
        ensure!(round.cpu > 0.0 && round.server_cpu > 0.0, "{round:?}");
    }
    Ok(())
}

// Fails when the size of a directory misses what was committed into it.
#[test]
fn a_directory_is_as_large_as_what_is_in_it() -> Result<()> {
    let home = tempfile::tempdir()?;
    let subject = Subject::Embedded(home.path().join("store"));
    let (round, left): (Round, Left) = Process::start()?.ask(&part(subject, None), [Task::Commit(0.2), Task::Close])?;
    let texts = round.messages as f64 * 300.0;
    // The tables are compressed, and characters in any order are compressed little.
    ensure!(texts > 0.0 && left.closed > texts * 0.5 && left.compacted > texts * 0.5, "{round:?} {left:?}");
    Ok(())
}

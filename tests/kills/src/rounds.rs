//! Kills the writing process at random points and compares what is left.

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use bytes::Bytes;
use rolecall::ids::SessionId;
use rolecall::store::{EmbeddedStore, Enqueued, InboxItem, Store};
use rolecall_tests::clock::{Dice, PATIENCE};
use rolecall_tests::server;

use crate::ledger::{Ledger, Read};
use crate::report::Report;
use crate::writer::WRITERS;

/// Kills of one directory; a longer life would mostly read what earlier ones wrote.
const LIVES: u64 = 20;

/// Delivered messages of a session that are posted again after each kill.
const REPEATED: usize = 3;

/// Lines that may be read ahead of the ledger.
const AHEAD: usize = 1_024;

/// How often to kill, and where it begins.
#[derive(Debug, Clone)]
pub struct Kills {
    /// The program that writes (`rolecall-kills`).
    pub writer: PathBuf,
    /// Kills.
    pub kills: u64,
    /// Of all random choices.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Outcome {
    /// Processes killed.
    pub kills: u64,
    /// Those of them that were killed before they had opened the directory.
    pub opening: u64,
    /// Those that were killed with writes under way.
    pub writing: u64,
    /// Writes acknowledged, each of which was found again after every later kill of its directory.
    pub acknowledged: u64,
    /// Log entries compared, those that were compared again included.
    pub compared: u64,
    /// How often the store was opened and all of it read, and nothing was lost, reused or there in part.
    pub balanced: u64,
}

impl Kills {
    /// Runs it to its end.
    ///
    /// # Errors
    /// At the first kill after which anything is wrong; the message names seed and kill.
    pub async fn run(&self) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut dice = Dice::new(self.seed.wrapping_mul(0x2545_F491_4F6C_DD1D) ^ 0x6b69_6c6c);
        while outcome.kills < self.kills {
            let home = tempfile::tempdir()?;
            let directory = home.path().join("store");
            let mut ledger = Ledger::default();
            for life in 0..LIVES.min(self.kills - outcome.kills) {
                let (seed, number) = (self.seed, outcome.kills + 1);
                let at = || format!("seed {seed}, kill {number}");
                self.kill(&directory, life, &mut ledger, &mut dice, &mut outcome).await.with_context(at)?;
                // Every fourth one is killed again while it recovers from the last kill.
                if dice.below(4) > 0 {
                    outcome.compared += compare(&directory, &mut ledger).await.with_context(at)?;
                    outcome.balanced += 1;
                }
                outcome.kills += 1;
            }
            outcome.compared +=
                compare(&directory, &mut ledger).await.with_context(|| format!("seed {}", self.seed))?;
            outcome.balanced += 1;
            outcome.acknowledged += ledger.acknowledged();
        }
        Ok(outcome)
    }

    /// Lets a process live for a random while.
    async fn kill(
        &self,
        directory: &Path,
        life: u64,
        ledger: &mut Ledger,
        dice: &mut Dice,
        outcome: &mut Outcome,
    ) -> Result<()> {
        let sessions = known(ledger, dice);
        let mut command = server::bare(&self.writer, directory.parent().context("no folder")?);
        command.arg("write").arg(directory).arg(life.to_string()).arg(dice.below(1 << 40).to_string()).args(sessions);
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::inherit()).spawn()?;
        let reports = listen(&mut child)?;
        // Two of three die under load, after so many acknowledged writes; the others so long after their start.
        let writes = if dice.below(3) > 0 { 1 + dice.below(500) } else { u64::MAX };
        let early = Duration::from_micros(dice.below(60_000));
        let heard = hear(&reports, ledger, writes, if writes == u64::MAX { early } else { PATIENCE });
        let killed = child.kill();
        let status = child.wait()?;
        let (before, ready) = heard?;
        killed?;
        // What was said before the kill counts, also what is still in the pipe.
        let (rest, later) = hear(&reports, ledger, u64::MAX, PATIENCE)?;
        use std::os::unix::process::ExitStatusExt;
        ensure!(status.signal() == Some(9), "the process ended by itself with {status}");
        outcome.opening += u64::from(!ready && !later);
        outcome.writing += u64::from(before + rest > 0);
        Ok(())
    }
}

/// Sessions to go on with: some of those that are known.
fn known(ledger: &Ledger, dice: &mut Dice) -> Vec<String> {
    let mut known: Vec<String> = ledger.sessions().map(str::to_owned).collect();
    let mut chosen = Vec::new();
    while !known.is_empty() && (chosen.len() as u64) < WRITERS {
        chosen.push(known.swap_remove(dice.index(known.len())));
    }
    chosen
}

/// The lines of a process, read by a thread that ends with the pipe.
fn listen(child: &mut Child) -> Result<Receiver<Result<Report>>> {
    let pipe = child.stdout.take().context("no pipe")?;
    let (sender, reports) = sync_channel(AHEAD);
    std::thread::spawn(move || {
        for line in BufReader::new(pipe).lines() {
            let report = line.map_err(Into::into).and_then(|line| Ok(serde_json::from_str(&line)?));
            if sender.send(report).is_err() {
                break;
            }
        }
    });
    Ok(reports)
}

/// Notes what is reported until there were so many writes, the process is gone, or time is up. Says how many there were, and
/// whether the directory was open.
fn hear(
    reports: &Receiver<Result<Report>>,
    ledger: &mut Ledger,
    writes: u64,
    patience: Duration,
) -> Result<(u64, bool)> {
    let started = rolecall_tests::clock::now();
    let (mut heard, mut ready) = (0, false);
    while heard < writes {
        match reports.recv_timeout(patience.saturating_sub(started.elapsed())) {
            Ok(report) => {
                let report = report?;
                ready |= report == Report::Ready;
                heard += u64::from(report != Report::Ready);
                ledger.note(&report)?;
            }
            Err(RecvTimeoutError::Timeout) if patience == PATIENCE => bail!("nothing more within {patience:?}"),
            Err(RecvTimeoutError::Disconnected | RecvTimeoutError::Timeout) => break,
        }
    }
    Ok((heard, ready))
}

/// Opens the directory as the next server would and reads everything that is known of it.
async fn compare(directory: &Path, ledger: &mut Ledger) -> Result<u64> {
    let store = EmbeddedStore::open(directory).context("after the kill")?;
    let interrupted = store.interrupted().await?;
    let sessions: Vec<String> = ledger.sessions().map(str::to_owned).collect();
    let mut compared = 0;
    for name in sessions {
        let id: SessionId = name.parse()?;
        let row = store.session(&id).await?.with_context(|| format!("{name} was acknowledged and lost"))?;
        let log = store.read(&id, 0, usize::MAX).await?;
        let inbox = store.inbox(&id, 0, usize::MAX).await?;
        compared += log.len() as u64;
        let running = interrupted.iter().any(|interrupted| interrupted.id == id);
        ledger.compare(&Read { row, log, inbox, interrupted: running })?;
        for (biz_id, seq) in ledger.delivered(&name).rev().take(REPEATED) {
            let item = InboxItem { biz_id: biz_id.to_owned(), bytes: Bytes::new(), expires_ms: u64::MAX };
            let answer = store.enqueue(&id, item).await?;
            ensure!(answer == Enqueued::Delivered(seq), "{name}: {biz_id}, delivered by {seq}, is now {answer:?}");
        }
    }
    store.close().await;
    Ok(compared)
}

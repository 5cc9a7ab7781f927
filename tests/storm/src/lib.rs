//! A storm over many sessions: real clients talk to a real server through a proxy that cuts connections, lets them go
//! silent and keeps them away, while clients move between transports. Afterwards the server's log, read by other
//! code over plain HTTP, is compared with what each application was shown, message by message.
//!
//! `make storm` runs ten thousand clients for five minutes; every test run has a small one.

pub mod crowd;
mod ledger;
mod proxy;
mod user;

use std::time::Duration;

use anyhow::{Context, Result, bail};
use rolecall_tests::clock;
use rolecall_tests::server::{Options, Server};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::crowd::{Crowd, Outcome};
pub use self::ledger::Account;

/// What kind of storm.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
pub struct Storm {
    /// Clients, each with a session of its own.
    pub clients: usize,
    /// How long connections fail, from the first session that is opened on.
    pub lasts: Duration,
    /// The mean life of a connection, after which it is cut or goes silent.
    pub cut_after: Duration,
    /// Longest time that a client is kept away after a cut.
    pub away: Duration,
    /// The mean pause between two things that a user says.
    pub pause: Duration,
    /// After how much silence a connection is given up.
    pub timeout: Duration,
    /// All choices follow from it, but not their times.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, Copy, Default)]
pub struct Report {
    /// What all clients were shown, and what was wrong about it.
    pub account: Account,
    /// Connections that were cut, and those that went silent.
    pub cut: u64,
    /// See above.
    pub silent: u64,
    /// How long it took until everybody had everything, in seconds.
    pub calm_after_s: f64,
    /// The server's processor time in seconds, for all of it.
    pub server_cpu_s: f64,
    /// The server's resident memory at the end of the storm, in MiB.
    pub server_rss_mib: f64,
}

impl Storm {
    /// Runs it, with all clients in this process.
    ///
    /// # Errors
    /// When the server or a client cannot be started, a client's session ends, or somebody does not come to rest.
    pub async fn run(self) -> Result<Report> {
        self.run_over(None).await
    }

    /// Runs it with so many clients a process at most, each process this program with the argument [`crowd::CROWD`].
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_apart(self, most: usize) -> Result<Report> {
        self.run_over(Some(most.max(1))).await
    }

    async fn run_over(self, apart: Option<usize>) -> Result<Report> {
        // Every client comes from one address here, and is not rationed by it.
        let contracts = TempDir::with_prefix("rolecall-storm-")?;
        std::fs::write(contracts.path().join("storyteller.role"), self.role())?;
        let options = Options { quiet: true, contracts: contracts.path().to_owned(), ..Options::default() }
            .flag("--log-level", "error")
            .flag("--rehearsal-pace", "30ms")
            .flag("--address-connections", "off")
            .flag("--address-requests", "off");
        let server = Server::start(options).await?;
        let (to, pid) = (server.address(), server.pid()?);
        let (says, calm) = watch::channel(false);
        let mut crowds = JoinSet::<Result<Outcome>>::new();
        let most = apart.unwrap_or(self.clients);
        for first in (0..self.clients).step_by(most) {
            let clients = first..self.clients.min(first + most);
            let crowd = Crowd { storm: self, clients, server: to };
            match apart {
                Some(_) => crowds.spawn(crowd.live_apart(calm.clone())),
                None => crowds.spawn(crowd.live(calm.clone())),
            };
        }
        let mut outcome = Outcome::default();
        tokio::select! {
            () = tokio::time::sleep(self.lasts) => {}
            Some(early) = crowds.join_next() => {
                early.context("a crowd panicked")??;
                bail!("a crowd was at rest before the storm was over");
            }
        }
        let server_rss_mib = rolecall_tests::process::rss(pid)? / f64::from(1 << 20);
        says.send_replace(true);
        let since = clock::now();
        while let Some(ended) = crowds.join_next().await {
            outcome.add(ended.context("a crowd panicked")??);
        }
        Ok(Report {
            account: outcome.account,
            cut: outcome.cut,
            silent: outcome.silent,
            calm_after_s: since.elapsed().as_secs_f64(),
            server_cpu_s: rolecall_tests::process::cpu(pid)?,
            server_rss_mib,
        })
    }

    /// Who answers.
    fn role(self) -> String {
        let seconds = self.timeout.as_secs();
        format!(
            "role storyteller {{\n version 1.0.0\n language zh\n persona \"说书人。\"\n heartbeat {{ timeout {seconds}s }}\n \
             constraints {{ max_chars 500 }}\n}}\n"
        )
    }
}

//! A storm over many sessions: real clients talk to a real server through a proxy that cuts connections, lets them go
//! silent and keeps them away, while clients move between transports. Afterwards the server's log, read by other
//! code over plain HTTP, is compared with what each application was shown, message by message.
//!
//! `make storm` runs ten thousand clients for five minutes; every test run has a small one.

mod ledger;
mod proxy;
mod user;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use rolecall_tests::clock;
use rolecall_tests::server::{Options, Server};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

pub use self::ledger::Account;
use self::ledger::Heard;
use self::proxy::Proxy;
use self::user::User;

/// Sessions opened at once.
const AT_ONCE: usize = 32;

/// What kind of storm.
#[derive(Debug, Clone, Copy)]
pub struct Storm {
    /// Clients, each with a session of its own.
    pub clients: usize,
    /// How long connections fail.
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
    /// Runs it.
    ///
    /// # Errors
    /// When the server or a client cannot be started, a client's session ends, or somebody does not come to rest.
    pub async fn run(self) -> Result<Report> {
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
        let (calm, storms) = watch::channel(false);
        let proxy = Proxy::start(to, self, storms.clone()).await?;
        let mut users = self.users(proxy.address, storms).await?;
        tokio::time::sleep(self.lasts).await;
        let server_rss_mib = rolecall_tests::process::rss(pid)? / f64::from(1 << 20);
        calm.send_replace(true);
        let since = clock::now();
        let mut account = Account::default();
        while let Some(user) = users.join_next().await {
            let heard = user.context("a user's task panicked")??;
            account.add(heard.settle(to).await?);
        }
        let (cut, silent) = proxy.counts();
        Ok(Report {
            account,
            cut,
            silent,
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

    /// Opens all sessions and lets their users talk.
    async fn users(self, proxy: SocketAddr, storms: watch::Receiver<bool>) -> Result<JoinSet<Result<Heard>>> {
        let opened = stream::iter(0..self.clients).map(|at| User::open(self, proxy, at, storms.clone()));
        let users: Vec<User> = opened.buffered(AT_ONCE).try_collect().await?;
        ensure!(users.len() == self.clients, "{} of {} clients came", users.len(), self.clients);
        let mut tasks = JoinSet::new();
        for user in users {
            tasks.spawn(user.live());
        }
        Ok(tasks)
    }
}

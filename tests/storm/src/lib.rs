//! A storm over many sessions: real clients talk to a real server through a proxy that cuts connections, lets them go
//! silent and keeps them away, while clients move between transports. Afterwards the server's log, read by other
//! code over plain HTTP, is compared with what each application was shown, message by message.
//!
//! The servers may be several on one Redis, killed and stopped in between ([`Storm::run_on`]).
//!
//! Without any storm they are restarted one after the other ([`Rolling`]).
//!
//! `make storm` runs ten thousand clients for five minutes; every test run has a small one.

mod absence;
mod accidents;
mod calls;
pub mod crowd;
mod front;
mod ledger;
mod load;
mod proxy;
mod rolling;
mod user;

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use rolecall_tests::clock;
use rolecall_tests::cluster::Cluster;
use rolecall_tests::server::{Options, Server};
use serde::{Deserialize, Serialize};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio::task::JoinSet;

use self::accidents::Accidents;
pub use self::accidents::{Counts, Nodes};
use self::crowd::{Between, Crowd, Outcome};
pub use self::ledger::Account;
pub use self::rolling::{Restart, Rolled, Rolling};

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
    /// What happened to servers.
    pub accidents: Counts,
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

    /// Runs it on several servers that share one Redis, which are killed, stopped and started in between, and Redis too.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    pub async fn run_on(self, nodes: Nodes, apart: Option<usize>) -> Result<Report> {
        let contracts = contracts(&self.role(LONG))?;
        let options = options(&contracts, "60ms").flag("--node-lease", "2s");
        let mut cluster = Cluster::start(nodes.count, &options).await?;
        let servers = (0..nodes.count).map(|node| Ok(cluster.node(node)?.address())).collect::<Result<Vec<_>>>()?;
        let (says, calm) = watch::channel(false);
        let mut crowds = self.crowds(&servers, Some(apart.unwrap_or(self.clients.div_ceil(nodes.count))), apart, &calm);
        let mut accidents = Accidents::new(nodes, self.seed);
        tokio::select! {
            lived = accidents.happen(&mut cluster, self.lasts) => lived?,
            Some(early) = crowds.join_next() => {
                early.context("a crowd panicked")??;
                bail!("a crowd was at rest before the storm was over");
            }
        }
        let mut report = calm_down(says, crowds).await?;
        cluster.check_logs()?;
        report.accidents = accidents.counts;
        Ok(report)
    }

    async fn run_over(self, apart: Option<usize>) -> Result<Report> {
        let contracts = contracts(&self.role("max_chars 500"))?;
        let server = Server::start(options(&contracts, "30ms")).await?;
        let pid = server.pid()?;
        let (says, calm) = watch::channel(false);
        let mut crowds = self.crowds(&[server.address()], apart, apart, &calm);
        tokio::select! {
            () = tokio::time::sleep(self.lasts) => {}
            Some(early) = crowds.join_next() => {
                early.context("a crowd panicked")??;
                bail!("a crowd was at rest before the storm was over");
            }
        }
        let server_rss_mib = rolecall_tests::process::rss(pid)? / f64::from(1 << 20);
        let report = calm_down(says, crowds).await?;
        Ok(Report { server_cpu_s: rolecall_tests::process::cpu(pid)?, server_rss_mib, ..report })
    }

    /// The clients, so many in each crowd at most, and in processes of their own where there is a limit for those.
    fn crowds(
        self,
        servers: &[SocketAddr],
        most: Option<usize>,
        apart: Option<usize>,
        calm: &watch::Receiver<bool>,
    ) -> JoinSet<Result<Outcome>> {
        let mut crowds = JoinSet::new();
        let most = most.unwrap_or(self.clients).max(1);
        for first in (0..self.clients).step_by(most) {
            let clients = first..self.clients.min(first + most);
            let crowd = Crowd { storm: self, clients, servers: servers.to_vec(), between: Between::Storm };
            match apart {
                Some(_) => crowds.spawn(crowd.live_apart(calm.clone())),
                None => crowds.spawn(crowd.live(calm.clone())),
            };
        }
        crowds
    }

    /// Who answers, by these rules.
    fn role(self, rules: &str) -> String {
        let seconds = self.timeout.as_secs();
        let case = format!("case \"a\" {{ user \"天下大势如何？\" reply \"{STORY}\" expect pass }}");
        format!(
            "role storyteller {{\n version 1.0.0\n language zh\n persona \"说书人。\"\n heartbeat {{ timeout {seconds}s }}\n \
             constraints {{ {rules} }}\n {}\n}}\n",
            if rules == LONG { format!("cases {{ {case} }}") } else { String::new() }
        )
    }
}

/// The rule of a reply that is shown piece by piece, over more than a second.
const LONG: &str = "forbidden_terms \"算法\" { on_violation reject }";
/// What it says.
const STORY: &str = "话说天下大势，分久必合，合久必分。周末七国分争，并入于秦。及秦灭之后，楚汉分争，又并入于汉。后来如何？且听下文分解。";

fn contracts(role: &str) -> Result<TempDir> {
    let contracts = TempDir::with_prefix("rolecall-storm-")?;
    std::fs::write(contracts.path().join("storyteller.role"), role)?;
    Ok(contracts)
}

/// Every client comes from one address here, and is not rationed by it.
fn options(contracts: &TempDir, pace: &str) -> Options {
    Options { quiet: true, contracts: contracts.path().to_owned(), ..Options::default() }
        .flag("--log-level", "error")
        .flag("--rehearsal-pace", pace)
        .flag("--address-connections", "off")
        .flag("--address-requests", "off")
}

/// Ends the storm, and waits until everybody has everything.
async fn calm_down(says: watch::Sender<bool>, mut crowds: JoinSet<Result<Outcome>>) -> Result<Report> {
    says.send_replace(true);
    let since = clock::now();
    let mut outcome = Outcome::default();
    while let Some(ended) = crowds.join_next().await {
        outcome.add(ended.context("a crowd panicked")??);
    }
    let Outcome { account, cut, silent, .. } = outcome;
    Ok(Report { account, cut, silent, calm_after_s: since.elapsed().as_secs_f64(), ..Report::default() })
}

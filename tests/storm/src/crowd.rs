//! A part of the clients, with a proxy of its own: in this process, or in one of its own when there are more clients than
//! one process may have files.

use std::net::SocketAddr;
use std::ops::Range;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::process::Command;
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::Storm;
use crate::front::Front;
use crate::ledger::{Account, Heard};
use crate::proxy::Proxy;
use crate::user::User;

/// Sessions opened at once.
const AT_ONCE: usize = 32;

/// The argument with which a process is one crowd.
pub const CROWD: &str = "crowd";

/// Who it is, and where to.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) struct Crowd {
    pub(crate) storm: Storm,
    pub(crate) clients: Range<usize>,
    pub(crate) servers: Vec<SocketAddr>,
    #[serde(default)]
    pub(crate) between: Between,
}

/// What is between clients and servers.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Between {
    /// What does not keep them together.
    #[default]
    Storm,
    /// A balancer. Its clients keep to their WebSockets.
    Front,
}

/// What came of it.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Outcome {
    pub(crate) account: Account,
    pub(crate) cut: u64,
    pub(crate) silent: u64,
    /// Clients that had a connection when it became calm.
    pub(crate) back: usize,
    /// For how long clients had none, each time.
    pub(crate) gaps_ms: Vec<u64>,
}

impl Outcome {
    pub(crate) fn add(&mut self, other: Self) {
        self.account.add(other.account);
        self.cut += other.cut;
        self.silent += other.silent;
        self.back += other.back;
        self.gaps_ms.extend(other.gaps_ms);
    }
}

/// The way to the servers, which ends with it.
enum Way {
    Storm(Proxy),
    Front(Front),
}

impl Way {
    const fn address(&self) -> SocketAddr {
        match self {
            Self::Storm(proxy) => proxy.address,
            Self::Front(front) => front.address,
        }
    }
}

impl Crowd {
    /// Opens all its sessions, lets their users talk until it is calm, and settles.
    pub(crate) async fn live(self, calm: watch::Receiver<bool>) -> Result<Outcome> {
        let Self { storm, clients, servers, between } = self;
        let server = servers.first().copied().context("no server")?;
        // Each crowd draws other lots.
        let lots = Storm { seed: storm.seed.wrapping_add(clients.start as u64), ..storm };
        let way = match between {
            Between::Storm => Way::Storm(Proxy::start(servers, lots, calm.clone()).await?),
            Between::Front => Way::Front(Front::start(servers).await?),
        };
        let (address, moves) = (way.address(), between == Between::Storm);
        let count = clients.len();
        let opened = stream::iter(clients).map(|name| User::open(storm, address, name, moves, calm.clone()));
        let users: Vec<User> = opened.buffered(AT_ONCE).try_collect().await?;
        ensure!(users.len() == count, "{} of {count} clients came", users.len());
        let mut talks = JoinSet::<Result<Heard>>::new();
        for user in users {
            talks.spawn(user.live());
        }
        let mut outcome = Outcome::default();
        while let Some(user) = talks.join_next().await {
            let heard = user.context("a user's task panicked")??;
            outcome.back += usize::from(heard.was_here);
            outcome.gaps_ms.extend(heard.absence.gaps_ms());
            outcome.account.add(heard.settle(server).await?);
        }
        if let Way::Storm(proxy) = &way {
            (outcome.cut, outcome.silent) = proxy.counts();
        }
        Ok(outcome)
    }

    /// The same, in a process of its own.
    pub(crate) async fn live_apart(self, mut calm: watch::Receiver<bool>) -> Result<Outcome> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(CROWD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a process for a crowd")?;
        let (mut input, mut output) =
            (child.stdin.take().context("no input")?, child.stdout.take().context("no output")?);
        input.write_all(format!("{}\n", serde_json::to_string(&self)?).as_bytes()).await?;
        let told = async {
            calm.wait_for(|calm| *calm).await?;
            input.write_all(b"calm\n").await?;
            Ok::<_, anyhow::Error>(())
        };
        let mut outcome = String::new();
        // One that fails is heard of before the storm is over.
        let read = output.read_to_string(&mut outcome);
        let mut read = std::pin::pin!(read);
        let early = tokio::select! {
            told = told => told.map(|()| false)?,
            read = &mut read => read.map(|_| true)?,
        };
        if !early {
            read.await?;
        }
        let status = child.wait().await?;
        ensure!(status.success(), "the clients {:?} ended with {status}", self.clients);
        serde_json::from_str(&outcome).with_context(|| format!("no outcome in {outcome:?}"))
    }
}

/// What a process that was started as a crowd does: it reads who it is, and later that it is calm; it prints its outcome.
///
/// # Errors
/// When a client fails, or nobody says what to do.
pub async fn main() -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let crowd: Crowd = serde_json::from_str(&lines.next_line().await?.context("nobody says who this crowd is")?)?;
    let (says, calm) = watch::channel(false);
    let mut lives = std::pin::pin!(crowd.live(calm));
    let outcome = tokio::select! {
        outcome = &mut lives => outcome?,
        // The end of the input too: whoever started this is gone.
        _ = lines.next_line() => {
            says.send_replace(true);
            lives.await?
        }
    };
    let outcome = serde_json::to_string(&outcome)?;
    // One handle: what another has taken is not flushed, and lost where the process ends first.
    let mut out = tokio::io::stdout();
    out.write_all(outcome.as_bytes()).await?;
    Ok(out.flush().await?)
}

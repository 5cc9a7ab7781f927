//! The products: how each is installed and started, and what it promises.

use std::net::SocketAddr;
use std::ops::Range;
use std::path::Path;

use anyhow::Result;
use futures_util::{StreamExt, TryStreamExt, stream};
use rolecall_tests::api::{self, Session};
use rolecall_tests::server::{self, Options, Server};
use rolecall_tests::{process, public};
use tempfile::TempDir;

use super::client::Client;
use super::crowd::AT_ONCE;
use super::installed;
use super::peer::Peer;

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Product {
    Rolecall,
    Ws,
    SocketIo,
    Centrifuge,
    Mosquitto,
}

impl Product {
    /// Those beside which rolecall is measured.
    pub(crate) const PEERS: [Self; 4] = [Self::Ws, Self::SocketIo, Self::Mosquitto, Self::Centrifuge];

    /// As it stands in the table, with the version that is installed.
    pub(crate) fn name(self) -> String {
        let (name, version) = match self {
            Self::Rolecall => return "rolecall".to_owned(),
            Self::Ws => ("ws", installed::package("ws")),
            Self::SocketIo => ("Socket.IO", installed::package("socket.io")),
            Self::Centrifuge => ("Centrifuge", installed::centrifuge_version()),
            Self::Mosquitto => ("mosquitto", installed::mosquitto_version()),
        };
        // A name is asked for in errors too, one of which may be that the product is missing.
        version.map_or_else(|_missing| name.to_owned(), |version| format!("{name} {version}"))
    }

    /// What becomes of a message before it is sent. Only rolecall commits it with fsync; what the others keep, for clients that
    /// are away, is in memory and ends with the process.
    pub(crate) fn durability(self) -> &'static str {
        match self {
            Self::Rolecall => "fsync before sending",
            Self::Ws => "not kept",
            Self::SocketIo | Self::Centrifuge | Self::Mosquitto => "in memory",
        }
    }

    /// Whether a client that comes back gets what it missed.
    pub(crate) fn resumes(self) -> bool {
        self != Self::Ws
    }

    /// Starts its server.
    pub(crate) async fn start(self) -> Result<House> {
        let (address, running) = match self {
            Self::Rolecall => rolecall().await?,
            Self::Ws => node("ws.mjs").await?,
            Self::SocketIo => node("socketio.mjs").await?,
            Self::Centrifuge => centrifuge().await?,
            Self::Mosquitto => mosquitto().await?,
        };
        let pid = match &running {
            Running::Rolecall { server, .. } => server.pid()?,
            Running::Peer(peer) => peer.pid()?,
        };
        Ok(House { product: self, address, pid, sessions: Vec::new(), running })
    }
}

/// A server that runs.
pub(crate) struct House {
    pub(crate) product: Product,
    pub(crate) address: SocketAddr,
    pid: i32,
    /// The sessions that rolecall has made; with the others a session begins with its first connection.
    pub(crate) sessions: Vec<Session>,
    running: Running,
}

enum Running {
    Rolecall {
        server: Box<Server>,
        /// The folder of its contracts, which ends with it.
        _contracts: TempDir,
    },
    Peer(Peer),
}

impl House {
    /// Makes the clients of these numbers, each with a session of its own.
    pub(crate) async fn clients(&mut self, numbers: Range<usize>) -> Result<Vec<Client>> {
        let (product, to) = (self.product, self.address);
        if product == Product::Rolecall {
            let made = stream::iter(numbers.clone()).map(|_| api::create(to, "postbox")).buffered(AT_ONCE);
            self.sessions = made.try_collect().await?;
        }
        let clients = numbers.enumerate();
        clients.map(|(place, number)| Client::new(product, to, number, self.sessions.get(place))).collect()
    }

    /// The folder in which messages are made durable, where they are.
    pub(crate) fn durable_in(&self) -> Option<&Path> {
        match &self.running {
            Running::Rolecall { server, .. } => Some(server.home()),
            Running::Peer(_) => None,
        }
    }

    /// Processor time of its process so far, in seconds.
    pub(crate) fn cpu(&self) -> Result<f64> {
        process::cpu(self.pid)
    }

    /// Resident memory of its process, in bytes.
    pub(crate) fn rss(&self) -> Result<f64> {
        process::rss(self.pid)
    }
}

/// A role for which messages are left, with a rule that each is judged by.
const POSTBOX: &str = r#"
role postbox {
    version   1.0.0
    language  en
    persona   "Keeps messages for people who are away."
    stateful  true
    constraints { forbidden_terms "password" }
}
"#;

async fn rolecall() -> Result<(SocketAddr, Running)> {
    let contracts = tempfile::tempdir()?;
    std::fs::write(contracts.path().join("postbox.role"), POSTBOX)?;
    let options = Options { contracts: contracts.path().to_path_buf(), quiet: true, ..Options::default() };
    // The publisher is one address and posts more than one address may; so are the clients, when they come back.
    let options = options.flag("--address-requests", "off").flag("--address-connections", "off");
    let server = Server::start(options.flag("--log-level", "warn")).await?;
    Ok((server.address(), Running::Rolecall { server: Box::new(server), _contracts: contracts }))
}

async fn node(script: &str) -> Result<(SocketAddr, Running)> {
    let modules = tokio::task::spawn_blocking(|| public::modules("peers-node", "tests/peers/node")).await??;
    let (address, home) = (server::free_port()?, tempfile::tempdir()?);
    let mut command = server::bare("node".as_ref(), home.path());
    command.env("NODE_ENV", "production").arg(modules.join(script)).arg(address.port().to_string());
    Ok((address, Running::Peer(Peer::start(command, home, address).await?)))
}

async fn centrifuge() -> Result<(SocketAddr, Running)> {
    let program = tokio::task::spawn_blocking(installed::centrifuge).await??;
    let (address, home) = (server::free_port()?, tempfile::tempdir()?);
    let mut command = server::bare(&program, home.path());
    command.arg(address.to_string());
    Ok((address, Running::Peer(Peer::start(command, home, address).await?)))
}

async fn mosquitto() -> Result<(SocketAddr, Running)> {
    let (address, home) = (server::free_port()?, tempfile::tempdir()?);
    let config = home.path().join("mosquitto.conf");
    let listener = format!("listener {} 127.0.0.1", address.port());
    let rest = "allow_anonymous true\nlog_dest none\npersistence false\nset_tcp_nodelay true\n";
    std::fs::write(&config, format!("{listener}\n{rest}"))?;
    let mut command = server::bare(&installed::mosquitto()?, home.path());
    command.arg("-c").arg(config);
    Ok((address, Running::Peer(Peer::start(command, home, address).await?)))
}

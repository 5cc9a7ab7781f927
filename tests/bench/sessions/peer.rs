//! A server of another product as a process.

use std::fs::File;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use rolecall_tests::clock::{self, PATIENCE};
use tempfile::TempDir;
use tokio::net::TcpStream;

/// A running server with a folder of its own. Dropping it kills the process (by its id).
#[derive(Debug)]
pub(crate) struct Peer {
    child: Child,
    home: TempDir,
}

impl Peer {
    /// Starts a server that listens on this address, and waits until it does.
    pub(crate) async fn start(mut command: Command, home: TempDir, address: SocketAddr) -> Result<Self> {
        let log = File::create(home.path().join("peer.log"))?;
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn().with_context(|| format!("cannot start {command:?}"))?;
        let mut peer = Self { child, home };
        let start = clock::now();
        while TcpStream::connect(address).await.is_err() {
            if let Some(status) = peer.child.try_wait()? {
                bail!("{command:?} ended with {status}:\n{}", peer.log());
            }
            ensure!(start.elapsed() < PATIENCE, "{command:?} does not listen:\n{}", peer.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(peer)
    }

    pub(crate) fn pid(&self) -> Result<i32> {
        Ok(i32::try_from(self.child.id())?)
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("peer.log")).unwrap_or_default()
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Already gone is fine: the point is that nothing outlives the bench.
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

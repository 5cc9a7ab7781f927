//! Baselines that do nothing of their own: WebSocket connections that carry an echo, and a relay that carries bytes.

use std::io::{BufRead, BufReader, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use anyhow::{Context, Result};
use futures_util::{SinkExt, StreamExt};
use rolecall_tests::ws;
use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};

/// Echoes on a free loopback port, which it prints first, until it is killed.
pub(crate) async fn serve() -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (stream, _) = listener.accept().await?;
        #[allow(clippy::disallowed_methods, reason = "the tasks end with this process, which its parent kills")]
        tokio::spawn(async move {
            let Ok(mut socket) = tokio_tungstenite::accept_async_with_config(stream, Some(ws::small_buffers())).await
            else {
                return;
            };
            while let Some(Ok(message)) = socket.next().await {
                if message.is_text() && socket.send(message).await.is_err() {
                    return;
                }
            }
        });
    }
}

/// Carries bytes between whoever connects and a server, until it is killed: what any hop between them costs.
pub(crate) async fn relay(to: SocketAddr) -> Result<()> {
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    writeln!(std::io::stdout(), "{}", listener.local_addr()?)?;
    loop {
        let (mut client, _) = listener.accept().await?;
        #[allow(clippy::disallowed_methods, reason = "the tasks end with this process, which its parent kills")]
        tokio::spawn(async move {
            let Ok(mut server) = TcpStream::connect(to).await else { return };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let _ended = copy_bidirectional(&mut client, &mut server).await;
        });
    }
}

/// A server of this program's own as a process.
#[derive(Debug)]
pub(crate) struct Bare {
    child: Child,
    pub(crate) address: SocketAddr,
}

impl Bare {
    /// Starts the one of this name, with what it is to know.
    pub(crate) fn start(name: &str, told: &[String]) -> Result<Self> {
        let exe = std::env::current_exe()?;
        let mut child = Command::new(exe).arg(name).args(told).stdout(Stdio::piped()).spawn()?;
        let out = child.stdout.take().context("no output")?;
        let mut line = String::new();
        BufReader::new(out).read_line(&mut line)?;
        Ok(Self { child, address: line.trim().parse().context("no address")? })
    }

    pub(crate) fn pid(&self) -> Result<i32> {
        Ok(i32::try_from(self.child.id())?)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _status = self.child.wait();
    }
}

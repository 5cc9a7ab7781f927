//! A Redis server as a child process.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::clock::{self, PATIENCE};
use crate::server::{free_port, show};

/// A Redis server that has every write on its disk before it answers, with a folder of its own. Dropping it kills the
/// process by its id.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    home: TempDir,
    flags: Vec<String>,
    child: Option<Child>,
}

impl Redis {
    /// Starts a server on a free loopback port and waits until it answers.
    ///
    /// # Errors
    /// When it does not start; says what to install where there is none.
    pub async fn start() -> Result<Self> {
        Self::with(&[]).await
    }

    /// Starts a server with further flags.
    ///
    /// # Errors
    /// As [`start`](Self::start).
    pub async fn with(flags: &[&str]) -> Result<Self> {
        let home = TempDir::with_prefix("rolecall-redis-")?;
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let mut server = Self { address: free_port()?, home, flags, child: None };
        server.restart().await?;
        Ok(server)
    }

    /// Starts it again on the same port and folder.
    ///
    /// # Errors
    /// When it runs, or does not start.
    pub async fn restart(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the Redis server still runs; kill it first");
        let log = OpenOptions::new().create(true).append(true).open(self.home.path().join("redis.log"))?;
        let mut command = Command::new("redis-server");
        command.args(["--bind", "127.0.0.1", "--port", &self.address.port().to_string(), "--save", ""]);
        command.args(["--appendonly", "yes", "--appendfsync", "always"]).arg("--dir").arg(self.home.path());
        command.args(&self.flags);
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        let child = command.spawn();
        self.child =
            Some(child.context("redis-server does not start; install it with `apt-get install redis-server`")?);
        self.ready().await
    }

    /// Kills it as `kill -9` does and waits for its end.
    ///
    /// # Errors
    /// When it does not run.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the Redis server does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Sends a command, and gives what is answered within its first 64 KiB, as it is on the wire.
    ///
    /// # Errors
    /// When it does not answer.
    pub async fn ask(&self, words: &[&str]) -> Result<String> {
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(command.as_bytes()).await?;
        let mut answer = vec![0u8; 1 << 16];
        let length = stream.read(&mut answer).await?;
        answer.truncate(length);
        Ok(String::from_utf8_lossy(&answer).into_owned())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Its URL.
    #[must_use]
    pub fn url(&self) -> String {
        format!("redis://{}/0", self.address)
    }

    async fn ready(&self) -> Result<()> {
        let started = clock::now();
        while !self.answers().await.unwrap_or(false) {
            ensure!(started.elapsed() < PATIENCE, "redis-server does not answer:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Ok(())
    }

    async fn answers(&self) -> Result<bool> {
        let mut stream = TcpStream::connect(self.address).await?;
        stream.write_all(b"*1\r\n$4\r\nPING\r\n").await?;
        let mut answer = [0u8; 5];
        stream.read_exact(&mut answer).await?;
        Ok(answer == *b"+PONG")
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.home.path().join("redis.log")).unwrap_or_default()
    }
}

impl Drop for Redis {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _status = child.wait();
        }
        show("redis-server log", &self.log());
    }
}

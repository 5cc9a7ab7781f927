//! A Redis server as a child process.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::clock::{self, PATIENCE};
use crate::server::{free_port, show, signal};

/// A Redis server that has every write on its disk before it answers, with a folder of its own. Dropping it kills the
/// process by its id.
#[derive(Debug)]
pub struct Redis {
    address: SocketAddr,
    home: TempDir,
    flags: Vec<String>,
    child: Option<Child>,
    /// Whether to keep the log to itself at the end; a bench shows figures only.
    quiet: bool,
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
        let mut server = Self { address: free_port()?, home, flags, child: None, quiet: false };
        server.restart().await?;
        Ok(server)
    }

    /// Keeps its log to itself at the end.
    #[must_use]
    pub fn quiet(mut self) -> Self {
        self.quiet = true;
        self
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

    /// Stops the process from running (SIGSTOP), or lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self, frozen: bool) -> Result<()> {
        let child = self.child.as_ref().context("the Redis server does not run")?;
        signal(i32::try_from(child.id())?, if frozen { libc::SIGSTOP } else { libc::SIGCONT })
    }

    /// Sends a command, and gives the texts of its answer: none, one, or those of a list.
    ///
    /// # Errors
    /// When the server does not answer, or with an error.
    pub async fn ask(&self, words: &[&str]) -> Result<Vec<String>> {
        let mut stream = BufReader::new(TcpStream::connect(self.address).await?);
        let mut command = format!("*{}\r\n", words.len());
        for word in words {
            command.push_str(&format!("${}\r\n{word}\r\n", word.len()));
        }
        stream.write_all(command.as_bytes()).await?;
        let mut texts = Vec::new();
        let mut left = 1usize;
        while left > 0 {
            left -= 1;
            let mut line = String::new();
            stream.read_line(&mut line).await?;
            let (kind, rest) = line.trim_end().split_at_checked(1).context("no answer")?;
            match kind {
                "*" => left += rest.parse::<usize>().unwrap_or(0),
                "$" => {
                    let Ok(length) = rest.parse::<usize>() else { continue };
                    let mut text = vec![0; length + 2];
                    stream.read_exact(&mut text).await?;
                    text.truncate(length);
                    texts.push(String::from_utf8_lossy(&text).into_owned());
                }
                "-" => bail!("Redis says {rest}"),
                _ => texts.push(rest.to_owned()),
            }
        }
        Ok(texts)
    }

    /// Its process id.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<i32> {
        Ok(i32::try_from(self.child.as_ref().context("the Redis server does not run")?.id())?)
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
        if !self.quiet {
            show("redis-server log", &self.log());
        }
    }
}

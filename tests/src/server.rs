//! The real server as a child process.

use std::fs::{File, OpenOptions};
use std::net::{SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use tempfile::TempDir;

use crate::clock::{self, PATIENCE};
use crate::{http, paths};

/// How a server is started.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--contracts`.
    pub contracts: PathBuf,
    /// `--plugins`; an empty folder when `None`.
    pub plugins: Option<PathBuf>,
    /// An OpenAI-compatible base URL; the rehearsal model when `None`.
    pub upstream: Option<String>,
    /// Further flags; `{listen}` in one stands for the server's address.
    pub flags: Vec<String>,
    /// Further environment.
    pub env: Vec<(String, String)>,
    /// How long it may take to be ready.
    pub patience: Duration,
    /// Whether to keep the log to itself at the end; a bench shows figures only.
    pub quiet: bool,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            contracts: paths::test_contracts(),
            plugins: None,
            upstream: None,
            flags: Vec::new(),
            env: Vec::new(),
            patience: PATIENCE,
            quiet: false,
        }
    }
}

impl Options {
    /// The tests' contracts answered by this upstream.
    #[must_use]
    pub fn upstream(url: &str) -> Self {
        Self { upstream: Some(url.to_owned()), ..Self::default() }
    }

    /// Adds a flag with its value.
    #[must_use]
    pub fn flag(mut self, name: &str, value: &str) -> Self {
        self.flags.extend([name.to_owned(), value.to_owned()]);
        self
    }
}

/// A running server with a folder of its own. Dropping it kills the process (by its id) and shows
/// the end of its log, which the test runner prints for failed tests only.
#[derive(Debug)]
pub struct Server {
    options: Options,
    home: TempDir,
    address: SocketAddr,
    child: Option<Child>,
}

impl Server {
    /// Starts a server on a free loopback port and waits until it is ready.
    ///
    /// # Errors
    /// When it does not become ready; the message ends with its log.
    pub async fn start(options: Options) -> Result<Self> {
        let home = TempDir::with_prefix("rolecall-test-")?;
        let mut server = Self { options, home, address: free_port()?, child: None };
        server.spawn()?;
        server.ready().await?;
        Ok(server)
    }

    /// Starts the process again on the same port and data folder.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn restart(&mut self) -> Result<()> {
        self.launch()?;
        self.ready().await
    }

    /// Starts the process again, and waits for nothing.
    ///
    /// # Errors
    /// When it runs, or does not start.
    pub fn launch(&mut self) -> Result<()> {
        ensure!(self.child.is_none(), "the server still runs; stop it first");
        self.spawn()
    }

    /// Whether the process runs, ready or not.
    ///
    /// # Errors
    /// When the system does not say.
    pub fn is_running(&mut self) -> Result<bool> {
        if self.child.as_mut().map(Child::try_wait).transpose()?.flatten().is_some() {
            self.child = None;
        }
        Ok(self.child.is_some())
    }

    /// Waits until it is ready, and starts it first where it does not run.
    ///
    /// # Errors
    /// When it does not become ready.
    pub async fn up(&mut self) -> Result<()> {
        if !self.is_running()? {
            self.spawn()?;
        }
        self.ready().await
    }

    /// Kills the process as `kill -9` does and waits for its end.
    ///
    /// # Errors
    /// When it was not running.
    pub fn kill(&mut self) -> Result<()> {
        let mut child = self.child.take().context("the server does not run")?;
        child.kill()?;
        child.wait()?;
        Ok(())
    }

    /// Asks the process to end (SIGTERM).
    ///
    /// # Errors
    /// When it does not run.
    pub fn terminate(&self) -> Result<()> {
        signal(self.pid()?, libc::SIGTERM)
    }

    /// Waits until the process has ended by itself.
    ///
    /// # Errors
    /// When it does not end in time.
    pub async fn ended(&mut self) -> Result<ExitStatus> {
        let started = clock::now();
        let mut child = self.child.take().context("the server does not run")?;
        loop {
            if let Some(status) = child.try_wait()? {
                return Ok(status);
            }
            if started.elapsed() > PATIENCE {
                child.kill()?;
                child.wait()?;
                bail!("the server did not end within {PATIENCE:?}\n{}", self.log());
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// SIGTERM, and wait for the end.
    ///
    /// # Errors
    /// When it does not end cleanly.
    pub async fn stop(&mut self) -> Result<()> {
        self.terminate()?;
        let status = self.ended().await?;
        ensure!(status.success(), "the server ended with {status}\n{}", self.log());
        Ok(())
    }

    /// Where it listens.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The base of its HTTP addresses, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Its data folder.
    #[must_use]
    pub fn data(&self) -> PathBuf {
        self.home.path().join("data")
    }

    /// A folder for the test's own use that ends with the server.
    #[must_use]
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Its process id.
    ///
    /// # Errors
    /// When it does not run.
    pub fn pid(&self) -> Result<i32> {
        let child = self.child.as_ref().context("the server does not run")?;
        Ok(i32::try_from(child.id())?)
    }

    /// What it wrote so far, over all restarts.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(self.log_path()).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    fn log_path(&self) -> PathBuf {
        self.home.path().join("server.log")
    }

    fn spawn(&mut self) -> Result<()> {
        let log = OpenOptions::new().create(true).append(true).open(self.log_path())?;
        self.child = Some(self.command(log)?.spawn().context("cannot start the server")?);
        Ok(())
    }

    fn command(&self, log: File) -> Result<Command> {
        let none = self.home.path().join("no-plugins");
        std::fs::create_dir_all(&none)?;
        let mut command = bare(&paths::binary()?, self.home.path());
        command.arg("serve").arg("--listen").arg(self.address.to_string());
        command.arg("--contracts").arg(&self.options.contracts);
        command.arg("--plugins").arg(self.options.plugins.as_ref().unwrap_or(&none));
        command.arg("--data").arg(self.data());
        if let Some(url) = &self.options.upstream {
            command.args(["--model", "openai", "--model-url", url, "--model-name", "scripted"]);
            command.env("ROLECALL_MODEL_KEY", crate::upstream::KEY);
        }
        let listen = self.address.to_string();
        command.args(self.options.flags.iter().map(|flag| flag.replace("{listen}", &listen)));
        command.envs(self.options.env.iter().map(|(name, value)| (name, value)));
        command.stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log);
        Ok(command)
    }

    async fn ready(&mut self) -> Result<()> {
        let started = clock::now();
        loop {
            if let Some(status) = self.child.as_mut().map(Child::try_wait).transpose()?.flatten() {
                self.child = None;
                bail!("the server ended with {status} instead of becoming ready:\n{}", self.log());
            }
            // One that speaks TLS says so, and accepts nobody before it is ready.
            let ready = |answer: http::Response| answer.status == 200 || answer.text().contains("\"tls_required\"");
            if http::get(self.address, "/readyz").await.is_ok_and(ready) {
                return Ok(());
            }
            let patience = self.options.patience;
            ensure!(started.elapsed() < patience, "the server is not ready after {patience:?}:\n{}", self.log());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            // Already gone is fine: the point is that nothing outlives the test.
            let _gone = child.kill();
            let _status = child.wait();
        }
        if !self.options.quiet {
            show("server log", &self.log());
        }
    }
}

/// A command that inherits nothing but the search path, so that no setting of this machine leaks in.
#[must_use]
pub fn bare(program: &Path, home: &Path) -> Command {
    let mut command = Command::new(program);
    let path = std::env::var_os("PATH").unwrap_or_default();
    command.env_clear().env("PATH", path).env("HOME", home).env("LANG", "C.UTF-8").env("NO_COLOR", "1");
    command.current_dir(home);
    command
}

/// Sends a signal to one process.
///
/// # Errors
/// When there is no such process.
#[allow(unsafe_code, reason = "std has no safe call for a signal other than SIGKILL")]
pub fn signal(pid: i32, signal: i32) -> Result<()> {
    ensure!(pid > 0, "not a process id: {pid}");
    // SAFETY: kill(2) takes two integers and touches no memory of ours; `pid` is one process.
    let outcome = unsafe { libc::kill(pid, signal) };
    ensure!(outcome == 0, "cannot signal {pid}: {}", std::io::Error::last_os_error());
    Ok(())
}

/// Shows text in the test's captured output.
#[allow(clippy::print_stderr, reason = "test runners capture this macro's output and show it on failure")]
pub fn show(title: &str, text: &str) {
    let lines: Vec<&str> = text.lines().collect();
    let tail = lines.get(lines.len().saturating_sub(200)..).unwrap_or_default();
    eprintln!("--- {title} (last {} of {} lines)\n{}", tail.len(), lines.len(), tail.join("\n"));
}

/// A loopback port below the range that the system gives to outgoing connections, so that nobody
/// takes it between two starts of one server.
///
/// # Errors
/// When none is free.
pub fn free_port() -> Result<SocketAddr> {
    let mut dice = clock::Dice::new(u64::from(std::process::id()).wrapping_mul(0x9E37_79B9_7F4A_7C15) ^ entropy());
    for _ in 0..200 {
        let port = 10_000 + u16::try_from(dice.below(20_000))?;
        let address = SocketAddr::from(([127, 0, 0, 1], port));
        if TcpListener::bind(address).is_ok() {
            return Ok(address);
        }
    }
    bail!("no free loopback port between 10000 and 30000")
}

/// A number that differs between runs.
#[must_use]
pub fn entropy() -> u64 {
    use std::hash::{BuildHasher, RandomState};
    RandomState::new().hash_one(0u8)
}

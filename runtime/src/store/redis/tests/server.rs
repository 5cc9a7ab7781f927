//! A Redis server of a test's own.

use std::fs;
use std::net::TcpListener;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use tempfile::TempDir;

/// How long a server may take to answer, or anything else may take to happen.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// A server with a folder of its own. Dropping it kills it by its id, and shows its log, which test runners print for
/// failed tests only.
pub(super) struct Server {
    pub(super) port: u16,
    home: TempDir,
    flags: Vec<String>,
    child: Option<Child>,
}

fn command(words: &[&str]) -> redis::Cmd {
    let mut command = redis::Cmd::new();
    for word in words {
        command.arg(*word);
    }
    command
}

impl Server {
    /// Starts a server that has every write on its disk before it answers.
    pub(super) async fn start() -> Self {
        Self::with(&["--appendonly", "yes", "--appendfsync", "always"]).await
    }

    /// Starts a server with these flags.
    pub(super) async fn with(flags: &[&str]) -> Self {
        Self::on(free_port(), flags).await
    }

    /// Starts a server with these flags on a port.
    pub(super) async fn on(port: u16, flags: &[&str]) -> Self {
        let flags = flags.iter().map(|flag| (*flag).to_owned()).collect();
        let home = TempDir::with_prefix("rolecall-redis-").unwrap();
        let mut server = Self { port, home, flags, child: None };
        server.restart().await;
        server
    }

    /// Starts a sentinel with these settings.
    pub(super) async fn sentinel(port: u16, settings: &str) -> Self {
        let home = TempDir::with_prefix("rolecall-redis-").unwrap();
        // It keeps what it learns in there.
        let file = home.path().join("sentinel.conf");
        fs::write(&file, settings).unwrap();
        let flags = vec![file.to_str().unwrap().to_owned(), "--sentinel".to_owned()];
        let mut server = Self { port, home, flags, child: None };
        server.restart().await;
        server
    }

    /// Changes a flag of the next start.
    pub(super) fn set(&mut self, flag: &str, value: &str) {
        self.flags.extend([flag.to_owned(), value.to_owned()]);
    }

    /// Starts it, again, on the same port and folder, and waits until it answers.
    pub(super) async fn restart(&mut self) {
        self.begin();
        self.answers().await;
    }

    /// Starts it without waiting.
    pub(super) fn begin(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.log_path()).unwrap();
        let mut command = Command::new("redis-server");
        // What is read first comes first: the file of a sentinel.
        let is_sentinel = self.flags.last().is_some_and(|flag| flag == "--sentinel");
        command.args(self.flags.iter().filter(|_| is_sentinel));
        command.args(["--port", &self.port.to_string(), "--bind", "127.0.0.1", "--daemonize", "no"]);
        command.arg("--dir").arg(self.home.path());
        if !is_sentinel {
            command.args(["--save", ""]).args(&self.flags);
        }
        command.stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let child = command.spawn();
        let child = child.expect("redis-server does not start; install it with `apt-get install redis-server`");
        self.child = Some(child);
    }

    /// Waits until it answers, be it with an error.
    pub(super) async fn answers(&self) {
        let client = redis::Client::open(self.url()).unwrap();
        for _ in 0..600 {
            match client.get_multiplexed_async_connection().await {
                Err(error) if error.is_io_error() => tokio::time::sleep(PATIENCE / 600).await,
                _ => return,
            }
        }
        panic!("the server on port {} does not answer", self.port);
    }

    pub(super) fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// A connection beside the store's.
    pub(super) async fn connection(&self) -> redis::aio::MultiplexedConnection {
        redis::Client::open(self.url()).unwrap().get_multiplexed_async_connection().await.unwrap()
    }

    /// Sends a command.
    pub(super) async fn ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> T {
        self.try_ask(words).await.unwrap()
    }

    /// Sends a command that may be refused.
    pub(super) async fn try_ask<T: redis::FromRedisValue>(&self, words: &[&str]) -> redis::RedisResult<T> {
        command(words).query_async(&mut self.connection().await).await
    }

    /// Waits until it answers as it should. Who replaces a server cuts its connections.
    pub(super) async fn until(&self, words: &[&str], fits: impl Fn(&str) -> bool) {
        let client = redis::Client::open(self.url()).unwrap();
        let mut told = String::new();
        for _ in 0..600 {
            let answer = async {
                let mut connection = client.get_multiplexed_async_connection().await?;
                command(words).query_async::<String>(&mut connection).await
            };
            told = match answer.await {
                Ok(answer) if fits(&answer) => return,
                Ok(answer) => answer,
                Err(error) if error.is_io_error() => error.to_string(),
                Err(error) => panic!("{words:?}: {error}"),
            };
            tokio::time::sleep(PATIENCE / 600).await;
        }
        panic!("the server on port {} never answers {words:?} as it should: {told}", self.port);
    }

    /// Kills it as `kill -9` does, and waits for its end.
    pub(super) fn kill(&mut self) {
        let mut child = self.child.take().expect("it does not run");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Stops it from running, or lets it go on.
    pub(super) fn freeze(&self, frozen: bool) {
        let pid = i32::try_from(self.child.as_ref().expect("it does not run").id()).unwrap();
        #[allow(unsafe_code, reason = "std has no safe call for a signal; sound for any two integers")]
        let sent = unsafe { libc::kill(pid, if frozen { libc::SIGSTOP } else { libc::SIGCONT }) };
        assert_eq!(sent, 0);
    }

    fn log_path(&self) -> PathBuf {
        self.home.path().join("redis.log")
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _gone = child.kill();
            let _status = child.wait();
        }
        let log = fs::read_to_string(self.log_path()).unwrap_or_default();
        let tail: Vec<&str> = log.lines().rev().take(30).collect();
        println!("redis-server on {}:\n{}", self.port, tail.into_iter().rev().collect::<Vec<_>>().join("\n"));
    }
}

/// A port below those that the system gives to outgoing connections, so that nobody takes it between two starts.
pub(super) fn free_port() -> u16 {
    for _ in 0..200 {
        let mut bytes = [0u8; 2];
        getrandom::fill(&mut bytes).unwrap();
        let port = 10_000 + u16::from_be_bytes(bytes) % 20_000;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
    panic!("no free port");
}

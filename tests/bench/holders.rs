//! Clients that hold idle connections, in processes of their own, some ten thousand each: the bench that measures beside them
//! stays small, and no runtime is asked for a million tasks.
//!
//! The bench tells each process what it is, then step by step to go on; each answers with how many it has.

use std::future::Future;
use std::net::SocketAddr;
use std::ops::Range;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use futures_util::{StreamExt, TryStreamExt, stream};
use rolecall_tests::api;
use rolecall_tests::ws::{self, Hello, Socket};
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader, Lines, Stdin};
use tokio::net::TcpStream;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};
use tokio::task::JoinSet;
use tokio_tungstenite::WebSocketStream;

/// The argument with which this program is one of them.
pub(crate) const HOLDER: &str = "holder";

/// Handshakes in flight, over all processes.
const AT_ONCE: usize = 64;

/// How long a step may take: a bound for a hang, at a hundred connections a second.
const PATIENCE: Duration = Duration::from_millis(10);

/// How long a process may take to let go of its connections.
const ENDING: Duration = Duration::from_secs(60);

/// What a process of clients is.
#[derive(Debug, Clone, Serialize, Deserialize)]
struct Part {
    to: SocketAddr,
    /// Whether they have sessions of this role, or are connections that carry nothing.
    role: Option<String>,
    clients: Range<usize>,
    at_once: usize,
}

/// All processes.
#[derive(Debug)]
pub(crate) struct Holders {
    parts: Vec<Holder>,
    count: usize,
}

#[derive(Debug)]
struct Holder {
    child: Child,
    input: ChildStdin,
    output: Lines<BufReader<ChildStdout>>,
}

impl Holders {
    /// Starts processes for so many clients, of which one holds at most `most`. They wait for the first [`step`](Self::step).
    pub(crate) async fn start(to: SocketAddr, role: Option<&str>, count: usize, most: usize) -> Result<Self> {
        let processes = count.div_ceil(most.max(1)).max(1);
        let each = count.div_ceil(processes).max(1);
        let at_once = AT_ONCE.div_ceil(processes);
        let mut parts = Vec::new();
        for first in (0..count).step_by(each) {
            let clients = first..count.min(first + each);
            parts.push(Holder::start(&Part { to, role: role.map(str::to_owned), clients, at_once }).await?);
        }
        Ok(Self { parts, count })
    }

    /// Lets all take their next step: to open sessions, to connect, and, the last, to say how many are connected still.
    pub(crate) async fn step(&mut self, what: &str) -> Result<()> {
        for part in &mut self.parts {
            part.input.write_all(b"on\n").await.with_context(|| format!("a process of clients went ({what})"))?;
        }
        let patience = Duration::from_secs(60) + PATIENCE * u32::try_from(self.count)?;
        let mut sum = 0;
        for part in &mut self.parts {
            let line = tokio::time::timeout(patience, part.output.next_line()).await;
            let line = line.with_context(|| format!("{what} takes longer than {patience:?}"))??;
            let line = line.with_context(|| format!("a process of clients failed ({what})"))?;
            sum += line.parse::<usize>().with_context(|| format!("{line:?} is no number of clients"))?;
        }
        ensure!(sum == self.count, "{sum} of {} clients are {what}", self.count);
        Ok(())
    }

    /// Lets all processes end, with their connections. One that does not is killed.
    pub(crate) async fn end(self) -> Result<()> {
        for Holder { mut child, input, .. } in self.parts {
            drop(input);
            tokio::time::timeout(ENDING, child.wait()).await.context("a process of clients does not end")??;
        }
        Ok(())
    }
}

impl Holder {
    async fn start(part: &Part) -> Result<Self> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg(HOLDER)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("cannot start a process of clients")?;
        let (input, output) = (child.stdin.take(), child.stdout.take());
        let mut input = input.context("no input")?;
        input.write_all(format!("{}\n", serde_json::to_string(part)?).as_bytes()).await?;
        Ok(Self { child, input, output: BufReader::new(output.context("no output")?).lines() })
    }
}

/// What a process of clients does, until its input ends.
pub(crate) async fn main() -> Result<()> {
    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let part: Part = serde_json::from_str(&lines.next_line().await?.context("nobody says who these clients are")?)?;
    let mut held = JoinSet::new();
    match &part.role {
        Some(role) => {
            wait(&mut lines).await?;
            let sessions = part.all(|_| api::create(part.to, role)).await?;
            say(sessions.len()).await?;
            wait(&mut lines).await?;
            let token = |index: usize| sessions.get(index - part.clients.start).map(|session| session.token.clone());
            for mut socket in part.all(|index| attach(part.to, token(index), index)).await? {
                // Pings are answered by whoever reads; frames are none of interest.
                held.spawn(async move { while socket.next_or_end().await {} });
            }
        }
        None => {
            wait(&mut lines).await?;
            for mut socket in part.all(|index| handshake(part.to, index)).await? {
                held.spawn(async move { while let Some(Ok(_)) = socket.next().await {} });
            }
        }
    }
    say(held.len()).await?;
    wait(&mut lines).await?;
    while held.try_join_next().is_some() {}
    say(held.len()).await?;
    // The connections last as long as somebody measures.
    let _over = lines.next_line().await?;
    Ok(())
}

impl Part {
    /// One thing for each client, some at once.
    async fn all<T, F: Future<Output = Result<T>>>(&self, one: impl Fn(usize) -> F) -> Result<Vec<T>> {
        stream::iter(self.clients.clone().map(one)).buffered(self.at_once).try_collect().await
    }
}

async fn wait(lines: &mut Lines<BufReader<Stdin>>) -> Result<()> {
    match lines.next_line().await? {
        Some(_) => Ok(()),
        None => bail!("the bench is over"),
    }
}

async fn say(count: usize) -> Result<()> {
    let mut out = tokio::io::stdout();
    out.write_all(format!("{count}\n").as_bytes()).await?;
    Ok(out.flush().await?)
}

async fn attach(to: SocketAddr, token: Option<String>, index: usize) -> Result<Socket> {
    let hello = Hello { source: Some(ws::source(index)?), ..Hello::fresh(&token.context("no session")?) };
    let mut socket = ws::connect(to, &hello).await?;
    socket.until("resumed", |_| Ok(())).await?;
    Ok(socket)
}

async fn handshake(to: SocketAddr, index: usize) -> Result<WebSocketStream<TcpStream>> {
    let stream = ws::dial(to, Some(ws::source(index)?)).await?;
    let url = format!("ws://{to}/");
    let (socket, _) = tokio_tungstenite::client_async_with_config(url, stream, Some(ws::small_buffers())).await?;
    Ok(socket)
}

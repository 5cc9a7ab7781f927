//! Several servers on one Redis.

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;

use crate::redis::Redis;
use crate::server::{Options, Server, signal};

/// Servers that share their sessions, `n0`, `n1`, …, and know where each other is.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Server>,
    /// What they share them on.
    pub redis: Redis,
}

impl Cluster {
    /// Starts Redis, and so many servers with these options.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn start(count: usize, options: &Options) -> Result<Self> {
        let redis = Redis::start().await?;
        Ok(Self { nodes: Self::servers(count, options, redis.url()).await?, redis })
    }

    /// Starts so many servers, `n0`, `n1`, …, with these options on the Redis at a URL.
    ///
    /// # Errors
    /// When one of them does not start.
    pub async fn servers(count: usize, options: &Options, url: impl Into<String>) -> Result<Vec<Server>> {
        let url = url.into();
        let nodes = (0..count).map(|node| {
            let options = options.clone().flag("--store", "redis").flag("--redis-url", &url);
            let scheme = if options.flags.iter().any(|flag| flag == "--tls-cert") { "https" } else { "http" };
            let options = options.flag("--node-url", &format!("{scheme}://{{listen}}"));
            let mut options = options.flag("--node-id", &format!("n{node}"));
            // What one of them signs, all let in.
            options.env.push(("ROLECALL_TOKEN_KEY".to_owned(), "a-key-that-all-servers-of-the-test-share".to_owned()));
            Server::start(options)
        });
        try_join_all(nodes).await
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// One of them.
    ///
    /// # Errors
    /// When there is none of this number.
    pub fn node(&self, number: usize) -> Result<&Server> {
        self.nodes.get(number).with_context(|| format!("there is no node {number}"))
    }

    /// One of them, to be killed or started.
    ///
    /// # Errors
    /// When there is none of this number.
    pub fn node_mut(&mut self, number: usize) -> Result<&mut Server> {
        self.nodes.get_mut(number).with_context(|| format!("there is no node {number}"))
    }

    /// One of them, and Redis beside it.
    ///
    /// # Errors
    /// When there is none of this number.
    pub fn node_and_redis(&mut self, number: usize) -> Result<(&mut Server, &Redis)> {
        let node = self.nodes.get_mut(number).with_context(|| format!("there is no node {number}"))?;
        Ok((node, &self.redis))
    }

    /// Stops a node from running (SIGSTOP), or lets it go on.
    ///
    /// # Errors
    /// When it does not run.
    pub fn freeze(&self, number: usize, frozen: bool) -> Result<()> {
        signal(self.node(number)?.pid()?, if frozen { libc::SIGSTOP } else { libc::SIGCONT })
    }

    /// The node that owns a session, as Redis has it.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn owner(&self, session: &str) -> Result<Option<usize>> {
        let owner = self.redis.ask(&["HGET", &format!("rolecall:{{{session}}}:state"), "owner"]).await?;
        let name = owner.first().and_then(|owner| owner.split('/').next());
        Ok(name.and_then(|name| name.strip_prefix('n')).and_then(|number| number.parse().ok()))
    }

    /// How many sessions of a node have an unfinished reply.
    ///
    /// # Errors
    /// When Redis does not answer.
    pub async fn unfinished(&self, number: usize) -> Result<usize> {
        let mut count = 0;
        for part in 0..16 {
            for session in self.redis.ask(&["HKEYS", &format!("rolecall:{{running:{part}}}")]).await? {
                let running = self.redis.ask(&["HEXISTS", &format!("rolecall:{{{session}}}:state"), "running"]).await?;
                if running == ["1"] && self.owner(&session).await? == Some(number) {
                    count += 1;
                }
            }
        }
        Ok(count)
    }

    /// Fails when a server said that it met something impossible.
    ///
    /// # Errors
    /// With what it said.
    pub fn check_logs(&self) -> Result<()> {
        for node in &self.nodes {
            let log = node.log();
            let bad = log.lines().find(|line| line.contains("panicked") || line.contains("is damaged"));
            ensure!(bad.is_none(), "{bad:?}");
        }
        Ok(())
    }
}

//! Many sessions that commit at the same time, each one message after the other, for a time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use anyhow::Result;
use rolecall_tests::clock;
use rolecall_tests::committing::{Part, Round, Subject};
use rolecall_tests::process;
use tokio::task::JoinSet;

use crate::content::Content;
use crate::raw::Raw;
use crate::stored::{Place, Stored};

/// Messages of a round at the most: what is kept in memory stays in memory.
const MOST: u64 = 300_000;

/// Where messages go.
pub(crate) enum Target {
    Stored(Stored),
    Raw(Raw),
}

/// Where a session stands.
pub(crate) enum At {
    Stored(Place),
    Raw(usize),
}

/// The sessions, between two rounds.
pub(crate) struct Load {
    target: Arc<Target>,
    content: Arc<Content>,
    sessions: Vec<At>,
    server: Option<i32>,
    me: i32,
}

impl Target {
    /// Opens or connects.
    pub(crate) async fn open(part: &Part) -> Result<Self> {
        match &part.subject {
            Subject::Raw { url, pipelined } => Ok(Self::Raw(Raw::open(url, *pipelined).await?)),
            subject => Ok(Self::Stored(Stored::open(subject, part).await?)),
        }
    }

    /// Commits a session's next message.
    async fn commit(&self, at: &mut At, number: usize, content: &Content) -> Result<()> {
        match (self, at) {
            (Self::Stored(stored), At::Stored(place)) => stored.commit(place, number, content).await,
            (Self::Raw(raw), At::Raw(session)) => raw.add(*session, content.message(number)?).await,
            _ => anyhow::bail!("a session of another target"),
        }
    }
}

impl Load {
    pub(crate) fn new(mut target: Target, part: &Part) -> Result<Self> {
        let sessions = match &mut target {
            Target::Stored(stored) => stored.places().into_iter().map(At::Stored).collect(),
            Target::Raw(_) => (0..part.sessions).map(At::Raw).collect(),
        };
        Ok(Self {
            target: Arc::new(target),
            content: Arc::new(Content::new(part.message, part.state)?),
            sessions,
            server: part.server,
            me: i32::try_from(std::process::id())?,
        })
    }

    /// Lets all sessions commit for a time, and waits for what is under way then.
    pub(crate) async fn round(&mut self, seconds: f64) -> Result<Round> {
        let count = Arc::new(AtomicU64::new(0));
        let before = self.spent()?;
        let start = clock::now();
        let over = start + Duration::from_secs_f64(seconds);
        let mut tasks = JoinSet::new();
        for (number, at) in std::mem::take(&mut self.sessions).into_iter().enumerate() {
            let (target, content) = (Arc::clone(&self.target), Arc::clone(&self.content));
            tasks.spawn(session(target, content, at, number, over, Arc::clone(&count)));
        }
        let mut latencies = Vec::new();
        while let Some(ended) = tasks.join_next().await {
            let (at, took) = ended??;
            self.sessions.push(at);
            latencies.extend(took);
        }
        let seconds = start.elapsed().as_secs_f64();
        let after = self.spent()?;
        latencies.sort_unstable();
        let at = |percent: usize| {
            let rank = (latencies.len() * percent).div_ceil(100).max(1);
            f64::from(latencies.get(rank - 1).copied().unwrap_or_default())
        };
        Ok(Round {
            messages: latencies.len() as u64,
            seconds,
            cpu: after.cpu - before.cpu,
            server_cpu: after.server_cpu - before.server_cpu,
            written: after.written - before.written,
            p50: at(50),
            p99: at(99),
        })
    }

    pub(crate) async fn close(&self) {
        if let Target::Stored(stored) = &*self.target {
            stored.close().await;
        }
    }

    fn spent(&self) -> Result<Spent> {
        let server = |read: fn(i32) -> Result<f64>| self.server.map(read).transpose();
        Ok(Spent {
            cpu: process::cpu_exact(self.me)?,
            server_cpu: server(process::cpu_exact)?.unwrap_or_default(),
            written: process::written(self.me)? + server(process::written)?.unwrap_or_default(),
        })
    }
}

/// What was used up to now.
struct Spent {
    cpu: f64,
    server_cpu: f64,
    written: f64,
}

/// One session; gives where it stands, and the microseconds that each of its commits took.
async fn session(
    target: Arc<Target>,
    content: Arc<Content>,
    mut at: At,
    seed: usize,
    over: Instant,
    count: Arc<AtomicU64>,
) -> Result<(At, Vec<u32>)> {
    let (mut number, mut took) = (seed.wrapping_mul(31), Vec::new());
    while clock::now() < over && count.fetch_add(1, Ordering::Relaxed) < MOST {
        let start = clock::now();
        target.commit(&mut at, number, &content).await?;
        took.push(u32::try_from(start.elapsed().as_micros()).unwrap_or(u32::MAX));
        number = number.wrapping_add(1);
        // A store that answers at once must not keep the others from their turn.
        tokio::task::consume_budget().await;
    }
    Ok((at, took))
}

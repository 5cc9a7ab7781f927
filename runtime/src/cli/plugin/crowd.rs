//! Many replies at once, each judged piece by piece as a server does: with queues, threads and a share of
//! the processors.

use std::time::Duration;

use serde_json::{Map, Value};
use tokio::task::JoinSet;

use crate::clock;
use crate::plugin::{CallError, Context, HostConfig, PluginHost, PolicyStream, Spread};

/// Replies at once, if they need no more memory together than this.
const REPLIES: u64 = 1_000;
const MEMORY: u64 = 1 << 30;
/// Pieces of each, and the time from one to the next: two sentences a second.
const PIECES: u32 = 10;
const PACE: Duration = Duration::from_millis(500);

/// How many replies there were, and how long a piece of one waited for its judgement; `None` when the policy
/// opens no streams. An instance has so many bytes.
pub(super) async fn measure(
    component: &[u8],
    params: &Map<String, Value>,
    text: &str,
    instance: Option<u64>,
) -> anyhow::Result<Option<(u32, Spread)>> {
    let (host, manifest) = PluginHost::alone(component, HostConfig::new(""))?;
    if !manifest.streaming {
        return Ok(None);
    }
    let count = instance.map_or(REPLIES, |bytes| (MEMORY / bytes.max(1)).clamp(1, REPLIES));
    let count = u32::try_from(count)?;
    let piece: String = text.chars().take(30).collect();
    // One after the other: replies that begin together are not what is measured here.
    let mut streams = Vec::new();
    for _ in 0..count {
        let Some(stream) = host.open(&manifest.name, params, &Context::default()).await? else { return Ok(None) };
        streams.push(stream);
    }
    let mut replies = JoinSet::new();
    for (stream, number) in streams.into_iter().zip(0..) {
        replies.spawn(reply(stream, piece.clone(), PACE * number / count));
    }
    let mut taken = Vec::new();
    while let Some(reply) = replies.join_next().await {
        taken.extend(reply??);
    }
    taken.sort_unstable();
    let at = |percent: usize| taken.get(taken.len() * percent / 100).copied();
    Ok(at(50).zip(at(99)).map(|(p50, p99)| (count, Spread { p50, p99 })))
}

/// One reply, which begins when its time has come.
async fn reply(mut stream: PolicyStream, piece: String, begins: Duration) -> Result<Vec<Duration>, CallError> {
    tokio::time::sleep(begins).await;
    let mut taken = Vec::new();
    for _ in 0..PIECES {
        let began = clock::now();
        stream.push(&piece).await?;
        taken.push(began.elapsed());
        tokio::time::sleep(PACE).await;
    }
    stream.finish().await?;
    Ok(taken)
}

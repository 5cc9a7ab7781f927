//! Many replies at once, each judged piece by piece as a server does: with queues, threads and a share of
//! the processors.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};
use tokio::sync::Barrier;
use tokio::task::JoinSet;

use crate::clock;
use crate::plugin::{Context, HostConfig, PluginHost, Spread};

/// Replies at once.
pub(super) const REPLIES: u32 = 1_000;
/// Pieces of each, and the time from one to the next: two sentences a second.
const PIECES: u32 = 10;
const PACE: Duration = Duration::from_millis(500);

/// How long a piece of a reply waits for its judgement; `None` when the policy opens no streams.
pub(super) async fn measure(
    component: &[u8],
    params: &Map<String, Value>,
    text: &str,
) -> anyhow::Result<Option<Spread>> {
    let (host, manifest) = PluginHost::alone(component, HostConfig::new(""))?;
    if !manifest.streaming {
        return Ok(None);
    }
    let piece: String = text.chars().take(30).collect();
    let (mut replies, all) = (JoinSet::new(), Arc::new(Barrier::new(REPLIES as usize)));
    for number in 0..REPLIES {
        let (host, manifest, params, piece) = (host.clone(), manifest.clone(), params.clone(), piece.clone());
        let all = Arc::clone(&all);
        replies.spawn(async move {
            let opened = host.open(&manifest.name, &params, &Context::default()).await;
            // Replies that begin together are not what is measured here.
            all.wait().await;
            let Some(mut stream) = opened? else {
                return Ok(Vec::new());
            };
            // They begin at different times, as people do.
            tokio::time::sleep(PACE * number / REPLIES).await;
            let mut taken = Vec::new();
            for _ in 0..PIECES {
                let began = clock::now();
                stream.push(&piece).await?;
                taken.push(began.elapsed());
                tokio::time::sleep(PACE).await;
            }
            stream.finish().await?;
            Ok::<_, crate::plugin::CallError>(taken)
        });
    }
    let mut taken = Vec::new();
    while let Some(reply) = replies.join_next().await {
        taken.extend(reply??);
    }
    taken.sort_unstable();
    let at = |percent: usize| taken.get(taken.len() * percent / 100).copied();
    Ok(at(50).zip(at(99)).map(|(p50, p99)| Spread { p50, p99 }))
}

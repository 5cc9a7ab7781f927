//! What a message takes where it is kept, against its text.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rolecall_tests::clock::{self, PATIENCE};
use rolecall_tests::committing::{Part, Subject};
use rolecall_tests::redis::Redis;

use super::committer::Committer;
use super::{Scale, TEXT};
use crate::table::Row;

/// Sessions that the messages are spread over.
const SESSIONS: usize = 100;

/// Both stores, filled by commits that carry a state of so many bytes.
pub(crate) async fn measure(state: usize, scale: &Scale) -> Result<Vec<Row>> {
    let part = |subject, server| Part { subject, sessions: SESSIONS, message: TEXT, state, turns: false, server };
    let home = tempfile::tempdir()?;
    let mut process = Committer::start(&part(Subject::Embedded(home.path().join("store")), None)).await?;
    let messages = process.round(scale.filling).await?.messages as f64;
    let left = process.close().await?;
    let row = |what: &str, bytes: f64| Row::new(what, bytes, "B").against("its text", TEXT as f64);
    let mut rows = vec![
        Row::new("embedded store, one message of", messages, ""),
        row("  on the disk, store closed", left.closed / messages),
        row("  in a copy by `rolecall store backup`", left.compacted / messages),
    ];
    let redis = Redis::with(&["--auto-aof-rewrite-percentage", "0"]).await?.quiet();
    let subject = Subject::Redis { url: redis.url(), durability: "aof".to_owned() };
    let mut process = Committer::start(&part(subject, Some(redis.pid()?))).await?;
    let before = [info(&redis, "aof_current_size").await?, info(&redis, "used_memory").await?];
    let messages = process.round(scale.filling).await?.messages as f64;
    process.close().await?;
    let [file, memory] = [info(&redis, "aof_current_size").await?, info(&redis, "used_memory").await?];
    redis.ask(&["BGREWRITEAOF"]).await?;
    let started = clock::now();
    while info(&redis, "aof_rewrite_in_progress").await? + info(&redis, "aof_rewrite_scheduled").await? > 0.0 {
        ensure!(started.elapsed() < PATIENCE, "Redis does not finish writing its file anew");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let rewritten = info(&redis, "aof_current_size").await?;
    rows.extend([
        Row::new("Redis store, one message of", messages, ""),
        row("  in the append-only file, as written", (file - before[0]) / messages),
        row("  in that file written anew (RDB)", rewritten / messages),
        row("  in Redis's memory", (memory - before[1]) / messages),
    ]);
    Ok(rows)
}

/// A number that Redis tells about itself.
async fn info(redis: &Redis, name: &str) -> Result<f64> {
    let all = redis.ask(&["INFO", "everything"]).await?.concat();
    let value = all.lines().find_map(|line| line.trim().strip_prefix(name)?.strip_prefix(':'));
    value.and_then(|value| value.parse().ok()).with_context(|| format!("Redis says nothing of {name}"))
}

//! A small storm over three servers on one Redis in every test run; `make storm-nodes` is the large one.

use std::time::Duration;

use anyhow::{Result, ensure};
use rolecall_storm::{Nodes, Storm};

/// Fails when a message is lost, repeated, reordered, altered or shown before it is durable, or a reply does not end exactly
/// once, while servers that share their sessions are killed, stand still and come back, and so does Redis.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_over_dying_servers() -> Result<()> {
    let storm = Storm {
        clients: 60,
        lasts: Duration::from_secs(32),
        cut_after: Duration::from_secs(6),
        away: Duration::from_millis(300),
        pause: Duration::from_millis(1_500),
        timeout: Duration::from_secs(6),
        seed: 4,
    };
    let nodes = Nodes { count: 3, every: Duration::from_secs(4), down: Duration::from_secs(4) };
    let report = storm.run_on(nodes, None).await?;
    ensure!(report.account.is_clean(), "{report:?}");
    let happened = report.accidents;
    ensure!(happened.kills > 2 && happened.interrupted > 5, "nobody was killed at work: {report:?}");
    let stood_still = happened.stops > 0 && happened.redis_stops > 0;
    ensure!(stood_still && happened.redis_kills > 0, "not everything happened: {report:?}");
    ensure!(report.account.accepted > 60 && report.account.shown > 300, "nobody talked: {report:?}");
    Ok(())
}

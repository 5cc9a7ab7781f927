//! A small rolling restart in every test run; `make storm-rolling` is the large one.

use std::time::Duration;

use anyhow::{Result, ensure};
use rolecall_storm::Rolling;

/// Fails when a client does not come back from a restart of its server, or a message is lost, repeated, reordered, altered or
/// shown before it is durable, or a reply does not end exactly once, while servers hand their clients over to each other.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everybody_comes_back_from_a_rolling_restart() -> Result<()> {
    let rolling = Rolling {
        nodes: 3,
        clients: 60,
        pause: Duration::from_millis(1_500),
        steady: Duration::from_secs(2),
        settle: Duration::from_secs(1),
        hand_over: Some("3s".to_owned()),
        seed: 7,
    };
    let rolled = rolling.run(None).await?;
    ensure!(rolled.back == 60, "{rolled:?}");
    ensure!(rolled.account.is_clean(), "{rolled:?}");
    let moves: u64 = rolled.restarts.iter().map(|restart| restart.clients).sum();
    // Each was on one of the servers at least.
    ensure!(rolled.restarts.len() == 3 && moves >= 60 && rolled.gaps_ms.len() >= 60, "nobody had to move: {rolled:?}");
    ensure!(rolled.account.accepted > 60 && rolled.account.shown > 120, "nobody talked: {rolled:?}");
    ensure!(rolled.steady > 0.0 && rolled.peak > 0.0, "Redis did nothing: {rolled:?}");
    Ok(())
}

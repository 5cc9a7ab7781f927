//! A small storm in every test run; `make storm` is the large one.

use std::time::Duration;

use anyhow::{Result, ensure};
use rolecall_storm::Storm;

/// Fails when a message is lost, repeated, reordered or altered over cuts, silence and moves between transports; or when
/// the storm is none.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nothing_is_lost_in_a_small_storm() -> Result<()> {
    let storm = Storm {
        clients: 60,
        lasts: Duration::from_secs(20),
        cut_after: Duration::from_secs(2),
        away: Duration::from_millis(300),
        pause: Duration::from_millis(1_500),
        // Twice and more within the storm: silence must be noticed, not only waited out.
        timeout: Duration::from_secs(6),
        seed: 1,
    };
    let report = storm.run().await?;
    ensure!(report.account.is_clean(), "{report:?}");
    ensure!(report.cut > 60 && report.silent > 10 && report.account.resumed > 60, "that was no storm: {report:?}");
    ensure!(report.account.accepted > 60 && report.account.shown > 300, "nobody talked: {report:?}");
    Ok(())
}

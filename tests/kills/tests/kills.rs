//! The store's process killed at random points, in the bounded form that every run has.

use std::path::PathBuf;

use anyhow::{Result, ensure};
use rolecall_kills::Kills;
use rolecall_tests::server;

// Fails when a write is acknowledged before it is with the system, a step is written in part, the head is read wrongly
// at the start, or a directory cannot be opened after a kill at any point, that of its first start included.
#[tokio::test]
async fn nothing_acknowledged_is_lost_when_the_process_is_killed() -> Result<()> {
    let seed = server::entropy();
    server::show("seed of the kills", &seed.to_string());
    let kills = Kills { writer: PathBuf::from(env!("CARGO_BIN_EXE_rolecall-kills")), kills: 40, seed };
    let outcome = kills.run().await?;
    server::show("outcome", &format!("{outcome:?}"));
    ensure!(outcome.kills == 40 && outcome.writing >= 20, "too little was written: {outcome:?}");
    ensure!(outcome.balanced > 15, "it was hardly ever looked at: {outcome:?}");
    ensure!(outcome.acknowledged > 1_000 && outcome.compared > 5_000, "too little was compared: {outcome:?}");
    Ok(())
}

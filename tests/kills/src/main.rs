//! `rolecall-kills [--kills N] [--seed S]`: see the library. `rolecall-kills write DIR LIFE SEED [SESSION…]` is what it kills.

use std::io::Write;
use std::path::Path;

use anyhow::{Context, Result, bail};
use rolecall_kills::{Kills, writer};

fn main() -> Result<()> {
    tokio::runtime::Runtime::new()?.block_on(run())
}

async fn run() -> Result<()> {
    let (mut kills, mut seed) = (500, 1);
    let mut args = std::env::args().skip(1);
    while let Some(arg) = args.next() {
        let value = args.next().with_context(|| format!("{arg} takes a value"))?;
        match arg.as_str() {
            "write" => {
                let (life, seed) = (args.next().context("no life")?.parse()?, args.next().context("no seed")?.parse()?);
                let sessions: Vec<_> = args.map(|id| id.parse()).collect::<Result<_, _>>()?;
                return writer::run(Path::new(&value), life, seed, &sessions).await;
            }
            "--kills" => kills = value.parse()?,
            "--seed" => seed = value.parse()?,
            other => bail!("{other} is no option; there are --kills and --seed"),
        }
    }
    // Ends with the first write that is lost or there in part, and with the first sequence id that is reused.
    let outcome = Kills { writer: std::env::current_exe()?, kills, seed }.run().await?;
    let mut out = std::io::stdout();
    writeln!(out, "{} kills (seed {seed}): {} while the directory was being opened", outcome.kills, outcome.opening)?;
    writeln!(out, "{} after writes, {} of which were acknowledged", outcome.writing, outcome.acknowledged)?;
    writeln!(out, "{} log entries compared byte for byte, each with what was known of its id", outcome.compared)?;
    writeln!(
        out,
        "the ledger balanced after each of the {} times that the store was opened and read",
        outcome.balanced
    )?;
    Ok(())
}

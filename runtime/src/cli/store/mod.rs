//! `rolecall store`: the sessions of a data directory, while a server uses it too.

mod backup;
mod check;
mod export;
mod repair;

use std::path::{Path, PathBuf};

use anyhow::ensure;
use clap::{Args, Subcommand};

use super::{ERRORS, output};
use crate::store::{StoreError, StoreSource};

/// Backs up, checks, exports and repairs the sessions of a data directory.
///
/// A server may use the directory meanwhile: the command then gets everything as it is at one moment from that server,
/// by the socket `store/control` in it, which only its user may use. Sessions on Redis are not in the data directory.
#[derive(Debug, Args)]
pub(super) struct StoreArgs {
    #[command(subcommand)]
    command: StoreCommand,
}

#[derive(Debug, Subcommand)]
enum StoreCommand {
    /// Copy sessions and token keys into a new directory. To restore, start a server with `--data` on it or on a copy.
    Backup {
        /// The data directory.
        dir: PathBuf,
        /// The directory to make.
        to: PathBuf,
    },
    /// Read every record and say what is damaged, and where. Exit code 1 when anything is.
    Check {
        /// The data directory.
        dir: PathBuf,
    },
    /// Drop the last write of sessions that cannot be read since the machine failed, and with which no server starts. It is
    /// kept in a file. Damage before other writes stays: restore a backup then. No server may use the directory.
    Repair {
        /// The data directory.
        dir: PathBuf,
    },
    /// Write sessions, log entries and waiting messages as one JSON object a line. Exit code 1 when some cannot be read.
    Export {
        /// The data directory.
        dir: PathBuf,
    },
}

pub(super) async fn run(args: StoreArgs) -> anyhow::Result<u8> {
    // Everything here waits for disks and pipes.
    tokio::task::spawn_blocking(move || match args.command {
        StoreCommand::Backup { dir, to } => told(backup::run(&dir, &to)),
        StoreCommand::Check { dir } => told(check::run(&dir)),
        StoreCommand::Repair { dir } => told(repair::run(&dir)),
        StoreCommand::Export { dir } => told(export::run(&dir)),
    })
    .await?
}

/// The store of a data directory.
fn source(dir: &Path) -> anyhow::Result<StoreSource> {
    is_directory(dir)?;
    Ok(StoreSource::open(&dir.join("store"))?)
}

fn is_directory(dir: &Path) -> anyhow::Result<()> {
    ensure!(dir.is_dir(), "{} is not a directory; name the data directory of a server (--data)", dir.display());
    Ok(())
}

/// Damage is what was asked for, not a wrong call.
fn told(outcome: anyhow::Result<u8>) -> anyhow::Result<u8> {
    match outcome {
        Err(error) if matches!(error.downcast_ref(), Some(StoreError::Corrupt { .. })) => {
            output::complain(&format!("rolecall: {error:#}"));
            Ok(ERRORS)
        }
        other => other,
    }
}

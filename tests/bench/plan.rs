//! What many connections take of the machine, asked before the first is opened: one that runs out of memory on the way measures
//! nothing, and may take others with it.

use anyhow::{Context, Result, ensure};
use rolecall_tests::process;

/// Files of a process besides its connections.
const SPARE: usize = 1_000;

/// Clients of one process at most.
const TOGETHER: usize = 50_000;

/// Bytes that a connection may take on the server, generously.
const SERVER: u64 = 8 * 1_024;
/// On the client, whose buffers are larger.
const CLIENT: u64 = 6 * 1_024;
/// Of the kernel, for both ends.
const KERNEL: u64 = 8 * 1_024;

/// How many clients one process holds, if this machine can hold so many in all.
///
/// # Errors
/// When the server may not open that many files, or memory is short; the message says what to change.
pub(crate) fn clients_per_process(count: usize) -> Result<usize> {
    let files = count + SPARE;
    process::open_files(files as u64, "--sessions").with_context(|| format!("{count} sessions in one server"))?;
    let (needed, free) = (count as u64 * (SERVER + CLIENT + KERNEL), available()?);
    ensure!(
        free >= needed,
        "{count} sessions and their clients may take {} MiB and {} MiB are free: use a smaller --sessions",
        needed >> 20,
        free >> 20
    );
    Ok(TOGETHER)
}

/// Bytes of memory that can be had.
fn available() -> Result<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").context("this reads /proc: run it on Linux")?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:")).context("no MemAvailable")?;
    let kib: u64 = line.trim().trim_end_matches(" kB").parse()?;
    Ok(kib * 1_024)
}

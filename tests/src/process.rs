//! What a process uses, as the kernel counts it.

use anyhow::{Context, Result};

/// Resident memory of a process, in bytes.
///
/// # Errors
/// When the process is gone, or the system has no `/proc`.
pub fn rss(pid: i32) -> Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("this reads /proc: run it on Linux")?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).context("no VmRSS")?;
    let kib: f64 = line.split_whitespace().nth(1).context("no VmRSS")?.parse()?;
    Ok(kib * 1024.0)
}

/// Processor time of a process since its start, in seconds.
///
/// # Errors
/// As [`rss`].
pub fn cpu(pid: i32) -> Result<f64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"))?;
    // Behind the name, which may hold spaces, fields 12 and 13 are user and system time in ticks.
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks = |at: usize| fields.get(at).context("a short stat line")?.parse::<f64>().context("not a number");
    Ok((ticks(11)? + ticks(12)?) / 100.0)
}

//! What a process uses, as the kernel counts it.

use anyhow::{Context, Result, ensure};

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

/// Processor time of a process since its start, in seconds, to the nanosecond: for what lasts a second or two. Threads that
/// have ended count.
///
/// # Errors
/// When the process is gone.
#[allow(unsafe_code, reason = "std has no safe call for the clock of a process")]
pub fn cpu_exact(pid: i32) -> Result<f64> {
    let (mut clock, mut time) = (0, libc::timespec { tv_sec: 0, tv_nsec: 0 });
    // SAFETY: clock_getcpuclockid writes one clock id through a pointer that is valid for it.
    let found = unsafe { libc::clock_getcpuclockid(pid, &raw mut clock) };
    ensure!(found == 0, "process {pid} has no clock: {}", std::io::Error::from_raw_os_error(found));
    // SAFETY: clock_gettime writes one timespec through a pointer that is valid for it.
    let read = unsafe { libc::clock_gettime(clock, &raw mut time) };
    ensure!(read == 0, "cannot read the clock of process {pid}: {}", std::io::Error::last_os_error());
    Ok(time.tv_sec as f64 + time.tv_nsec as f64 / 1e9)
}

/// Bytes that a process has caused to be written to disks since its start. Where its files are in memory there are none.
///
/// # Errors
/// As [`rss`].
pub fn written(pid: i32) -> Result<f64> {
    let io = std::fs::read_to_string(format!("/proc/{pid}/io")).context("this reads /proc: run it on Linux")?;
    let bytes = io.lines().find_map(|line| line.strip_prefix("write_bytes: ")).context("no write_bytes")?;
    Ok(bytes.trim().parse()?)
}

/// Threads of a process.
///
/// # Errors
/// As [`rss`].
pub fn threads(pid: i32) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/task"))?.count())
}

/// Sockets that a process holds open.
///
/// # Errors
/// As [`rss`].
pub fn sockets(pid: i32) -> Result<usize> {
    let open = std::fs::read_dir(format!("/proc/{pid}/fd"))?;
    // One that is closed meanwhile is none.
    let places = open.filter_map(|entry| std::fs::read_link(entry.ok()?.path()).ok());
    Ok(places.filter(|place| place.to_string_lossy().starts_with("socket:")).count())
}

/// File descriptors that a process holds, sockets among them.
///
/// # Errors
/// As [`rss`].
pub fn descriptors(pid: i32) -> Result<usize> {
    Ok(std::fs::read_dir(format!("/proc/{pid}/fd"))?.count())
}

/// Lets this process and its children open this many files; `option` is how the caller's user asks for less.
///
/// # Errors
/// When the system's limit is lower.
pub fn open_files(wanted: u64, option: &str) -> Result<()> {
    let mut limit = limit()?;
    if limit.rlim_cur >= wanted {
        return Ok(());
    }
    limit.rlim_cur = wanted;
    limit.rlim_max = limit.rlim_max.max(wanted);
    let remedy = format!("raise the hard limit (ulimit -Hn) or use {option} with a smaller number");
    set(limit).with_context(|| format!("cannot open {wanted} files at once; {remedy}"))
}

/// Lets this process and its children open as many files as the system allows them, and says how many.
///
/// # Errors
/// When the system does not tell.
pub fn open_all_files() -> Result<u64> {
    let mut limit = limit()?;
    limit.rlim_cur = limit.rlim_max;
    set(limit)?;
    Ok(limit.rlim_cur)
}

#[allow(unsafe_code, reason = "std has no safe call for resource limits")]
fn limit() -> Result<libc::rlimit> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit writes one rlimit through a pointer that is valid for it.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    ensure!(read == 0, "cannot read the limit of open files: {}", std::io::Error::last_os_error());
    Ok(limit)
}

#[allow(unsafe_code, reason = "std has no safe call for resource limits")]
fn set(limit: libc::rlimit) -> Result<()> {
    // SAFETY: setrlimit reads one rlimit through a pointer that is valid for it.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    ensure!(set == 0, "cannot change the limit of open files: {}", std::io::Error::last_os_error());
    Ok(())
}

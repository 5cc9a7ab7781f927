//! What a process uses, and may use.

use anyhow::{Result, ensure};
pub(crate) use rolecall_tests::process::{cpu, rss};

/// Lets this process and its children open this many files.
#[allow(unsafe_code, reason = "std has no safe call for resource limits")]
pub(crate) fn open_files(wanted: u64) -> Result<()> {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: getrlimit writes one rlimit through a pointer that is valid for it.
    let read = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    ensure!(read == 0, "cannot read the limit of open files: {}", std::io::Error::last_os_error());
    if limit.rlim_cur >= wanted {
        return Ok(());
    }
    limit.rlim_cur = wanted;
    limit.rlim_max = limit.rlim_max.max(wanted);
    // SAFETY: setrlimit reads one rlimit through a pointer that is valid for it.
    let set = unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    let remedy = "raise the hard limit (ulimit -Hn) or use --sessions with a smaller number";
    ensure!(set == 0, "cannot open {wanted} files at once: {}; {remedy}", std::io::Error::last_os_error());
    Ok(())
}

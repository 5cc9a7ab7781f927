//! Lines for the policy's author, in the host's log. 64 lines and 16 KiB per call are kept.
//!
//! In native tests the lines are collected; see [`crate::testing::take_log`].

/// How important a line is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Level {
    /// While writing the policy.
    Debug,
    /// Worth knowing.
    Info,
    /// Odd.
    Warn,
    /// Broken.
    Error,
}

/// Writes a line.
pub fn log(level: Level, message: &str) {
    sink(level, message);
}

/// Writes a debugging line.
pub fn debug(message: &str) {
    log(Level::Debug, message);
}

/// Writes a line worth knowing.
pub fn info(message: &str) {
    log(Level::Info, message);
}

/// Writes a warning.
pub fn warn(message: &str) {
    log(Level::Warn, message);
}

/// Writes an error.
pub fn error(message: &str) {
    log(Level::Error, message);
}

#[cfg(target_arch = "wasm32")]
fn sink(level: Level, message: &str) {
    use crate::bindings::constraint::rolecall::policy::log as host;
    let level = match level {
        Level::Debug => host::Level::Debug,
        Level::Info => host::Level::Info,
        Level::Warn => host::Level::Warn,
        Level::Error => host::Level::Error,
    };
    host::log(level, message);
}

#[cfg(not(target_arch = "wasm32"))]
fn sink(level: Level, message: &str) {
    crate::testing::record(level, message);
}

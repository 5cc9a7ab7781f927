use std::fmt;
use std::sync::Arc;

use wasmtime::ResourceLimiter;

use crate::Limits;
use crate::engine::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};
use crate::instances::InstancePermit;
use crate::lift::cut;

/// Lines that a call may log; more are counted and left out.
const LOG_LINES: usize = 64;
/// Bytes that a call may log.
const LOG_BYTES: usize = 16 << 10;

/// What the host keeps for an instance.
pub(crate) struct State {
    plugin: Arc<str>,
    memory_limit: usize,
    memory: usize,
    /// A stream's: what it holds is counted beyond the call.
    permit: Option<InstancePermit>,
    /// Ticks left for the call.
    ticks_left: u64,
    /// Ticks left for this call and those that share its time.
    granted: u64,
    lines: usize,
    bytes: usize,
    dropped: usize,
    last_error: Option<String>,
}

/// How important a line of the log is.
#[derive(Debug, Clone, Copy)]
pub(super) enum Level {
    Debug,
    Info,
    Warn,
    Error,
}

/// An instance wanted more memory than it may have.
#[derive(Debug)]
pub(crate) struct MemoryLimit {
    pub(crate) wanted: usize,
    /// Of one instance; less when all streams together have as much as they may.
    pub(crate) limit: usize,
}

/// An instance wanted a larger table than it may have.
#[derive(Debug)]
pub(crate) struct TableLimit {
    wanted: usize,
}

impl State {
    pub(super) fn new(plugin: Arc<str>, limits: &Limits) -> Self {
        Self {
            plugin,
            memory_limit: limits.memory_bytes,
            memory: 0,
            permit: None,
            ticks_left: 0,
            granted: 0,
            lines: 0,
            bytes: 0,
            dropped: 0,
            last_error: None,
        }
    }

    /// Counts what the instance holds, from now on.
    pub(super) fn permit(&mut self, permit: Option<InstancePermit>) {
        self.permit = permit;
    }

    /// Bytes of its linear memories.
    pub(crate) fn memory(&self) -> usize {
        self.memory
    }

    /// Sets the time that the next calls share.
    pub(super) fn grant(&mut self, ticks: u64) {
        self.granted = ticks;
    }

    /// Begins a call.
    pub(super) fn arm(&mut self, ticks: u64) {
        if self.dropped > 0 {
            tracing::warn!(plugin = %self.plugin, lines = self.dropped, "log lines left out: too many in one call");
        }
        (self.ticks_left, self.lines, self.bytes, self.dropped) = (ticks.min(self.granted), 0, 0, 0);
        self.last_error = None;
    }

    /// A tick went by; whether the call may go on.
    pub(super) fn spend_tick(&mut self) -> bool {
        self.ticks_left = self.ticks_left.saturating_sub(1);
        self.granted = self.granted.saturating_sub(1);
        self.ticks_left > 0
    }

    /// A line for the policy's author.
    pub(super) fn line(&mut self, level: Level, message: &str) {
        self.bytes = self.bytes.saturating_add(message.len());
        if self.lines >= LOG_LINES || self.bytes > LOG_BYTES {
            self.dropped += 1;
            return;
        }
        self.lines += 1;
        let (plugin, message) = (&*self.plugin, message.trim_end());
        match level {
            Level::Debug => tracing::debug!(plugin, message, "plugin"),
            Level::Info => tracing::info!(plugin, message, "plugin"),
            Level::Warn => tracing::warn!(plugin, message, "plugin"),
            Level::Error => {
                tracing::error!(plugin, message, "plugin");
                self.last_error = Some(cut(message, 2 << 10).to_owned());
            }
        }
    }

    /// The last error that the guest logged in this call, such as the message of its panic.
    pub(super) fn take_last_error(&mut self) -> Option<String> {
        self.last_error.take()
    }
}

impl ResourceLimiter for State {
    fn memory_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let wanted = self.memory.saturating_sub(current).saturating_add(desired);
        if wanted > self.memory_limit {
            return Err(MemoryLimit { wanted, limit: self.memory_limit }.into());
        }
        if let Some(permit) = &mut self.permit
            && !permit.grow(wanted)
        {
            return Err(MemoryLimit { wanted, limit: self.memory }.into());
        }
        self.memory = wanted;
        Ok(true)
    }

    fn table_growing(&mut self, _current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        if desired > MAX_TABLE_ELEMENTS {
            return Err(TableLimit { wanted: desired }.into());
        }
        Ok(true)
    }

    fn instances(&self) -> usize {
        MAX_CORE_INSTANCES as usize
    }

    fn tables(&self) -> usize {
        MAX_TABLES as usize
    }

    fn memories(&self) -> usize {
        MAX_MEMORIES as usize
    }
}

impl fmt::Display for MemoryLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes of memory wanted", self.wanted)
    }
}

impl std::error::Error for MemoryLimit {}

impl fmt::Display for TableLimit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "a table of {} elements wanted; {MAX_TABLE_ELEMENTS} are allowed", self.wanted)
    }
}

impl std::error::Error for TableLimit {}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when a call gets its whole limit again after `create` has used up most of it.
    #[test]
    fn calls_share_the_time_granted() {
        let mut state = State::new("p".into(), &Limits::default());
        let mut run = |limit| {
            state.arm(limit);
            (1..).take_while(|_| state.spend_tick()).count()
        };
        assert_eq!(run(5), 0, "nothing is granted yet");
        state.grant(100);
        let mut run = |limit| {
            state.arm(limit);
            (1..).take_while(|_| state.spend_tick()).count()
        };
        assert_eq!((run(60), run(60), run(60)), (59, 39, 0));
    }
}

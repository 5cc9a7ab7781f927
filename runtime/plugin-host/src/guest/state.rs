use std::fmt;
use wasmtime::ResourceLimiter;

use super::FUEL_A_TICK;
use super::failure::DeadlinePassed;
use crate::engine::{MAX_CORE_INSTANCES, MAX_MEMORIES, MAX_TABLE_ELEMENTS, MAX_TABLES};
use crate::instances::InstancePermit;
use crate::lift::cut;
use crate::services::Outfit;
use crate::{Limits, Metering};

/// Lines that a call may log; more are counted and left out.
const LOG_LINES: usize = 64;
/// Bytes of one line of output.
const LINE_BYTES: usize = 2 << 10;
/// Bytes that a call may log.
const LOG_BYTES: usize = 16 << 10;

/// What the host keeps for an instance.
pub(crate) struct State {
    outfit: Outfit,
    memory_limit: usize,
    memory: usize,
    /// A stream's: what it holds is counted beyond the call.
    permit: Option<InstancePermit>,
    /// Ticks left for the call.
    ticks_left: u64,
    /// Ticks left for this call and those that share its time.
    granted: u64,
    /// Instructions that the host has run for it, short of a tick.
    debt: u64,
    /// Instructions that it has been given for the call, where they are counted instead of time.
    fuel: Option<u64>,
    lines: usize,
    bytes: usize,
    dropped: usize,
    last_error: Option<String>,
    /// What it wrote to its output since the last end of a line; to the one that is for errors, last.
    written: Vec<u8>,
    to_errors: bool,
    /// The end of what it wrote to its errors in this call.
    complaint: String,
    /// Where its "random" numbers are.
    seed: u64,
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
    pub(super) fn new(outfit: Outfit, limits: &Limits) -> Self {
        Self {
            outfit,
            memory_limit: limits.memory_bytes,
            memory: 0,
            permit: None,
            ticks_left: 0,
            granted: 0,
            debt: 0,
            fuel: (limits.metering == Metering::Fuel).then_some(0),
            lines: 0,
            bytes: 0,
            dropped: 0,
            last_error: None,
            written: Vec::new(),
            to_errors: false,
            complaint: String::new(),
            seed: 0,
        }
    }

    /// What it has of the host.
    pub(crate) fn outfit(&self) -> &Outfit {
        &self.outfit
    }

    /// Counts what the instance holds, from now on.
    pub(super) fn permit(&mut self, permit: Option<InstancePermit>) {
        self.permit = permit;
    }

    /// Whether what it holds is counted already.
    pub(super) fn is_counted(&self) -> bool {
        self.permit.is_some()
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
        self.end_line();
        self.tell_dropped();
        self.complaint.clear();
        (self.ticks_left, self.lines, self.bytes, self.dropped) = (ticks.min(self.granted), 0, 0, 0);
        self.last_error = None;
    }

    /// Whether instructions are counted instead of time.
    pub(super) fn counts_fuel(&self) -> bool {
        self.fuel.is_some()
    }

    /// The instructions that the call may run, if they are counted.
    pub(super) fn fuel(&mut self) -> Option<u64> {
        // Of the ticks one is for the partial one that time begins with.
        let fuel = self.ticks_left.saturating_sub(1).saturating_mul(FUEL_A_TICK);
        self.fuel.is_some().then(|| *self.fuel.insert(fuel))
    }

    /// Counts what the call before has run.
    pub(super) fn settle(&mut self, left: u64) {
        let run = self.fuel.unwrap_or_default().saturating_sub(left);
        self.fuel = Some(left);
        self.granted = self.granted.saturating_sub(run.div_ceil(FUEL_A_TICK));
    }

    /// Counts what the host does for the guest as time of the call, a tick for so many instructions.
    pub(super) fn charge(&mut self, instructions: u64) -> Result<(), DeadlinePassed> {
        self.debt = self.debt.saturating_add(instructions);
        let ticks = self.debt / FUEL_A_TICK;
        self.debt %= FUEL_A_TICK;
        self.spend(ticks)
    }

    fn spend(&mut self, ticks: u64) -> Result<(), DeadlinePassed> {
        self.ticks_left = self.ticks_left.saturating_sub(ticks);
        self.granted = self.granted.saturating_sub(ticks);
        if self.ticks_left > 0 { Ok(()) } else { Err(DeadlinePassed) }
    }

    /// A tick went by; whether the call may go on.
    pub(super) fn spend_tick(&mut self) -> bool {
        self.spend(1).is_ok()
    }

    /// A line for the policy's author.
    pub(super) fn line(&mut self, level: Level, message: &str) {
        self.bytes = self.bytes.saturating_add(message.len());
        if self.lines >= LOG_LINES || self.bytes > LOG_BYTES {
            self.dropped += 1;
            return;
        }
        self.lines += 1;
        let (plugin, message) = (&*self.outfit.plugin, message.trim_end());
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

    /// What the guest writes to its output or its errors, as lines of the log. What it says there when it
    /// panics becomes the reason.
    pub(crate) fn output(&mut self, to_errors: bool, bytes: &[u8]) {
        if to_errors != self.to_errors {
            self.end_line();
            self.to_errors = to_errors;
        }
        for byte in bytes {
            if *byte == b'\n' || self.written.len() >= LINE_BYTES {
                self.end_line();
            }
            if *byte != b'\n' {
                self.written.push(*byte);
            }
        }
    }

    /// Logs what stands in a line that has not ended.
    fn end_line(&mut self) {
        let written = std::mem::take(&mut self.written);
        if written.is_empty() {
            return;
        }
        let line = String::from_utf8_lossy(&written);
        if self.to_errors {
            self.complaint.push_str(line.trim());
            self.complaint.push(' ');
            // Interpreters say last what went wrong.
            let from = self.complaint.len().saturating_sub(2 << 10);
            let from = (from..self.complaint.len()).find(|at| self.complaint.is_char_boundary(*at));
            self.complaint.drain(..from.unwrap_or_default());
        }
        self.line(if self.to_errors { Level::Warn } else { Level::Info }, &line);
    }

    /// The next of the numbers that take the place of random ones: the same for every fresh instance, so that a
    /// policy judges alike wherever it runs. SplitMix64 (Steele, Lea and Flood, 2014).
    pub(crate) fn random(&mut self) -> u64 {
        self.seed = self.seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.seed ^ (self.seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// What the guest says of a trap of its own: the last error that it logged in this call, such as the
    /// message of its panic, or what it wrote to its errors.
    pub(super) fn take_last_error(&mut self) -> Option<String> {
        self.end_line();
        let complaint = std::mem::take(&mut self.complaint);
        self.last_error.take().or_else(|| Some(complaint.trim().to_owned()).filter(|words| !words.is_empty()))
    }

    /// Says how many lines were left out.
    fn tell_dropped(&mut self) {
        if self.dropped > 0 {
            tracing::warn!(plugin = %self.outfit.plugin, lines = self.dropped, "log lines left out: too many in one call");
        }
        self.dropped = 0;
    }
}

impl Drop for State {
    fn drop(&mut self) {
        self.end_line();
        self.tell_dropped();
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
        let mut state = State::new(Outfit::bare("p"), &Limits::default());
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

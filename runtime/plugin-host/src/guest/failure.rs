//! From what wasmtime reports to what the plugin's author reads.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use wasmtime::{FrameInfo, PoolConcurrencyLimitError, Store, Trap, WasmBacktrace};

use super::fuel;
use super::state::{MemoryLimit, State};
use crate::lift::cut;
use crate::{CallError, Limits};

/// Guest functions named in an error.
const FRAMES: usize = 6;
/// Frames that wasmtime traces, its default.
const TRACED: usize = 20;
/// Bytes of a function's name.
const NAME: usize = 160;
/// Bytes of a guest's own words in an error.
const WORDS: usize = 2 << 10;

/// A call being made: what its errors name.
pub(crate) struct Call<'a> {
    pub(crate) plugin: &'a str,
    pub(crate) export: &'static str,
    pub(crate) limits: &'a Limits,
    pub(crate) time: Duration,
}

/// The guest has used up its ticks.
#[derive(Debug)]
pub(super) struct DeadlinePassed;

impl fmt::Display for DeadlinePassed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the call's time is used up")
    }
}

impl std::error::Error for DeadlinePassed {}

impl Call<'_> {
    /// Names the failure. The instance must not be entered again.
    pub(crate) fn failure(&self, store: &mut Store<State>, error: &wasmtime::Error) -> CallError {
        let (plugin, export) = (self.plugin.to_owned(), self.export);
        let trace = error.downcast_ref::<WasmBacktrace>();
        let frames = trace.map(frames).unwrap_or_default();
        if let Some(memory) = error.downcast_ref::<MemoryLimit>() {
            return CallError::Memory { plugin, export, wanted: memory.wanted, limit: memory.limit, frames };
        }
        if error.downcast_ref::<PoolConcurrencyLimitError>().is_some() {
            return CallError::Busy { plugin, waiting: self.limits.streams as usize, what: "instances are alive" };
        }
        let trap = error.downcast_ref::<Trap>();
        if error.downcast_ref::<DeadlinePassed>().is_some() || trap == Some(&Trap::Interrupt) {
            let limit_ms = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
            return CallError::Deadline { plugin, export, limit_ms, frames };
        }
        if trap == Some(&Trap::OutOfFuel) {
            let limit_ms = u64::try_from(self.time.as_millis()).unwrap_or(u64::MAX);
            return CallError::Fuel { plugin, export, limit: fuel(self.time), limit_ms, frames };
        }
        // A guest's own stack lies at the bottom of its memory, so that its end is the memory's.
        let own_stack = trap == Some(&Trap::MemoryOutOfBounds) && trace.is_some_and(is_recursion);
        if trap == Some(&Trap::StackOverflow) || own_stack {
            return CallError::Stack { plugin, export, frames };
        }
        let root = error.root_cause().to_string();
        // There is no type for this one; a test holds the words.
        if root.contains("fuel allocated for hostcalls has been exhausted") {
            return CallError::ResultTooLarge { plugin, export, limit: self.limits.result_bytes };
        }
        // Of a trap of its own the guest knows more than the host; of what the host refused it, less.
        let own = trap.is_some().then(|| store.data_mut().take_last_error()).flatten();
        let message = own.unwrap_or(root);
        CallError::Trap { plugin, export, message: cut(&message, WORDS).to_owned(), frames }
    }

    /// The policy refuses its parameters.
    pub(super) fn bad_params(&self, param: &str, message: &str) -> CallError {
        CallError::BadParams {
            plugin: self.plugin.to_owned(),
            param: cut(param, 128).to_owned(),
            message: cut(message, WORDS).to_owned(),
        }
    }

    /// The policy's version of the ABI does not have the function.
    pub(super) fn unsupported(&self) -> CallError {
        CallError::Unsupported { plugin: self.plugin.to_owned(), export: self.export }
    }

    /// The policy says that it failed.
    pub(super) fn internal(&self, message: &str) -> CallError {
        let message = cut(message, WORDS).to_owned();
        CallError::Internal { plugin: self.plugin.to_owned(), export: self.export, message }
    }
}

/// Whether as many frames as are traced are of a few functions only.
fn is_recursion(trace: &WasmBacktrace) -> bool {
    let functions: BTreeSet<u32> = trace.frames().iter().map(FrameInfo::func_index).collect();
    trace.frames().len() >= TRACED && functions.len() <= TRACED / 4
}

/// The innermost guest functions by name, without the machinery around them.
fn frames(trace: &WasmBacktrace) -> Vec<String> {
    let shown = trace.to_string();
    let names = shown.lines().filter_map(|line| line.split_once('!')).map(|(_, name)| readable(name.trim()));
    let mut names: Vec<String> = names.filter(|name| !is_machinery(name)).collect();
    names.dedup();
    names.truncate(FRAMES);
    names
}

fn is_machinery(name: &str) -> bool {
    const CRATES: &[&str] =
        &["core::", "std::", "alloc::", "__rust", "rust_panic", "rolecall_plugin::", "wit_bindgen::", "dlmalloc::"];
    let path = name.trim_start_matches(['<', '&', '(']);
    CRATES.iter().any(|prefix| path.starts_with(prefix)) || name.contains('#') || name.starts_with("<wasm function")
}

/// A function's name without the hashes of the compiler.
fn readable(name: &str) -> String {
    let is_hash = |text: &str| text.len() >= 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    let plain = name.rsplit_once("::h").filter(|(_, hash)| is_hash(hash)).map_or(name, |(plain, _)| plain);
    let mut clean = String::with_capacity(plain.len());
    for part in plain.split_inclusive([']', '[']) {
        match part.strip_suffix(']') {
            Some(hash) if is_hash(hash) && clean.ends_with('[') => {
                clean.pop();
            }
            _ => clean.push_str(part),
        }
    }
    cut(&clean, NAME).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_readable() {
        assert_eq!(readable("std[a543996e6e7dbf1e]::panicking::begin"), "std::panicking::begin");
        assert_eq!(readable("guest::sins::recurse::hfac9fd96d1b1519d"), "guest::sins::recurse");
        assert_eq!(readable("guest::of::<[u8]>"), "guest::of::<[u8]>");
        assert!(is_machinery("<alloc::vec::Vec<u8> as core::clone::Clone>::clone") && !is_machinery("guest::spin"));
    }
}

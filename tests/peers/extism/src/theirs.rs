//! Extism, as its documentation advises who needs many instances: compiled once ([`CompiledPlugin`]), each
//! instance made of that. As in production, and as ours, it is given limits:
//!
//! - a time-out of 2 s; epochs are always on in Extism. Its time-outs are by the wall clock, so the 50 ms that our
//!   host grants a check, which count only while the guest runs, ended a check here on a busy machine;
//! - 32 MiB of memory, as our host by default;
//! - neither WASI, nor hosts to call, nor files.
//!
//! The module is named by its file: bytes in the manifest would be copied for each instance. JSON goes in and
//! out as in Extism's own examples, and what comes out is read into types, as our host does too.
//!
//! Tried and left out: a pool of instances tuned as ours, by `with_wasmtime_config`. No time of that run differed
//! by more than runs without it differ among themselves.

use std::ops::Range;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use extism::convert::Json;
use extism::{CompiledPlugin, Manifest, Plugin, PluginBuilder, Wasm};
use rolecall_plugin_host::Severity;
use serde::{Deserialize, Serialize};

use crate::rounds::{Costs, median};
use crate::{PARAMS, TEXT};

/// Calls of each kind in a round, as many as our host's `measure` makes.
const CALLS: usize = 2_000;
/// Time that a call may take.
const TIMEOUT: Duration = Duration::from_secs(2);
/// Pages of 64 KiB that an instance may have.
const MEMORY_PAGES: u32 = 512;
/// Instances that are held to see their memory.
const HELD: u32 = 256;
/// Bytes of a page, as Linux counts resident memory here.
const PAGE_KIB: f64 = 4.0;

/// The compiled plug-in.
pub(crate) struct Theirs(CompiledPlugin);

/// What `check` is asked.
#[derive(Debug, Serialize)]
struct Question<'a> {
    reply: &'a str,
    role: &'a str,
    language: &'a str,
}

/// A violation.
#[derive(Debug, PartialEq, Deserialize)]
pub(crate) struct Found {
    pub(crate) rule: String,
    pub(crate) message: String,
    pub(crate) severity: Severity,
    pub(crate) spans: Vec<Range<usize>>,
    pub(crate) suggestion: Option<String>,
}

impl Theirs {
    /// Compiles the plug-in in this file.
    pub(crate) fn compile(plugin: &Path) -> Result<Self> {
        let manifest = Manifest::new([Wasm::file(plugin)])
            .with_timeout(TIMEOUT)
            .with_memory_max(MEMORY_PAGES)
            .disallow_all_hosts()
            .with_config_key("params", PARAMS);
        // What is compiled once needs no cache, and a bench leaves nothing in the user's folders.
        let compiled = PluginBuilder::new(manifest).with_wasi(false).with_cache_disabled().compile();
        compiled.map(Self).with_context(|| format!("Extism does not take {}", plugin.display()))
    }

    /// What it finds in the text.
    pub(crate) fn check(&self) -> Result<Vec<Found>> {
        check(&mut self.instance()?)
    }

    pub(crate) fn measure(&self) -> Result<Costs> {
        let fresh = micros(|| self.instance())?;
        let fresh_check = micros(|| {
            let mut plugin = self.instance()?;
            check(&mut plugin)?;
            Ok(plugin)
        })?;
        let mut live = self.instance()?;
        let live_check = micros(|| check(&mut live))?;
        live.call::<(), ()>("open_stream", ())?;
        let empty = micros(|| Ok(live.call::<&str, Json<Vec<Found>>>("push", "")?.into_inner()))?;
        Ok(Costs { fresh, fresh_check, live_check, empty, resident: self.resident()? })
    }

    fn instance(&self) -> Result<Plugin> {
        Plugin::new_from_compiled(&self.0)
    }

    /// KiB of one instance among many.
    fn resident(&self) -> Result<f64> {
        let before = resident_kib()?;
        let mut held = Vec::new();
        for _ in 0..HELD {
            let mut plugin = self.instance()?;
            check(&mut plugin)?;
            held.push(plugin);
        }
        Ok((resident_kib()? - before) / f64::from(HELD))
    }
}

fn check(plugin: &mut Plugin) -> Result<Vec<Found>> {
    let question = Question { reply: TEXT, role: "scholar", language: "zh" };
    Ok(plugin.call::<_, Json<Vec<Found>>>("check", Json(question))?.into_inner())
}

/// The median of many calls, each with the drop of what it gives, after as many that warm up as a tenth of
/// them: as our host measures itself.
fn micros<T>(mut call: impl FnMut() -> Result<T>) -> Result<f64> {
    let mut taken = Vec::with_capacity(CALLS);
    for number in 0..CALLS + CALLS / 10 {
        let began = now();
        drop(call()?);
        if number >= CALLS / 10 {
            taken.push(began.elapsed().as_secs_f64() * 1e6);
        }
    }
    Ok(median(taken))
}

#[allow(clippy::disallowed_methods, reason = "this is the clock")]
fn now() -> Instant {
    Instant::now()
}

/// Resident memory of this process, by Linux.
fn resident_kib() -> Result<f64> {
    let facts = std::fs::read_to_string("/proc/self/statm")?;
    let pages: f64 = facts.split(' ').nth(1).context("no resident size")?.parse()?;
    Ok(pages * PAGE_KIB)
}

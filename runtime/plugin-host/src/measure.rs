//! What a plugin costs, measured on the thread that runs it: without queues and other threads, which
//! are the server's and not the plugin's.

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Map, Value};

use crate::compile::Job;
use crate::guest::abi::linker;
use crate::guest::{ConstraintGuest, DeliveryGuest, StreamGuest};
use crate::instances::Instances;
use crate::load::{self, Loader};
use crate::plugin::Plugin;
use crate::ticker::Ticker;
use crate::{Compiler, Context, HashedEmbedder, Limits, OfflineMessage, clock, engine};

/// What was measured of one plugin.
#[derive(Debug, Clone)]
pub struct Figures {
    /// Bytes of the component.
    pub size: usize,
    /// Compiling it.
    pub compile: Duration,
    /// Calls, by what they are.
    pub calls: Vec<(&'static str, Spread)>,
    /// Resident bytes of an instance that holds a stream; `None` without streams, or where the system does
    /// not say.
    pub instance: Option<u64>,
}

/// How long something took, of many times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spread {
    /// Half of them took no longer.
    pub p50: Duration,
    /// Of a hundred, 99 took no longer.
    pub p99: Duration,
}

/// Calls of each kind.
const CALLS: usize = 2_000;
/// Loads, which take longer.
const LOADS: usize = 100;
/// Instances that are held to see their memory.
const HELD: usize = 128;

/// Measures a component with these parameters on this text, for some seconds.
///
/// # Errors
/// It is refused, or fails: the sentence that its author is told.
pub fn measure(bytes: &[u8], params: &Map<String, Value>, text: &str) -> Result<Figures, String> {
    let limits = Limits::default();
    let told = |error: &dyn std::fmt::Display| error.to_string();
    let engine = engine::start(&limits, 1).map_err(|error| told(&error))?;
    let ticker = Ticker::start(engine.clone()).map_err(|error| told(&error))?;
    let began = clock::now();
    let code = Job::here(&engine).run(bytes).map_err(|error| told(&error))?;
    let compiled = began.elapsed();
    let instances = Instances::new(&limits);
    let linker = linker(&engine).map_err(|error| told(&error))?;
    let embedder = Arc::new(HashedEmbedder);
    let loader = Loader { engine, linker, limits, compiler: Compiler::Here, cache: None, instances, embedder };
    let bench =
        || Bench { loader: &loader, params: &Value::Object(params.clone()).to_string(), text }.run(bytes, &code);
    let figures = load::on_guest_thread(&ticker, bench);
    ticker.close();
    let figures = figures.map_err(|error| told(&error))??;
    Ok(Figures { compile: compiled, ..figures })
}

struct Bench<'a> {
    loader: &'a Loader,
    params: &'a str,
    text: &'a str,
}

impl Bench<'_> {
    fn run(&self, bytes: &[u8], code: &[u8]) -> Result<Figures, String> {
        let load = || {
            let plugin = self.loader.load_code(bytes, code).map_err(|refusal| refusal.to_string())?;
            let answered = if plugin.constraint.is_some() { self.check(&plugin) } else { self.merge(&plugin) };
            answered.map(|()| plugin)
        };
        let plugin = load()?;
        let streams = plugin.manifest.streaming;
        let mut calls = vec![("compiled code, loaded, to its first answer", spread(LOADS, load)?)];
        calls.push(("a fresh instance, made and dropped", self.fresh(&plugin)?));
        if plugin.constraint.is_some() {
            calls.push(("a fresh instance, parameters and a check", spread(CALLS, || self.check(&plugin))?));
            calls.push(("a check on a live instance", self.live(&plugin)?));
        }
        if plugin.delivery.is_some() {
            calls.push(("a fresh instance, parameters and a merge", spread(CALLS, || self.merge(&plugin))?));
        }
        let mut instance = None;
        if streams && let Some(mut stream) = self.stream(&plugin)? {
            let limits = &self.loader.limits;
            calls.push(("an empty piece of a stream", spread(CALLS, || words(stream.push(&plugin, limits, "")))?));
            let mut stream = self.stream(&plugin)?.ok_or("the policy opened a stream once and not again")?;
            calls.push(("a piece of 6 bytes", spread(CALLS, || words(stream.push(&plugin, limits, "你好")))?));
            instance = self.memory(&plugin)?;
        }
        Ok(Figures { size: bytes.len(), compile: Duration::ZERO, calls, instance })
    }

    fn fresh(&self, plugin: &Plugin) -> Result<Spread, String> {
        spread(CALLS, || {
            plugin.instantiate(&self.loader.engine, &self.loader.limits).map_err(|error| error.to_string())
        })
    }

    fn check(&self, plugin: &Plugin) -> Result<(), String> {
        let limits = &self.loader.limits;
        let mut guest = words(ConstraintGuest::create(plugin, limits, self.params))?;
        words(guest.check(plugin, limits, &Context::default(), self.text)).map(drop)
    }

    fn live(&self, plugin: &Plugin) -> Result<Spread, String> {
        let limits = &self.loader.limits;
        let mut guest = words(ConstraintGuest::create(plugin, limits, self.params))?;
        spread(CALLS, || words(guest.check(plugin, limits, &Context::default(), self.text)).map(drop))
    }

    fn merge(&self, plugin: &Plugin) -> Result<(), String> {
        let limits = &self.loader.limits;
        let message = |number: u64| OfflineMessage {
            biz_id: number.to_string(),
            role: "support".into(),
            intent: "notice".into(),
            priority: 1,
            turn_id: number,
            text: self.text.to_owned(),
            created_at_ms: number,
        };
        let window: Vec<_> = (0..4).map(message).collect();
        words(words(DeliveryGuest::create(plugin, limits, self.params))?.merge(plugin, limits, &window)).map(drop)
    }

    fn stream(&self, plugin: &Plugin) -> Result<Option<StreamGuest>, String> {
        let limits = &self.loader.limits;
        words(words(ConstraintGuest::create(plugin, limits, self.params))?.open_stream(
            plugin,
            limits,
            &Context::default(),
        ))
    }

    /// Resident bytes of one instance among many.
    fn memory(&self, plugin: &Plugin) -> Result<Option<u64>, String> {
        let Some(before) = resident() else { return Ok(None) };
        let mut held = Vec::with_capacity(HELD);
        for _ in 0..HELD {
            let mut stream = self.stream(plugin)?.ok_or("the policy opened a stream once and not again")?;
            words(stream.push(plugin, &self.loader.limits, self.text))?;
            held.push(stream);
        }
        Ok(resident().map(|now| now.saturating_sub(before) / HELD as u64))
    }
}

/// Times many calls, after as many that warm up as a tenth of them.
fn spread<T>(calls: usize, mut call: impl FnMut() -> Result<T, String>) -> Result<Spread, String> {
    let mut taken = Vec::with_capacity(calls);
    for number in 0..calls + calls / 10 {
        let began = clock::now();
        let done = call()?;
        drop(done);
        if number >= calls / 10 {
            taken.push(began.elapsed());
        }
    }
    taken.sort_unstable();
    let at = |percent: usize| taken.get(taken.len() * percent / 100).copied().unwrap_or_default();
    Ok(Spread { p50: at(50), p99: at(99) })
}

fn words<T>(result: Result<T, crate::CallError>) -> Result<T, String> {
    result.map_err(|error| error.to_string())
}

/// Resident bytes of this process, by Linux; pages have 4 KiB.
fn resident() -> Option<u64> {
    let facts = std::fs::read_to_string("/proc/self/statm").ok()?;
    facts.split(' ').nth(1)?.parse::<u64>().ok().map(|pages| pages * 4_096)
}

//! From files to plugins. Every file gets a verdict; none is fatal.

pub(crate) mod complexity;
mod component;
mod schema;
mod spoken;
mod trial;

use std::fs;
use std::io::Read;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use wasmtime::Engine;
use wasmtime::component::Linker;

pub(crate) use component::{Examined, Kind, examine, examine_code};
pub(crate) use schema::findings as schema_findings;
pub(crate) use trial::{Tried, run as trial};

use crate::cache::Cache;
use crate::compile::Job;
use crate::config::{MAX_FILE_BYTES, WORKER_STACK_BYTES};
use crate::engine::MAX_MEMORIES;
use crate::grants::Grant;
use crate::guest::State;
use crate::host::StartError;
use crate::instances::{Instances, Seat};
use crate::plugin::Plugin;
use crate::services::Embedder;
use crate::ticker::Ticker;
use crate::{Compiler, Isolation, Limits, Refusal};

/// Runs what runs guests outside the workers: on a thread with the stack that they need, and with
/// ticks, so that their time is limited.
pub(crate) fn on_guest_thread<T: Send>(ticker: &Ticker, run: impl FnOnce() -> T + Send) -> Result<T, StartError> {
    std::thread::scope(|scope| {
        let builder = std::thread::Builder::new().name("plugin-loader".into()).stack_size(WORKER_STACK_BYTES);
        let ticking = || {
            let _ticks = ticker.running();
            run()
        };
        let thread = builder.spawn_scoped(scope, ticking).map_err(|error| StartError(format!("no thread: {error}")))?;
        thread.join().map_err(|_| StartError("loading the plugins panicked".into()))
    })
}

/// What files become plugins with.
pub(crate) struct Loader {
    pub(crate) engine: Engine,
    /// The host's functions, of every version of the ABI.
    pub(crate) linker: Linker<State>,
    pub(crate) limits: Limits,
    pub(crate) compiler: Compiler,
    pub(crate) cache: Option<Cache>,
    pub(crate) instances: Instances,
    pub(crate) embedder: Arc<dyn Embedder>,
}

/// What a file becomes a plugin with.
pub(crate) struct Intake<'a> {
    pub(crate) grant: Grant,
    /// The version in force, whose seat the new one shares with what lives of it.
    pub(crate) older: Option<&'a Plugin>,
}

impl Loader {
    /// Makes a plugin of a file's bytes, and says whether it was compiled for that.
    pub(crate) fn load(&self, path: &Path, bytes: &[u8], intake: &Intake<'_>) -> Result<(Plugin, bool), Refusal> {
        let examined = examine(&self.job(), self.cache.as_ref(), bytes)?;
        let seat = intake.older.map_or_else(|| self.instances.seat(), |older| Arc::clone(&older.seat));
        let stem = stem(path)?;
        let plugin = self.plugin((stem, &intake.grant), &examined, seat)?;
        if *plugin.name != *stem {
            return Err(format!("the plugin is called {0}; name the file {0}.wasm", plugin.name).into());
        }
        Ok((plugin, examined.compiled))
    }

    /// The same of a component that is in no folder, under the name that it gives itself. It has all that it
    /// asks for: whoever tries it is who wrote it.
    pub(crate) fn load_bytes(&self, bytes: &[u8]) -> Result<(Plugin, bool), Refusal> {
        let examined = examine(&self.job(), self.cache.as_ref(), bytes)?;
        Ok((self.plugin(("the component", &Grant::all()), &examined, self.instances.seat())?, examined.compiled))
    }

    /// The same of code that was compiled before.
    pub(crate) fn load_code(&self, bytes: &[u8], code: &[u8]) -> Result<Plugin, Refusal> {
        self.plugin(("the component", &Grant::all()), &examine_code(&self.engine, bytes, code)?, self.instances.seat())
    }

    fn job(&self) -> Job<'_> {
        Job { engine: &self.engine, compiler: &self.compiler, metering: self.limits.metering }
    }

    /// `called` stands in messages until it has said its name.
    fn plugin(&self, (called, grant): (&str, &Grant), examined: &Examined, seat: Arc<Seat>) -> Result<Plugin, Refusal> {
        let Tried { manifest, schema, constraint, delivery, bytes } =
            trial(&self.linker, &self.limits, (called, grant), examined)?;
        // Unknown when the component takes modules from outside, which none of ours can.
        let needed = examined.component.resources_required();
        let memories = needed.map_or(MAX_MEMORIES, |needed| needed.num_memories.max(1));
        Ok(Plugin {
            seat,
            name: Arc::from(manifest.name.as_str()),
            manifest: Arc::new(manifest),
            schema,
            breaker: Mutex::default(),
            constraint,
            delivery,
            memories: memories as usize,
            bytes,
            kv: ArcSwap::default(),
            embedder: Arc::clone(&self.embedder),
            may_wait: AtomicBool::new(grant.isolation == Isolation::Session),
            retired: AtomicBool::new(false),
        })
    }
}

/// A file's name without `.wasm`, which is its plugin's.
pub(crate) fn stem(path: &Path) -> Result<&str, String> {
    path.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| "the file's name is not UTF-8".to_owned())
}

/// Reads a plugin's file, if it is one and not too large.
pub(crate) fn read(path: &Path) -> Result<Vec<u8>, String> {
    let unreadable = |error: std::io::Error| format!("the file cannot be read: {error}");
    let facts = fs::metadata(path).map_err(unreadable)?;
    if facts.is_dir() {
        return Err("this is a directory, not a plugin".into());
    }
    if !facts.is_file() {
        return Err("this is not a regular file".into());
    }
    let too_large = || format!("the file is larger than {} MiB, which is the limit", MAX_FILE_BYTES >> 20);
    if facts.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut bytes = Vec::new();
    // The file may grow while it is read.
    fs::File::open(path).and_then(|file| file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)).map_err(unreadable)?;
    if bytes.len() as u64 > MAX_FILE_BYTES { Err(too_large()) } else { Ok(bytes) }
}

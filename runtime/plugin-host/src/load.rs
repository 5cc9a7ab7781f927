//! From files to plugins. Every file gets a verdict; none is fatal.

mod complexity;
mod component;
mod schema;
mod spoken;
mod trial;

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use parking_lot::Mutex;
use wasmtime::Engine;

pub(crate) use component::{Kind, examine};
pub(crate) use schema::findings as schema_findings;
pub(crate) use trial::{Tried, run as trial};

use crate::cache::Cache;
use crate::config::{MAX_FILE_BYTES, MAX_PLUGINS, WORKER_STACK_BYTES};
use crate::engine::MAX_MEMORIES;
use crate::host::StartError;
use crate::instances::Instances;
use crate::plugin::Plugin;
use crate::ticker::Ticker;
use crate::{HostConfig, LoadReport, Refusal};

/// Loads what is there.
pub(crate) fn folder(
    engine: &Engine,
    ticker: &Ticker,
    config: &HostConfig,
) -> Result<(BTreeMap<String, Arc<Plugin>>, LoadReport), StartError> {
    let files = files(&config.dir)?;
    on_guest_thread(ticker, || load_all(engine, config, &files))
}

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

/// The `*.wasm` of a folder, by name.
fn files(dir: &Path) -> Result<Vec<PathBuf>, StartError> {
    let unreadable = |error| StartError(format!("the plugin folder {} cannot be read: {error}", dir.display()));
    let entries = match fs::read_dir(dir) {
        Ok(entries) => entries,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(unreadable(error)),
    };
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|extension| extension == "wasm") {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn load_all(engine: &Engine, config: &HostConfig, files: &[PathBuf]) -> (BTreeMap<String, Arc<Plugin>>, LoadReport) {
    let cache = config.cache.as_deref().and_then(|dir| Cache::open(dir, engine));
    let instances = Instances::default();
    let mut plugins = BTreeMap::new();
    let mut report = LoadReport::default();
    for path in files {
        if plugins.len() >= MAX_PLUGINS {
            let full = format!("{MAX_PLUGINS} plugins are loaded already; remove some");
            report.refused.push((path.clone(), full.into()));
            continue;
        }
        match load_one(engine, config, cache.as_ref(), &instances, path) {
            Ok((plugin, compiled)) => {
                report.compiled += usize::from(compiled);
                report.loaded.push(Arc::clone(&plugin.manifest));
                plugins.insert(plugin.manifest.name.clone(), Arc::new(plugin));
            }
            Err(reason) => {
                tracing::warn!(file = %path.display(), %reason, "plugin refused");
                report.refused.push((path.clone(), reason));
            }
        }
    }
    if let Some(cache) = &cache {
        cache.trim();
    }
    (plugins, report)
}

fn load_one(
    engine: &Engine,
    config: &HostConfig,
    cache: Option<&Cache>,
    instances: &Instances,
    path: &Path,
) -> Result<(Plugin, bool), Refusal> {
    let bytes = read(path)?;
    let examined = examine(engine, cache, &bytes)?;
    let compiled = examined.compiled;
    let stem = path.file_stem().and_then(|stem| stem.to_str()).ok_or("the file's name is not UTF-8")?;
    let Tried { manifest, schema, constraint, delivery } = trial(engine, &config.limits, stem, &examined)?;
    if manifest.name != stem {
        return Err(format!("the plugin is called {0}; name the file {0}.wasm", manifest.name).into());
    }
    // Unknown when the component takes modules from outside, which none of ours can.
    let memories = examined.component.resources_required().map_or(MAX_MEMORIES, |needed| needed.num_memories.max(1));
    let plugin = Plugin {
        id: instances.register(),
        name: Arc::from(stem),
        manifest: Arc::new(manifest),
        schema,
        breaker: Mutex::default(),
        constraint,
        delivery,
        instances: instances.clone(),
        memories: memories as usize,
    };
    Ok((plugin, compiled))
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

use std::panic::{AssertUnwindSafe, catch_unwind};

use wasmtime::Engine;
use wasmtime::component::Component;

use super::complexity;
use crate::World;
use crate::cache::Cache;

/// The version of the ABI that this host speaks.
const MAJOR: &str = "1";
const PACKAGE: &str = "rolecall:policy/";
/// What is granted; `types` has no functions.
const GRANTS: &[&str] = &["log", "types"];

/// What a file begins like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Component,
    CoreModule,
    Other,
}

impl Kind {
    pub(crate) fn of(bytes: &[u8]) -> Self {
        if bytes.starts_with(b"\0asm\x0d\0\x01\0") {
            Self::Component
        } else if bytes.starts_with(b"\0asm\x01\0\0\0") {
            Self::CoreModule
        } else {
            Self::Other
        }
    }
}

/// A compiled component and what its type shows.
pub(crate) struct Examined {
    pub(crate) component: Component,
    pub(crate) digest: blake3::Hash,
    pub(crate) worlds: Vec<World>,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    /// Whether it was compiled now, not taken from the cache.
    pub(crate) compiled: bool,
}

/// Compiles a file, or takes it from the cache, and reads its type.
pub(crate) fn examine(engine: &Engine, cache: Option<&Cache>, bytes: &[u8]) -> Result<Examined, String> {
    match Kind::of(bytes) {
        Kind::Component => {}
        Kind::CoreModule => {
            return Err("this is a core module, not a component; make one of it: rolecall plugin pack FILE".into());
        }
        Kind::Other => return Err("this is not a WebAssembly file".into()),
    }
    let digest = blake3::hash(bytes);
    let (component, compiled) = match cache.and_then(|cache| cache.get(&digest)) {
        Some(component) => (component, false),
        None => (compile(engine, bytes)?, true),
    };
    if let (Some(cache), true) = (cache, compiled) {
        cache.put(&digest, &component);
    }
    let shape = component.component_type();
    let imports: Vec<String> = shape.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let exports: Vec<String> = shape.exports(engine).map(|(name, _)| name.to_owned()).collect();
    let mut worlds: Vec<World> = exports.iter().filter_map(|name| world(name)).collect();
    // In an order of their own: exports stand in the order of the linker.
    worlds.sort_unstable();
    Ok(Examined { component, digest, worlds, imports, exports, compiled })
}

impl Examined {
    /// Refuses what this host cannot run, and names what is missing.
    pub(crate) fn admissible(&self) -> Result<(), String> {
        let foreign = |name: &String| interface(name).is_some_and(|(_, version)| major(version) != MAJOR);
        if let Some(name) = self.exports.iter().chain(&self.imports).find(|name| foreign(name)) {
            let version = interface(name).map_or("", |(_, version)| version);
            return Err(format!("the plugin speaks rolecall:policy {version}; this server speaks {MAJOR}"));
        }
        if self.worlds.is_empty() {
            let exports = if self.exports.is_empty() { "nothing".to_owned() } else { self.exports.join(", ") };
            return Err(format!(
                "the component exports no policy ({PACKAGE}constraint or {PACKAGE}delivery) but {exports}"
            ));
        }
        let missing: Vec<&str> = self.imports.iter().filter(|name| !granted(name)).map(String::as_str).collect();
        if missing.is_empty() {
            Ok(())
        } else {
            Err(format!("the plugin needs {}, which is not granted; only log is", missing.join(", ")))
        }
    }
}

/// wasmtime promises not to panic on any bytes; a plugin's file is not the place to find out.
fn compile(engine: &Engine, bytes: &[u8]) -> Result<Component, String> {
    complexity::limit(bytes)?;
    match catch_unwind(AssertUnwindSafe(|| Component::new(engine, bytes))) {
        Ok(Ok(component)) => Ok(component),
        Ok(Err(error)) => Err(format!("the component is damaged or cut off: {}", error.root_cause())),
        Err(_) => Err("the compiler failed on this component".into()),
    }
}

fn world(export: &str) -> Option<World> {
    match interface(export)? {
        ("constraint", version) if major(version) == MAJOR => Some(World::ConstraintPolicy),
        ("delivery", version) if major(version) == MAJOR => Some(World::DeliveryPolicy),
        _ => None,
    }
}

fn granted(import: &str) -> bool {
    interface(import).is_some_and(|(name, _)| GRANTS.contains(&name))
}

/// Name and version of one of our interfaces.
fn interface(name: &str) -> Option<(&str, &str)> {
    name.strip_prefix(PACKAGE)?.split_once('@')
}

fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or_default()
}

use std::path::Path;

use serde::Serialize;

use crate::compile::Job;
use crate::grants::Grant;
use crate::guest::abi::linker;
use crate::ticker::Ticker;
use crate::{AbiVersion, Limits, Manifest, Metering, Refusal, World, engine, load};

/// What a file shows, for its author.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Inspection {
    /// Bytes of the file.
    pub size: usize,
    /// BLAKE3 of the file, in hex.
    pub digest: String,
    /// The version of the ABI that this server would speak with it; `None` when there is none.
    pub abi: Option<AbiVersion>,
    /// The worlds it implements in this version.
    pub worlds: Vec<World>,
    /// Everything it imports, which is everything it can ask of the host.
    pub imports: Vec<String>,
    /// Everything it exports.
    pub exports: Vec<String>,
    /// What it says of itself, or why this server would refuse it whatever is granted to it.
    pub manifest: Result<Manifest, Refusal>,
}

/// Looks at a plugin's file without loading it. Compiles it and, if it is admissible, lets it describe
/// itself under the default limits; blocks meanwhile.
///
/// # Errors
/// The file cannot be read or is no component; the message says which.
pub fn inspect(path: &Path) -> Result<Inspection, String> {
    let stem = path.file_stem().and_then(|stem| stem.to_str()).unwrap_or("plugin");
    inspect_component(stem, &load::read(path)?)
}

/// As [`inspect`], for a component that is in no file yet; `name` stands in messages.
///
/// # Errors
/// The bytes are no component.
pub fn inspect_component(name: &str, component: &[u8]) -> Result<Inspection, String> {
    let engine = engine::for_inspection(Metering::Time).map_err(|error| format!("no engine: {error}"))?;
    let ticker = Ticker::start(engine.clone()).map_err(|error| format!("no thread: {error}"))?;
    let seen = load::on_guest_thread(&ticker, || look(&engine, name, component));
    ticker.close();
    seen.map_err(|error| error.to_string())?
}

fn look(engine: &wasmtime::Engine, name: &str, bytes: &[u8]) -> Result<Inspection, String> {
    let examined = load::examine(&Job::here(engine), None, bytes).map_err(|refusal| refusal.to_string())?;
    let linker = linker(engine).map_err(|error| format!("no linker: {error}"))?;
    Ok(Inspection {
        size: bytes.len(),
        digest: examined.digest.to_hex().to_string(),
        abi: examined.abi(),
        worlds: examined.worlds().to_vec(),
        imports: examined.imports.clone(),
        exports: examined.exports.clone(),
        manifest: load::trial(&linker, &Limits::default(), (name, &Grant::all()), &examined)
            .map(|tried| tried.manifest),
    })
}

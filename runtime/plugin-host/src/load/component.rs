use std::collections::BTreeSet;

use wasmtime::Engine;
use wasmtime::component::Component;

use super::spoken::{self, Spoken};
use crate::cache::Cache;
use crate::compile::{self, Job};
use crate::grants::Grant;
use crate::{AbiVersion, Capability, Refusal, World};

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
    pub(super) spoken: Result<Spoken, Refusal>,
    pub(crate) imports: Vec<String>,
    pub(crate) exports: Vec<String>,
    /// Whether it was compiled now, not taken from the cache.
    pub(crate) compiled: bool,
}

/// Compiles a file, or takes it from the cache, and reads its type.
pub(crate) fn examine(job: &Job<'_>, cache: Option<&Cache>, bytes: &[u8]) -> Result<Examined, Refusal> {
    match Kind::of(bytes) {
        Kind::Component => {}
        Kind::CoreModule => {
            return Err("this is a core module, not a component; make one of it: rolecall plugin pack FILE".into());
        }
        Kind::Other => return Err("this is not a WebAssembly file".into()),
    }
    let (engine, digest) = (job.engine, blake3::hash(bytes));
    let (component, compiled) = match cache.and_then(|cache| cache.get(&digest)) {
        Some(component) => (component, false),
        None => {
            tracing::info!(
                kilobytes = bytes.len() / 1_000,
                "compiling a component; one of many megabytes takes a while"
            );
            let code = job.run(bytes)?;
            let component = compile::load(engine, &code)
                .map_err(|error| Refusal::Passing(format!("the compiler's code is unusable: {error}")))?;
            if let Some(cache) = cache {
                cache.put(&digest, &code);
            }
            (component, true)
        }
    };
    Ok(shown(engine, component, digest, compiled))
}

/// The same of code that was compiled before.
pub(crate) fn examine_code(engine: &Engine, bytes: &[u8], code: &[u8]) -> Result<Examined, String> {
    let component = compile::load(engine, code).map_err(|error| format!("its code is unusable: {error}"))?;
    Ok(shown(engine, component, blake3::hash(bytes), false))
}

fn shown(engine: &Engine, component: Component, digest: blake3::Hash, compiled: bool) -> Examined {
    let shape = component.component_type();
    let imports: Vec<String> = shape.imports(engine).map(|(name, _)| name.to_owned()).collect();
    let exports: Vec<String> = shape.exports(engine).map(|(name, _)| name.to_owned()).collect();
    Examined { component, digest, spoken: spoken::of(&exports), imports, exports, compiled }
}

impl Examined {
    /// What it is spoken to in, and what it needs; refuses what this host cannot run or may not grant, and
    /// names what is missing.
    pub(super) fn admissible(&self, name: &str, grant: &Grant) -> Result<(&Spoken, BTreeSet<Capability>), Refusal> {
        let spoken = self.spoken.as_ref().map_err(Clone::clone)?;
        let needed = spoken::needed(&self.imports)?;
        let missing = grant.missing(&needed);
        if missing.is_empty() {
            return Ok((spoken, needed));
        }
        Err(Refusal::NotGranted { plugin: name.to_owned(), missing, needed })
    }

    /// The version of the ABI that it is spoken to in.
    pub(crate) fn abi(&self) -> Option<AbiVersion> {
        self.spoken.as_ref().ok().map(|spoken| spoken.abi)
    }

    /// The worlds that it implements.
    pub(crate) fn worlds(&self) -> &[World] {
        self.spoken.as_ref().map_or(&[], |spoken| &spoken.worlds)
    }
}

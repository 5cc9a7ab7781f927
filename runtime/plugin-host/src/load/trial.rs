//! A plugin's first instance: it must come up within its limits and describe itself. A record that
//! changed without a new version of the ABI shows only here.

use std::collections::BTreeSet;

use jsonschema::Validator;
use wasmtime::component::Linker;
use wasmtime::{Engine, Store, Trap};

use super::component::Examined;
use super::schema;
use super::spoken::Spoken;
use crate::grants::Grant;
use crate::guest::abi::said::Said;
use crate::guest::abi::{ConstraintPre, DeliveryPre};
use crate::guest::{self, Call, State};
use crate::services::Outfit;
use crate::{CallError, Capability, Limits, Manifest, Refusal, World, wasi};

/// A plugin that came up.
pub(crate) struct Tried {
    pub(crate) manifest: Manifest,
    pub(crate) schema: Validator,
    pub(crate) constraint: Option<ConstraintPre>,
    pub(crate) delivery: Option<DeliveryPre>,
    /// Linear memory of an instance that has described itself.
    pub(crate) bytes: usize,
}

/// Instantiates and describes.
pub(crate) fn run(
    linker: &Linker<State>,
    limits: &Limits,
    (name, grant): (&str, &Grant),
    examined: &Examined,
) -> Result<Tried, Refusal> {
    let (spoken, needed) = examined.admissible(name, grant)?;
    let words = |error: wasmtime::Error| unfit(&error.root_cause().to_string());
    let engine = linker.engine();
    let with_wasi = wasi::link(linker, engine, &examined.component).map_err(words)?;
    let pre = with_wasi.as_ref().unwrap_or(linker).instantiate_pre(&examined.component).map_err(words)?;
    let has = |world| spoken.worlds.contains(&world);
    let constraint = has(World::ConstraintPolicy).then(|| ConstraintPre::new(spoken.abi, pre.clone()));
    let constraint = constraint.transpose().map_err(words)?;
    let delivery = has(World::DeliveryPolicy).then(|| DeliveryPre::new(spoken.abi, pre));
    let delivery = delivery.transpose().map_err(words)?;

    let (mut said, mut bytes) = (None, 0);
    if let Some(pre) = &constraint {
        let (first, used) = describe(engine, limits, name, |store| pre.instantiate(store)?.describe(store))?;
        (said, bytes) = (Some(first), used);
    }
    if let Some(pre) = &delivery {
        let (again, used) = describe(engine, limits, name, |store| pre.instantiate(store)?.describe(store))?;
        bytes = bytes.max(used);
        match &said {
            Some(first) if !agree(first, &again) => {
                return Err("the two worlds of the plugin describe different policies".into());
            }
            Some(_) => {}
            None => said = Some(again),
        }
    }
    let said = said.ok_or("the component exports no policy")?;
    let (params_schema, schema) = schema::compile(&said.params_schema)?;
    let manifest = manifest(said, params_schema, (spoken, needed), &examined.digest)?;
    Ok(Tried { manifest, schema, constraint, delivery, bytes })
}

fn describe(
    engine: &Engine,
    limits: &Limits,
    name: &str,
    ask: impl FnOnce(&mut Store<State>) -> wasmtime::Result<Said>,
) -> Result<(Said, usize), String> {
    let call = Call { plugin: name, export: "describe", limits, time: limits.merge };
    let mut store = guest::store(engine, &Outfit::bare(name), limits);
    guest::grant(&mut store, call.time);
    guest::arm(&mut store, call.time);
    let said = ask(&mut store);
    let used = store.data().memory();
    said.map(|said| (said, used)).map_err(|error| match call.failure(&mut store, &error) {
        // Not a trap of the guest: its types are not those of this server.
        CallError::Trap { message, .. } if !error.is::<Trap>() => unfit(&message),
        other => other.to_string(),
    })
}

fn unfit(why: &str) -> String {
    format!("the plugin does not fit this server: {why}")
}

fn agree(a: &Said, b: &Said) -> bool {
    let policy = a.name == b.name && a.version == b.version && a.params_schema == b.params_schema;
    policy && a.isolation == b.isolation
}

fn manifest(
    said: Said,
    params_schema: serde_json::Value,
    (spoken, capabilities): (&Spoken, BTreeSet<Capability>),
    digest: &blake3::Hash,
) -> Result<Manifest, String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if said.name.is_empty() || said.name.len() > 64 || !said.name.chars().all(plain) {
        return Err("the plugin's name must be 1 to 64 letters, digits, `_` or `-`".into());
    }
    if said.version.is_empty() || said.version.len() > 64 || said.doc.len() > 512 {
        return Err("the plugin's version must have 1 to 64 bytes and its doc at most 512".into());
    }
    Ok(Manifest {
        name: said.name,
        version: said.version,
        doc: said.doc,
        abi: spoken.abi,
        worlds: spoken.worlds.clone(),
        params_schema,
        streaming: said.streaming && spoken.worlds.contains(&World::ConstraintPolicy),
        isolation: said.isolation,
        capabilities,
        digest: digest.to_hex().to_string(),
    })
}

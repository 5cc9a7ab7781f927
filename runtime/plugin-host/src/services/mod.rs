//! What the host does for plugins that are granted it. Nothing here blocks: a guest's deadline does not stop
//! what the host does for it, so each function is bounded and counted as the guest's time, by what is asked for and
//! not by what this machine takes.

mod embed;
mod kv;
mod similarity;

use std::sync::Arc;
use std::time::UNIX_EPOCH;

use wasmtime::StoreContextMut;
use wasmtime::component::{Linker, LinkerInstance};

pub use embed::{EmbedError, Embedder, HashedEmbedder};
pub(crate) use kv::Kv;

use crate::bindings::host::rolecall::host as wit;
use crate::clock;
use crate::guest::{State, charge};

type Store<'a> = StoreContextMut<'a, State>;

/// What the instances of a plugin have of the host.
#[derive(Clone)]
pub(crate) struct Outfit {
    pub(crate) plugin: Arc<str>,
    pub(crate) kv: Arc<Kv>,
    pub(crate) embedder: Arc<dyn Embedder>,
}

impl Outfit {
    /// That of a plugin which nobody knows yet: what it keeps is forgotten.
    pub(crate) fn bare(name: &str) -> Self {
        Self { plugin: Arc::from(name), kv: Arc::default(), embedder: Arc::new(HashedEmbedder) }
    }
}

/// Instructions that a call of the host counts as, besides what it is asked for.
const CALL: u64 = 10_000;
/// Instructions that a byte moved counts as.
const BYTE: u64 = 1;

/// The functions behind the interfaces of `plugins/wit/host`.
pub(crate) fn link(linker: &mut Linker<State>) -> wasmtime::Result<()> {
    linker.instance("rolecall:host/clock@1.0.0")?.func_wrap("now-ms", |mut store: Store<'_>, (): ()| {
        charge(&mut store, CALL)?;
        let now = clock::system().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok((u64::try_from(now.as_millis()).unwrap_or(u64::MAX),))
    })?;
    link_kv(&mut linker.instance("rolecall:host/kv@1.0.0")?)?;
    let mut similarity = linker.instance("rolecall:host/similarity@1.0.0")?;
    similarity.func_wrap("edit", |mut store: Store<'_>, (a, b): (String, String)| {
        let Ok(task) = similarity::Task::new(&a, &b) else {
            charge(&mut store, CALL)?;
            return Ok((Err(wit::similarity::SimilarityError::TooLong),));
        };
        charge(&mut store, CALL + task.instructions())?;
        Ok((Ok(task.run()),))
    })?;
    linker.instance("rolecall:host/embed@1.0.0")?.func_wrap("embed", |mut store: Store<'_>, (text,): (String,)| {
        if text.len() > embed::MAX_BYTES {
            charge(&mut store, CALL)?;
            return Ok((Err(wit::embed::EmbedError::TooLong),));
        }
        charge(&mut store, CALL + embed::instructions(&text))?;
        let vector = store.data().outfit().embedder.embed(&text);
        Ok((vector.map_err(|error| wit::embed::EmbedError::Unavailable(error.0)),))
    })?;
    Ok(())
}

fn link_kv(kv: &mut LinkerInstance<'_, State>) -> wasmtime::Result<()> {
    kv.func_wrap("get", |mut store: Store<'_>, (key,): (String,)| {
        let value = store.data().outfit().kv.get(&key);
        let bytes = key.len() + value.as_ref().map_or(0, Vec::len);
        charge(&mut store, CALL + BYTE * bytes as u64)?;
        Ok((value,))
    })?;
    kv.func_wrap("set", |mut store: Store<'_>, (key, value): (String, Vec<u8>)| {
        charge(&mut store, CALL + BYTE * (key.len() + value.len()) as u64)?;
        Ok((store.data().outfit().kv.set(&key, value),))
    })?;
    kv.func_wrap("add", |mut store: Store<'_>, (key, by): (String, i64)| {
        charge(&mut store, CALL + BYTE * key.len() as u64)?;
        Ok((store.data().outfit().kv.add(&key, by),))
    })?;
    kv.func_wrap("delete", |mut store: Store<'_>, (key,): (String,)| {
        charge(&mut store, CALL + BYTE * key.len() as u64)?;
        store.data().outfit().kv.delete(&key);
        Ok(())
    })
}

//! What the host does for plugins that are granted it. Nothing here blocks: a guest's deadline does not stop
//! what the host does for it, so each function is bounded, and what may take long is counted as the guest's
//! time by what is asked for, not by what this machine takes.

mod embed;
mod kv;
mod similarity;

use std::sync::Arc;
use std::time::UNIX_EPOCH;

pub use embed::{EmbedError, Embedder, HashedEmbedder};
pub(crate) use kv::Kv;

use crate::bindings::host::rolecall::host as wit;
use crate::clock;
use crate::guest::State;

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

impl wit::clock::Host for State {
    fn now_ms(&mut self) -> wasmtime::Result<u64> {
        let now = clock::system().duration_since(UNIX_EPOCH).unwrap_or_default();
        Ok(u64::try_from(now.as_millis()).unwrap_or(u64::MAX))
    }
}

impl wit::kv::Host for State {
    fn get(&mut self, key: String) -> wasmtime::Result<Option<Vec<u8>>> {
        Ok(self.outfit().kv.get(&key))
    }

    fn set(&mut self, key: String, value: Vec<u8>) -> wasmtime::Result<Result<(), wit::kv::KvError>> {
        Ok(self.outfit().kv.set(&key, value))
    }

    fn add(&mut self, key: String, by: i64) -> wasmtime::Result<Result<i64, wit::kv::KvError>> {
        Ok(self.outfit().kv.add(&key, by))
    }

    fn delete(&mut self, key: String) -> wasmtime::Result<()> {
        self.outfit().kv.delete(&key);
        Ok(())
    }
}

impl wit::similarity::Host for State {
    fn edit(&mut self, a: String, b: String) -> wasmtime::Result<Result<f64, wit::similarity::SimilarityError>> {
        let Ok(task) = similarity::Task::new(&a, &b) else {
            return Ok(Err(wit::similarity::SimilarityError::TooLong));
        };
        self.charge(task.ticks())?;
        Ok(Ok(task.run()))
    }
}

impl wit::embed::Host for State {
    fn embed(&mut self, text: String) -> wasmtime::Result<Result<Vec<f32>, wit::embed::EmbedError>> {
        if text.len() > embed::MAX_BYTES {
            return Ok(Err(wit::embed::EmbedError::TooLong));
        }
        self.charge(embed::ticks(&text))?;
        Ok(self.outfit().embedder.embed(&text).map_err(|error| wit::embed::EmbedError::Unavailable(error.0)))
    }
}

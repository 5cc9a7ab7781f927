use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use jsonschema::Validator;
use parking_lot::Mutex;

use wasmtime::Engine;

use crate::breaker::Breaker;
use crate::guest;
use crate::guest::abi::{ConstraintPre, DeliveryPre};
use crate::instances::{InstancePermit, Seat};
use crate::services::{Embedder, Kv, Outfit};
use crate::{CallError, Isolation, Limits, Manifest, World};

/// Plugins by name: one consistent state.
pub(crate) type Set = BTreeMap<String, Arc<Plugin>>;

/// A loaded plugin, ready to make instances.
pub(crate) struct Plugin {
    /// Its queue, and its share of instances; those of every version of it.
    pub(crate) seat: Arc<Seat>,
    pub(crate) name: Arc<str>,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) schema: Validator,
    pub(crate) breaker: Mutex<Breaker>,
    pub(crate) constraint: Option<ConstraintPre>,
    pub(crate) delivery: Option<DeliveryPre>,
    /// Memories of an instance, and their bytes when it has said what it is.
    pub(crate) memories: usize,
    pub(crate) bytes: usize,
    /// What it keeps: that of the version before it, once it is in force.
    pub(crate) kv: ArcSwap<Kv>,
    pub(crate) embedder: Arc<dyn Embedder>,
    /// Whether its instances may wait for their sessions, by the operator.
    pub(crate) may_wait: AtomicBool,
    /// Whether another version has taken its place, or none.
    pub(crate) retired: AtomicBool,
}

impl Plugin {
    pub(crate) fn constraint(&self) -> Result<&ConstraintPre, CallError> {
        self.constraint.as_ref().ok_or_else(|| self.not(World::ConstraintPolicy))
    }

    pub(crate) fn delivery(&self) -> Result<&DeliveryPre, CallError> {
        self.delivery.as_ref().ok_or_else(|| self.not(World::DeliveryPolicy))
    }

    /// What its instances have of the host.
    pub(crate) fn outfit(&self, trial: bool) -> Outfit {
        let kv = if trial { Arc::default() } else { self.kv.load_full() };
        Outfit { plugin: Arc::clone(&self.name), kv, embedder: Arc::clone(&self.embedder) }
    }

    /// Takes over from the version that was in force, or begins anew: what it kept while it was tried is
    /// forgotten.
    pub(crate) fn succeed(&self, older: Option<&Self>) {
        self.kv.store(older.map_or_else(Arc::default, |older| older.kv.load_full()));
    }

    /// How long its instances live: as it wishes, if it may.
    pub(crate) fn isolation(&self) -> Isolation {
        if self.may_wait.load(Ordering::Acquire) { self.manifest.isolation } else { Isolation::Call }
    }

    /// Whether an instance of it may wait for its session now.
    pub(crate) fn lets_wait(&self) -> bool {
        self.isolation() == Isolation::Session && !self.retired.load(Ordering::Acquire)
    }

    /// Permission for one more stream that holds its instance, if there is a place.
    pub(crate) fn permit(&self) -> Option<InstancePermit> {
        self.seat.permit(self.memories, self.bytes)
    }

    /// Makes an instance that nothing is asked of, and drops it.
    pub(crate) fn instantiate(&self, engine: &Engine, limits: &Limits) -> wasmtime::Result<()> {
        let mut store = guest::store(engine, &self.outfit(limits.trial), limits);
        guest::grant(&mut store, limits.merge);
        guest::arm(&mut store, limits.merge);
        if let Some(pre) = &self.constraint {
            return pre.instantiate(&mut store).map(drop);
        }
        self.delivery.as_ref().map_or(Ok(()), |pre| pre.instantiate(&mut store).map(drop))
    }

    fn not(&self, world: World) -> CallError {
        CallError::WrongWorld { plugin: self.manifest.name.clone(), world }
    }
}

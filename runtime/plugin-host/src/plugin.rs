use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jsonschema::Validator;
use parking_lot::Mutex;

use crate::bindings::constraint::ConstraintPolicyPre;
use crate::bindings::delivery::DeliveryPolicyPre;
use crate::breaker::Breaker;
use crate::config::MAX_INSTANCES;
use crate::guest::State;
use crate::{CallError, Manifest, World};

/// A loaded plugin, ready to make instances.
pub(crate) struct Plugin {
    /// Its queue.
    pub(crate) id: usize,
    pub(crate) name: Arc<str>,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) schema: Validator,
    pub(crate) breaker: Mutex<Breaker>,
    pub(crate) constraint: Option<ConstraintPolicyPre<State>>,
    pub(crate) delivery: Option<DeliveryPolicyPre<State>>,
}

impl Plugin {
    pub(crate) fn constraint(&self) -> Result<&ConstraintPolicyPre<State>, CallError> {
        self.constraint.as_ref().ok_or_else(|| self.not(World::ConstraintPolicy))
    }

    pub(crate) fn delivery(&self) -> Result<&DeliveryPolicyPre<State>, CallError> {
        self.delivery.as_ref().ok_or_else(|| self.not(World::DeliveryPolicy))
    }

    fn not(&self, world: World) -> CallError {
        CallError::WrongWorld { plugin: self.manifest.name.clone(), world }
    }
}

/// Counts live instances, so that the bound holds with and without a pool.
#[derive(Clone, Default)]
pub(crate) struct Instances(Arc<AtomicUsize>);

/// One instance may live as long as this.
pub(crate) struct InstancePermit(Arc<AtomicUsize>);

impl Instances {
    /// Permission for one more; the number of those alive if there are too many.
    pub(crate) fn permit(&self) -> Result<InstancePermit, usize> {
        let limit = MAX_INSTANCES as usize;
        let before = self.0.fetch_add(1, Ordering::Relaxed);
        let permit = InstancePermit(Arc::clone(&self.0));
        if before < limit { Ok(permit) } else { Err(limit) }
    }
}

impl Drop for InstancePermit {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

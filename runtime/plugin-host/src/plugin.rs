use std::sync::Arc;

use jsonschema::Validator;
use parking_lot::Mutex;

use crate::breaker::Breaker;
use crate::guest::abi::{ConstraintPre, DeliveryPre};
use crate::instances::{InstancePermit, Instances};
use crate::{CallError, Manifest, World};

/// A loaded plugin, ready to make instances.
pub(crate) struct Plugin {
    /// Its queue, and its share of instances.
    pub(crate) id: usize,
    pub(crate) name: Arc<str>,
    pub(crate) manifest: Arc<Manifest>,
    pub(crate) schema: Validator,
    pub(crate) breaker: Mutex<Breaker>,
    pub(crate) constraint: Option<ConstraintPre>,
    pub(crate) delivery: Option<DeliveryPre>,
    pub(crate) instances: Instances,
    /// Memories of an instance.
    pub(crate) memories: usize,
}

impl Plugin {
    pub(crate) fn constraint(&self) -> Result<&ConstraintPre, CallError> {
        self.constraint.as_ref().ok_or_else(|| self.not(World::ConstraintPolicy))
    }

    pub(crate) fn delivery(&self) -> Result<&DeliveryPre, CallError> {
        self.delivery.as_ref().ok_or_else(|| self.not(World::DeliveryPolicy))
    }

    /// Permission for one more instance.
    pub(crate) fn permit(&self) -> Result<InstancePermit, CallError> {
        self.instances.permit(self.id, self.memories).map_err(|crowded| CallError::Busy {
            plugin: self.manifest.name.clone(),
            waiting: crowded.0,
            what: "instances of it are alive",
        })
    }

    fn not(&self, world: World) -> CallError {
        CallError::WrongWorld { plugin: self.manifest.name.clone(), world }
    }
}

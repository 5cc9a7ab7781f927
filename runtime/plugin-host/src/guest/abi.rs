//! The versions of the ABI behind one set of types.
//!
//! Each version has a file that translates between its generated types and the crate's own. What
//! guests say is in [`said`] until [`crate::lift`] has checked it. A version without something has
//! its default: that of the trait's method, or what its file puts in.

pub(crate) mod said;
mod v0;
mod v1;

use wasmtime::component::{HasSelf, InstancePre, Linker, ResourceAny};
use wasmtime::{Engine, Store};

use super::State;
use crate::{AbiVersion, Context, Features, OfflineMessage, Verdict};
use crate::{bindings, services};
use said::{Fault, Said};

/// What a guest's function gives: its result or the policy's own error, unless the guest failed.
pub(super) type Answer<T> = wasmtime::Result<Result<T, Fault>>;

/// The world `constraint-policy` of a component, in the version that it speaks.
pub(crate) enum ConstraintPre {
    V0(bindings::v0::constraint::ConstraintPolicyPre<State>),
    V1(bindings::v1::constraint::ConstraintPolicyPre<State>),
}

/// The world `delivery-policy` of a component, in the version that it speaks.
pub(crate) enum DeliveryPre {
    V0(bindings::v0::delivery::DeliveryPolicyPre<State>),
    V1(bindings::v1::delivery::DeliveryPolicyPre<State>),
}

/// An instance that judges replies.
pub(crate) trait Constraint: Send + Sync {
    fn describe(&self, store: &mut Store<State>) -> wasmtime::Result<Said>;
    fn create(&self, store: &mut Store<State>, params: &str) -> Answer<ResourceAny>;
    fn check(
        &self,
        store: &mut Store<State>,
        policy: ResourceAny,
        reply: &str,
        context: &Context,
    ) -> Answer<Vec<said::Violation>>;
    fn open_stream(
        &self,
        store: &mut Store<State>,
        policy: ResourceAny,
        context: &Context,
    ) -> wasmtime::Result<Option<ResourceAny>>;
    fn push(&self, store: &mut Store<State>, stream: ResourceAny, delta: &str) -> Answer<Vec<said::Violation>>;
    fn finish(&self, store: &mut Store<State>, stream: ResourceAny) -> Answer<Vec<said::Violation>>;
}

/// An instance that shapes deliveries.
pub(crate) trait Delivery: Send + Sync {
    fn describe(&self, store: &mut Store<State>) -> wasmtime::Result<Said>;
    fn create(&self, store: &mut Store<State>, params: &str) -> Answer<ResourceAny>;
    fn merge(
        &self,
        store: &mut Store<State>,
        policy: ResourceAny,
        window: &[OfflineMessage],
    ) -> Answer<Vec<said::Group>>;
    /// Not in every version.
    fn same(
        &self,
        _store: &mut Store<State>,
        _policy: ResourceAny,
        _pair: (&OfflineMessage, &OfflineMessage),
        _features: &Features,
    ) -> Answer<Verdict> {
        Ok(Err(Fault::Unsupported))
    }
}

/// A linker with the host's functions of every version.
pub(crate) fn linker(engine: &Engine) -> wasmtime::Result<Linker<State>> {
    use bindings::{v0::constraint::rolecall::policy as v0, v1::constraint::rolecall::policy as v1};
    let mut linker = Linker::new(engine);
    v0::log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    v1::log::add_to_linker::<_, HasSelf<_>>(&mut linker, |state| state)?;
    // What a component imports of these it was granted, or it is not linked at all.
    services::link(&mut linker)?;
    Ok(linker)
}

impl ConstraintPre {
    pub(crate) fn new(version: AbiVersion, pre: InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(match version {
            AbiVersion::V0 => Self::V0(bindings::v0::constraint::ConstraintPolicyPre::new(pre)?),
            AbiVersion::V1 => Self::V1(bindings::v1::constraint::ConstraintPolicyPre::new(pre)?),
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        match self {
            Self::V0(pre) => pre.engine(),
            Self::V1(pre) => pre.engine(),
        }
    }

    pub(crate) fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Box<dyn Constraint>> {
        Ok(match self {
            Self::V0(pre) => Box::new(pre.instantiate(store)?),
            Self::V1(pre) => Box::new(pre.instantiate(store)?),
        })
    }
}

impl DeliveryPre {
    pub(crate) fn new(version: AbiVersion, pre: InstancePre<State>) -> wasmtime::Result<Self> {
        Ok(match version {
            AbiVersion::V0 => Self::V0(bindings::v0::delivery::DeliveryPolicyPre::new(pre)?),
            AbiVersion::V1 => Self::V1(bindings::v1::delivery::DeliveryPolicyPre::new(pre)?),
        })
    }

    pub(crate) fn engine(&self) -> &Engine {
        match self {
            Self::V0(pre) => pre.engine(),
            Self::V1(pre) => pre.engine(),
        }
    }

    pub(crate) fn instantiate(&self, store: &mut Store<State>) -> wasmtime::Result<Box<dyn Delivery>> {
        Ok(match self {
            Self::V0(pre) => Box::new(pre.instantiate(store)?),
            Self::V1(pre) => Box::new(pre.instantiate(store)?),
        })
    }
}

use std::time::Duration;

use wasmtime::component::ResourceAny;
use wasmtime::{Engine, Store};

use super::abi::Answer;
use super::abi::said::Fault;
use super::{Call, State, arm, grant, store};
use crate::instances::InstancePermit;
use crate::plugin::Plugin;
use crate::{CallError, Limits};

/// A fresh instance of either world.
pub(super) struct Instance<G: ?Sized> {
    store: Store<State>,
    guest: Box<G>,
}

impl<G: ?Sized> Instance<G> {
    /// Makes an instance and the policy in it. `then` is the limit of the call that follows: both together
    /// have the longer of the two. A stream needs a permit, for it outlives the call.
    pub(super) fn create(
        plugin: &Plugin,
        engine: &Engine,
        limits: &Limits,
        then: Duration,
        permit: Option<InstancePermit>,
        make: impl FnOnce(&mut Store<State>) -> Answer<(Box<G>, ResourceAny)>,
    ) -> Result<(Self, ResourceAny), CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "create", limits, time: limits.merge };
        let mut store = store(engine, &plugin.outfit(limits.trial), limits);
        store.data_mut().permit(permit);
        grant(&mut store, limits.merge.max(then));
        let (guest, policy) = answer(&call, &mut store, make)?;
        Ok((Self { store, guest }, policy))
    }

    /// Gives a call its own time, when it is not the one that the instance was made for.
    pub(super) fn grant(&mut self, time: Duration) {
        grant(&mut self.store, time);
    }

    /// Counts what it holds beyond the call, if that is not done yet; whether it may be held.
    pub(super) fn hold(&mut self, permit: impl FnOnce() -> Option<InstancePermit>) -> bool {
        let state = self.store.data_mut();
        if state.is_counted() {
            return true;
        }
        let Some(mut permit) = permit() else { return false };
        let fits = permit.grow(state.memory());
        state.permit(Some(permit));
        fits
    }

    /// Counts it no longer.
    pub(super) fn release(&mut self) {
        self.store.data_mut().permit(None);
    }

    /// Bytes of its linear memories.
    pub(super) fn memory(&self) -> usize {
        self.store.data().memory()
    }

    /// Calls a function of the guest.
    pub(super) fn call<T>(
        &mut self,
        call: &Call<'_>,
        ask: impl FnOnce(&G, &mut Store<State>) -> Answer<T>,
    ) -> Result<T, CallError> {
        answer(call, &mut self.store, |store| ask(&self.guest, store))
    }

    /// Drops something that the guest has made.
    pub(super) fn give_back(&mut self, call: &Call<'_>, resource: ResourceAny) -> Result<(), CallError> {
        answer(call, &mut self.store, |store| resource.resource_drop(store).map(Ok))
    }
}

/// Runs a part of the guest within its time, and names its failure or the policy's own.
fn answer<T>(
    call: &Call<'_>,
    store: &mut Store<State>,
    ask: impl FnOnce(&mut Store<State>) -> Answer<T>,
) -> Result<T, CallError> {
    arm(store, call.time);
    match ask(store) {
        Ok(Ok(result)) => Ok(result),
        Ok(Err(Fault::BadParams { param, message })) => Err(call.bad_params(&param, &message)),
        Ok(Err(Fault::Internal(message))) => Err(call.internal(&message)),
        Ok(Err(Fault::Unsupported)) => Err(call.unsupported()),
        Err(error) => Err(call.failure(store, &error)),
    }
}

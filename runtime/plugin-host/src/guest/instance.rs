use std::time::Duration;

use wasmtime::component::ResourceAny;
use wasmtime::{Engine, Store};

use super::{Call, State, arm, grant, store};
use crate::bindings::constraint::rolecall::policy::types;
use crate::instances::InstancePermit;
use crate::plugin::Plugin;
use crate::{CallError, Limits};

/// What a guest's function gives: its result or the policy's own error, unless the guest failed.
pub(super) type Answer<T> = wasmtime::Result<Result<T, types::PolicyError>>;

/// A fresh instance of either world.
pub(super) struct Instance<B> {
    store: Store<State>,
    bindings: B,
    _permit: InstancePermit,
}

impl<B> Instance<B> {
    /// Makes an instance and the policy in it. It gets its place now, not when the call was queued.
    /// `then` is the limit of the call that follows: both together have the longer of the two.
    pub(super) fn create(
        plugin: &Plugin,
        engine: &Engine,
        limits: &Limits,
        then: Duration,
        make: impl FnOnce(&mut Store<State>) -> Answer<(B, ResourceAny)>,
    ) -> Result<(Self, ResourceAny), CallError> {
        let permit = plugin.permit()?;
        let call = Call { plugin: &plugin.manifest.name, export: "create", limits, time: limits.merge };
        let mut store = store(engine, &plugin.name, limits);
        grant(&mut store, limits.merge.max(then));
        let (bindings, policy) = answer(&call, &mut store, make)?;
        Ok((Self { store, bindings, _permit: permit }, policy))
    }

    /// Gives a call its own time, when it is not the one that the instance was made for.
    pub(super) fn grant(&mut self, time: Duration) {
        grant(&mut self.store, time);
    }

    /// Calls a function of the guest.
    pub(super) fn call<T>(
        &mut self,
        call: &Call<'_>,
        ask: impl FnOnce(&B, &mut Store<State>) -> Answer<T>,
    ) -> Result<T, CallError> {
        answer(call, &mut self.store, |store| ask(&self.bindings, store))
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
        Ok(Err(types::PolicyError::BadParams(bad))) => Err(call.bad_params(&bad.param, &bad.message)),
        Ok(Err(types::PolicyError::Internal(message))) => Err(call.internal(&message)),
        Err(error) => Err(call.failure(store, &error)),
    }
}

use std::time::Duration;

use wasmtime::component::ResourceAny;

use super::Call;
use super::abi::Constraint;
use super::instance::Instance;
use crate::instances::InstancePermit;
use crate::lift;
use crate::plugin::Plugin;
use crate::{CallError, Context, Limits, PolicyViolation};

/// A fresh instance with its policy.
pub(crate) struct ConstraintGuest {
    instance: Instance<dyn Constraint>,
    policy: ResourceAny,
}

/// An instance with an open stream.
pub(crate) struct StreamGuest {
    instance: Instance<dyn Constraint>,
    policy: ResourceAny,
    stream: ResourceAny,
    /// What was pushed so far: the text that spans point into.
    text: String,
}

impl ConstraintGuest {
    /// Makes an instance for one call and lets the policy compile its parameters.
    pub(crate) fn create(plugin: &Plugin, limits: &Limits, params: &str) -> Result<Self, CallError> {
        Self::create_with(plugin, limits, params, None)
    }

    /// The same for a stream that is to outlive the call.
    pub(crate) fn create_with(
        plugin: &Plugin,
        limits: &Limits,
        params: &str,
        permit: Option<InstancePermit>,
    ) -> Result<Self, CallError> {
        let pre = plugin.constraint()?;
        let (instance, policy) = Instance::create(plugin, pre.engine(), limits, limits.check, permit, |store| {
            let guest = pre.instantiate(store)?;
            let created = guest.create(store, params)?;
            Ok(created.map(|policy| (guest, policy)))
        })?;
        Ok(Self { instance, policy })
    }

    /// Gives it time for one more call.
    pub(crate) fn again(&mut self, limits: &Limits) {
        self.instance.grant(limits.check);
    }

    /// Counts what it holds beyond the call, if that is not done yet; whether it may be held.
    pub(crate) fn hold(&mut self, permit: impl FnOnce() -> Option<InstancePermit>) -> bool {
        self.instance.hold(permit)
    }

    /// Counts it no longer.
    pub(crate) fn release(&mut self) {
        self.instance.release();
    }

    /// Bytes of its linear memories.
    pub(crate) fn memory(&self) -> usize {
        self.instance.memory()
    }

    /// Judges a whole text.
    pub(crate) fn check(
        &mut self,
        plugin: &Plugin,
        limits: &Limits,
        context: &Context,
        reply: &str,
    ) -> Result<Vec<PolicyViolation>, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "check", limits, time: limits.check };
        let found = self.instance.call(&call, |guest, store| guest.check(store, self.policy, reply, context))?;
        lift::violations(&call, reply, found)
    }

    /// Opens a stream; `None` when the policy has none.
    pub(crate) fn open_stream(
        mut self,
        plugin: &Plugin,
        limits: &Limits,
        context: &Context,
    ) -> Result<Option<StreamGuest>, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "open-stream", limits, time: limits.check };
        let stream =
            self.instance.call(&call, |guest, store| guest.open_stream(store, self.policy, context).map(Ok))?;
        let Self { instance, policy } = self;
        Ok(stream.map(|stream| StreamGuest { instance, policy, stream, text: String::new() }))
    }
}

impl StreamGuest {
    /// Bytes pushed so far.
    pub(crate) fn len(&self) -> usize {
        self.text.len()
    }

    /// Judges the next piece.
    pub(crate) fn push(
        &mut self,
        plugin: &Plugin,
        limits: &Limits,
        delta: &str,
    ) -> Result<Vec<PolicyViolation>, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "push", limits, time: limits.push };
        self.instance.grant(call.time);
        self.text.push_str(delta);
        let found = self.instance.call(&call, |guest, store| guest.push(store, self.stream, delta))?;
        lift::violations(&call, &self.text, found)
    }

    /// Takes in what was judged before, on another instance.
    pub(crate) fn replay(
        &mut self,
        plugin: &Plugin,
        limits: &Limits,
        time: Duration,
        text: &str,
    ) -> Result<(), CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "push", limits, time };
        self.instance.grant(call.time);
        self.text.push_str(text);
        self.instance.call(&call, |guest, store| guest.push(store, self.stream, text)).map(drop)
    }

    /// Ends the text.
    pub(crate) fn finish(&mut self, plugin: &Plugin, limits: &Limits) -> Result<Vec<PolicyViolation>, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "finish", limits, time: limits.check };
        self.instance.grant(call.time);
        let found = self.instance.call(&call, |guest, store| guest.finish(store, self.stream))?;
        lift::violations(&call, &self.text, found)
    }

    /// Gives the stream back that has ended: what is left can serve the next call.
    pub(crate) fn into_policy(mut self, plugin: &Plugin, limits: &Limits) -> Result<ConstraintGuest, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "finish", limits, time: limits.check };
        self.instance.grant(call.time);
        self.instance.give_back(&call, self.stream)?;
        Ok(ConstraintGuest { instance: self.instance, policy: self.policy })
    }
}

use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::{Call, State, arm, policy_error, store};
use crate::bindings::constraint::ConstraintPolicy;
use crate::bindings::constraint::exports::rolecall::policy::constraint as abi;
use crate::lift;
use crate::plugin::{InstancePermit, Plugin};
use crate::{CallError, Context, Limits, PolicyViolation};

/// A fresh instance with its policy.
pub(crate) struct ConstraintGuest {
    store: Store<State>,
    bindings: ConstraintPolicy,
    policy: ResourceAny,
    permit: InstancePermit,
}

/// An instance with an open stream.
pub(crate) struct StreamGuest {
    store: Store<State>,
    bindings: ConstraintPolicy,
    stream: ResourceAny,
    /// What was pushed so far: the text that spans point into.
    text: String,
    _permit: InstancePermit,
}

impl ConstraintGuest {
    /// Makes an instance and lets the policy compile its parameters.
    pub(crate) fn create(
        plugin: &Plugin,
        limits: &Limits,
        permit: InstancePermit,
        params: &str,
    ) -> Result<Self, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "create", limits, time: limits.merge };
        let pre = plugin.constraint()?;
        let mut store = store(pre.engine(), &plugin.name, limits);
        arm(&mut store, call.time);
        let bindings = pre.instantiate(&mut store).map_err(|error| call.failure(&mut store, &error))?;
        let created = bindings.rolecall_policy_constraint().policy().call_create(&mut store, params);
        let policy =
            created.map_err(|error| call.failure(&mut store, &error))?.map_err(|error| policy_error(&call, error))?;
        Ok(Self { store, bindings, policy, permit })
    }

    /// Judges a whole text.
    pub(crate) fn check(
        mut self,
        plugin: &Plugin,
        limits: &Limits,
        context: &Context,
        reply: &str,
    ) -> Result<Vec<PolicyViolation>, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "check", limits, time: limits.check };
        arm(&mut self.store, call.time);
        let guest = self.bindings.rolecall_policy_constraint();
        let found = guest
            .policy()
            .call_check(&mut self.store, self.policy, reply, &lower(context))
            .map_err(|error| call.failure(&mut self.store, &error))?
            .map_err(|error| policy_error(&call, error))?;
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
        arm(&mut self.store, call.time);
        let guest = self.bindings.rolecall_policy_constraint();
        let stream = guest
            .policy()
            .call_open_stream(&mut self.store, self.policy, &lower(context))
            .map_err(|error| call.failure(&mut self.store, &error))?;
        let Self { store, bindings, permit, .. } = self;
        Ok(stream.map(|stream| StreamGuest { store, bindings, stream, text: String::new(), _permit: permit }))
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
        arm(&mut self.store, call.time);
        self.text.push_str(delta);
        let guest = self.bindings.rolecall_policy_constraint();
        let found = guest
            .stream_check()
            .call_push(&mut self.store, self.stream, delta)
            .map_err(|error| call.failure(&mut self.store, &error))?
            .map_err(|error| policy_error(&call, error))?;
        lift::violations(&call, &self.text, found)
    }

    /// Ends the text.
    pub(crate) fn finish(mut self, plugin: &Plugin, limits: &Limits) -> Result<Vec<PolicyViolation>, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "finish", limits, time: limits.check };
        arm(&mut self.store, call.time);
        let guest = self.bindings.rolecall_policy_constraint();
        let found = guest
            .stream_check()
            .call_finish(&mut self.store, self.stream)
            .map_err(|error| call.failure(&mut self.store, &error))?
            .map_err(|error| policy_error(&call, error))?;
        lift::violations(&call, &self.text, found)
    }
}

fn lower(context: &Context) -> abi::Context {
    abi::Context { role: context.role.clone(), language: context.language.clone() }
}

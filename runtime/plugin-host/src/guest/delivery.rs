use wasmtime::Store;
use wasmtime::component::ResourceAny;

use super::{Call, State, arm, policy_error, store};
use crate::bindings::constraint::rolecall::policy::types;
use crate::bindings::delivery::DeliveryPolicy;
use crate::lift;
use crate::plugin::{InstancePermit, Plugin};
use crate::{CallError, Limits, MergedGroup, OfflineMessage};

/// A fresh instance with its policy.
pub(crate) struct DeliveryGuest {
    store: Store<State>,
    bindings: DeliveryPolicy,
    policy: ResourceAny,
    _permit: InstancePermit,
}

impl DeliveryGuest {
    /// Makes an instance and lets the policy compile its parameters.
    pub(crate) fn create(
        plugin: &Plugin,
        limits: &Limits,
        permit: InstancePermit,
        params: &str,
    ) -> Result<Self, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "create", limits, time: limits.merge };
        let pre = plugin.delivery()?;
        let mut store = store(pre.engine(), &plugin.name, limits);
        arm(&mut store, call.time);
        let bindings = pre.instantiate(&mut store).map_err(|error| call.failure(&mut store, &error))?;
        let created = bindings.rolecall_policy_delivery().policy().call_create(&mut store, params);
        let policy =
            created.map_err(|error| call.failure(&mut store, &error))?.map_err(|error| policy_error(&call, error))?;
        Ok(Self { store, bindings, policy, _permit: permit })
    }

    /// Merges a window.
    pub(crate) fn merge(
        mut self,
        plugin: &Plugin,
        limits: &Limits,
        window: &[OfflineMessage],
    ) -> Result<Vec<MergedGroup>, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "merge", limits, time: limits.merge };
        arm(&mut self.store, call.time);
        let messages: Vec<_> = window.iter().map(lower).collect();
        let guest = self.bindings.rolecall_policy_delivery();
        let groups = guest
            .policy()
            .call_merge(&mut self.store, self.policy, &messages)
            .map_err(|error| call.failure(&mut self.store, &error))?
            .map_err(|error| policy_error(&call, error))?;
        lift::groups(&call, window.len(), groups)
    }
}

fn lower(message: &OfflineMessage) -> types::OfflineMessage {
    types::OfflineMessage {
        id: message.biz_id.clone(),
        role: message.role.clone(),
        intent: message.intent.clone(),
        priority: message.priority,
        turn_id: message.turn_id,
        text: message.text.clone(),
        created_at_ms: message.created_at_ms,
    }
}

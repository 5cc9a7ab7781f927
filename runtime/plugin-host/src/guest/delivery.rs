use wasmtime::component::ResourceAny;

use super::Call;
use super::instance::Instance;
use crate::bindings::constraint::rolecall::policy::types;
use crate::bindings::delivery::DeliveryPolicy;
use crate::lift;
use crate::plugin::Plugin;
use crate::{CallError, Limits, MergedGroup, OfflineMessage};

/// A fresh instance with its policy.
pub(crate) struct DeliveryGuest {
    instance: Instance<DeliveryPolicy>,
    policy: ResourceAny,
}

impl DeliveryGuest {
    /// Makes an instance and lets the policy compile its parameters.
    pub(crate) fn create(plugin: &Plugin, limits: &Limits, params: &str) -> Result<Self, CallError> {
        let pre = plugin.delivery()?;
        let (instance, policy) = Instance::create(plugin, pre.engine(), limits, limits.merge, |store| {
            let bindings = pre.instantiate(&mut *store)?;
            let created = bindings.rolecall_policy_delivery().policy().call_create(store, params)?;
            Ok(created.map(|policy| (bindings, policy)))
        })?;
        Ok(Self { instance, policy })
    }

    /// Merges a window.
    pub(crate) fn merge(
        mut self,
        plugin: &Plugin,
        limits: &Limits,
        window: &[OfflineMessage],
    ) -> Result<Vec<MergedGroup>, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "merge", limits, time: limits.merge };
        let messages: Vec<_> = window.iter().map(lower).collect();
        let groups = self.instance.call(&call, |guest, store| {
            guest.rolecall_policy_delivery().policy().call_merge(store, self.policy, &messages)
        })?;
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

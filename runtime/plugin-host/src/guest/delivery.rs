use wasmtime::component::ResourceAny;

use super::Call;
use super::abi::Delivery;
use super::instance::Instance;
use crate::lift;
use crate::plugin::Plugin;
use crate::{CallError, Features, Limits, MergedGroup, OfflineMessage, Verdict};

/// A fresh instance with its policy.
pub(crate) struct DeliveryGuest {
    instance: Instance<dyn Delivery>,
    policy: ResourceAny,
}

impl DeliveryGuest {
    /// Makes an instance and lets the policy compile its parameters.
    pub(crate) fn create(plugin: &Plugin, limits: &Limits, params: &str) -> Result<Self, CallError> {
        let pre = plugin.delivery()?;
        let (instance, policy) = Instance::create(plugin, pre.engine(), limits, limits.merge, None, |store| {
            let guest = pre.instantiate(store)?;
            let created = guest.create(store, params)?;
            Ok(created.map(|policy| (guest, policy)))
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
        let groups = self.instance.call(&call, |guest, store| guest.merge(store, self.policy, window))?;
        lift::groups(&call, window.len(), groups)
    }

    /// Says how two messages relate.
    pub(crate) fn same(
        mut self,
        plugin: &Plugin,
        limits: &Limits,
        pair: (&OfflineMessage, &OfflineMessage),
        features: &Features,
    ) -> Result<Verdict, CallError> {
        let call = Call { plugin: &plugin.manifest.name, export: "same", limits, time: limits.check };
        self.instance.call(&call, |guest, store| guest.same(store, self.policy, pair, features))
    }
}

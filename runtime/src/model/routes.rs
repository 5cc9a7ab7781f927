//! The models of a server, and which of them answers a role.

use std::collections::BTreeMap;
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::diagnostic::{Finding, codes};

use super::call::Asking;
use super::places::Rations;
use super::upstream::Upstream;
use super::{Model, ModelError};
use crate::telemetry::Metrics;

/// The name of the route that leads to the default model.
pub const DEFAULT_ROUTE: &str = "default";

/// A model as it is to be used.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The model.
    pub model: Arc<dyn Model>,
    /// What it is asked at once.
    pub rations: Rations,
    /// The route that is asked while this one fails before its first text.
    pub fallback: Option<String>,
}

/// The models of a server: the default one, and those that contracts name as their route. Cloning
/// shares them.
#[derive(Debug, Clone)]
pub struct Models(Arc<Routes>);

#[derive(Debug)]
enum Routes {
    /// One model stands for every route.
    Only(Arc<Upstream>),
    /// Each route has its own; roles without one get the default's.
    Named(BTreeMap<String, Arc<Upstream>>),
}

impl Models {
    /// One model, which answers every role whatever its route.
    #[must_use]
    pub fn only(model: Arc<dyn Model>, rations: Rations, metrics: &Metrics) -> Self {
        Self(Arc::new(Routes::Only(Arc::new(Upstream::new(DEFAULT_ROUTE, model, rations, None, metrics)))))
    }

    /// A model for each route, [`DEFAULT_ROUTE`] among them.
    ///
    /// # Errors
    /// When the default is missing, or a fallback leads nowhere or back to where it came from.
    pub fn named(mut plans: BTreeMap<String, Plan>, metrics: &Metrics) -> Result<Self, ModelError> {
        let mut upstreams: BTreeMap<String, Arc<Upstream>> = BTreeMap::new();
        // A fallback is made before whoever falls back on it.
        loop {
            let ready = plans.iter().find(|(_, plan)| plan.fallback.iter().all(|name| upstreams.contains_key(name)));
            let Some((route, plan)) = ready.map(|(route, plan)| (route.clone(), plan.clone())) else { break };
            plans.remove(&route);
            let fallback = plan.fallback.and_then(|name| upstreams.get(&name).cloned());
            let upstream = Upstream::new(&route, plan.model, plan.rations, fallback, metrics);
            upstreams.insert(route, Arc::new(upstream));
        }
        if let Some(route) = plans.keys().next() {
            return Err(ModelError::Config(format!("the fallback of route `{route}` leads nowhere or in a circle")));
        }
        if !upstreams.contains_key(DEFAULT_ROUTE) {
            return Err(ModelError::Config("there is no default model".to_owned()));
        }
        Ok(Self(Arc::new(Routes::Named(upstreams))))
    }

    /// What a turn of this role calls.
    ///
    /// # Errors
    /// [`ModelError::NoRoute`] when the role asks for a route that is not configured: it may be there
    /// to keep what users say away from another model, so no other one is asked.
    pub fn asking(&self, contract: &Contract) -> Result<Asking, ModelError> {
        self.find(contract)
            .map(|upstream| Asking::new(Arc::clone(upstream)))
            .ok_or_else(|| ModelError::NoRoute { role: contract.name.clone(), route: asked(contract).to_owned() })
    }

    /// What to tell of a role whose route is not configured.
    #[must_use]
    pub fn missing_route(&self, contract: &Contract) -> Option<Finding> {
        if self.find(contract).is_some() {
            return None;
        }
        let route = asked(contract);
        let span = contract.model.route.as_ref().map_or(contract.span, |route| route.span);
        let message = format!("role `{}` asks for the route `{route}`, which this server does not have", contract.name);
        let help = format!("add [routes.{route}] to rolecall.toml; until then its turns fail with `model_no_route`");
        Some(Finding::new(codes::ROUTE_MISSING, &contract.source, span, message).with_help(help))
    }

    /// Whether a turn that nobody waits for may begin under this contract: people come first. A role whose route is not
    /// configured has room, since its turn ends with that error.
    #[must_use]
    pub fn has_room(&self, contract: &Contract) -> bool {
        self.find(contract).is_none_or(|upstream| upstream.places.has_room())
    }

    /// The same of any route.
    #[must_use]
    pub fn any_room(&self) -> bool {
        match &*self.0 {
            Routes::Only(upstream) => upstream.places.has_room(),
            Routes::Named(upstreams) => upstreams.values().any(|upstream| upstream.places.has_room()),
        }
    }

    fn find(&self, contract: &Contract) -> Option<&Arc<Upstream>> {
        match &*self.0 {
            Routes::Only(upstream) => Some(upstream),
            Routes::Named(upstreams) => upstreams.get(asked(contract)),
        }
    }
}

fn asked(contract: &Contract) -> &str {
    contract.model.route.as_ref().map_or(DEFAULT_ROUTE, |route| &route.value)
}

#[cfg(test)]
mod tests;

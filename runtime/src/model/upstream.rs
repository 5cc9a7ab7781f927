//! A model, and what is rationed about it.

use std::sync::Arc;

use super::call::CallLimits;
use super::dice::seed;
use super::health::Health;
use super::places::{Places, Rations};
use super::retries::Retries;
use super::{Model, ModelError};
use crate::telemetry::Metrics;

/// One model that turns are answered by, shared by all of them.
#[derive(Debug)]
pub(super) struct Upstream {
    /// The route that leads here.
    pub(super) route: String,
    pub(super) model: Arc<dyn Model>,
    pub(super) limits: CallLimits,
    pub(super) places: Places,
    pub(super) retries: Retries,
    pub(super) health: Health,
    /// Who is asked instead while no text has come.
    pub(super) fallback: Option<Arc<Upstream>>,
    pub(super) metrics: Metrics,
}

impl Upstream {
    pub(super) fn new(
        route: &str,
        model: Arc<dyn Model>,
        rations: Rations,
        fallback: Option<Arc<Self>>,
        metrics: &Metrics,
    ) -> Self {
        Self {
            route: route.to_owned(),
            limits: model.limits(),
            model,
            places: Places::new(rations, route, metrics),
            retries: Retries::new(seed()),
            health: Health::default(),
            fallback,
            metrics: metrics.clone(),
        }
    }

    /// Who is asked instead of this one, if it is to be passed over.
    pub(super) fn passed_over(&self) -> Option<&Arc<Self>> {
        self.fallback.as_ref().filter(|_| !self.health.admits())
    }

    /// Who is asked behind this one after an error that may pass.
    pub(super) fn next(&self, error: &ModelError) -> Option<&Arc<Self>> {
        self.fallback.as_ref().filter(|_| error.retryable())
    }
}

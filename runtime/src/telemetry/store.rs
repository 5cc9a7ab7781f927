//! Metrics of the store, as the sessions of this process find it.

use std::time::Duration;

use prometheus::{Histogram, IntCounterVec, IntGauge, Registry};

use super::metrics::{LATENCY, counters, histogram, register};
use crate::store::StoreError;

/// What operators see of the store.
#[derive(Debug)]
pub struct StoreMetrics {
    up: IntGauge,
    commit: Histogram,
    failures: IntCounterVec,
}

impl StoreMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        let up = "1 while the store takes writes to every session, as far as this server knows";
        let commit = "From a step of a session to its being durable";
        let failures = "Steps of sessions that the store refused, by reason";
        Ok(Self {
            up: register(r, IntGauge::new("store_up", up)?)?,
            commit: histogram(r, "store_commit_seconds", commit, LATENCY)?,
            failures: counters(r, "store_commit_failures_total", failures, &["reason"])?,
        })
    }

    /// Whether the store takes writes to every session.
    pub fn is_up(&self, up: bool) {
        self.up.set(i64::from(up));
    }

    /// A step was durable after so long, or was refused.
    pub fn committed(&self, after: Duration, refused: Option<&StoreError>) {
        match refused {
            None => self.commit.observe(after.as_secs_f64()),
            Some(error) => self.failures.with_label_values(&[error.reason()]).inc(),
        }
    }
}

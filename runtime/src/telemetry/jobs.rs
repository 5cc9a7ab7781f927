//! Metrics of the inference queue.

use prometheus::{Gauge, IntCounterVec, IntGaugeVec, Registry};

use super::metrics::{counters, gauges, register};

/// What operators see of the inference queue.
#[derive(Debug)]
pub struct JobMetrics {
    jobs: IntCounterVec,
    dead: IntCounterVec,
    depth: IntGaugeVec,
    oldest: Gauge,
}

impl JobMetrics {
    pub(super) fn new(r: &Registry) -> Result<Self, prometheus::Error> {
        Ok(Self {
            jobs: counters(r, "jobs_total", "Jobs, by priority and what happened", &["priority", "outcome"])?,
            dead: counters(r, "jobs_dead_total", "Jobs given up, by the last error's code", &["code"])?,
            depth: gauges(r, "jobs_queue_depth", "Jobs in the queue, by priority and state", &["priority", "state"])?,
            oldest: register(r, Gauge::new("jobs_oldest_seconds", "Since when the oldest job waits or runs")?)?,
        })
    }

    /// A job was `queued`, `failed` in an attempt, `retried`, `done`, `cancelled`, given up as `dead`, or `revived`.
    pub fn happened(&self, priority: &str, outcome: &str) {
        self.jobs.with_label_values(&[priority, outcome]).inc();
    }

    /// A job was given up with this code.
    pub fn died(&self, code: &str) {
        self.dead.with_label_values(&[code]).inc();
    }

    /// So many jobs are in the queue, of all servers on the store.
    pub fn depth(&self, priority: &str, state: &str, count: u64) {
        self.depth.with_label_values(&[priority, state]).set(i64::try_from(count).unwrap_or(i64::MAX));
    }

    /// The oldest job that is neither done nor given up came this long ago; 0 where there is none.
    pub fn oldest(&self, seconds: f64) {
        self.oldest.set(seconds);
    }
}

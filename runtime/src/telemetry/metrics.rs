//! Prometheus metrics. The names are public and stay.

use rolecall_wire::close;
use std::sync::Arc;

use prometheus::{
    Encoder, Gauge, Histogram, HistogramOpts, HistogramVec, IntCounterVec, IntGauge, IntGaugeVec, Opts, Registry,
    TextEncoder,
};
use rolecall_plugin_host::Observer;

use super::jobs::JobMetrics;
use super::store::StoreMetrics;

/// Every metric of the process. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Metrics(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    registry: Registry,
    heartbeat_received: IntCounterVec,
    heartbeat_latency: Histogram,
    heartbeat_interval: Gauge,
    sessions: IntGaugeVec,
    resume: IntCounterVec,
    resume_gap: Histogram,
    commit_to_ack: Histogram,
    offline: IntCounterVec,
    violations: IntCounterVec,
    contract_changes: IntCounterVec,
    plugin_changes: IntCounterVec,
    check_seconds: Histogram,
    held_chars: Histogram,
    plugin_call: HistogramVec,
    plugin_failures: IntCounterVec,
    first_token: Histogram,
    model_calls: IntCounterVec,
    model_retries: IntCounterVec,
    model_in_flight: IntGaugeVec,
    model_waiting: IntGaugeVec,
    jobs: JobMetrics,
    store: StoreMetrics,
    close: IntCounterVec,
    refused: IntCounterVec,
    forwarded: IntCounterVec,
    tasks_live: IntGauge,
    tasks_runtime: IntGauge,
}

pub(super) const LATENCY: &[f64] =
    &[0.000_1, 0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
const FINE: &[f64] = &[0.000_001, 0.000_005, 0.000_01, 0.000_05, 0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1];
const COUNTS: &[f64] = &[0.0, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 500.0, 1_000.0];

impl Metrics {
    /// Registers every metric.
    ///
    /// # Errors
    /// Never in practice: the names are fixed and distinct.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new();
        let r = &registry;
        let inner = Inner {
            heartbeat_received: counters(r, "heartbeat_received_total", "Heartbeats", &["status", "service"])?,
            heartbeat_latency: histogram(r, "heartbeat_latency_seconds", "Round-trip time of heartbeats", LATENCY)?,
            heartbeat_interval: register(r, Gauge::new("heartbeat_interval_seconds", "Interval told last")?)?,
            sessions: gauges(r, "sessions", "Sessions in memory, by state", &["state"])?,
            resume: counters(r, "resume_total", "Attachments, by outcome", &["outcome"])?,
            resume_gap: histogram(r, "resume_gap_messages", "Messages missed at a resume", COUNTS)?,
            commit_to_ack: histogram(r, "commit_to_ack_seconds", "From commit to the client's ack", LATENCY)?,
            offline: counters(r, "offline_messages_total", "Messages posted for people away", &["bucket", "outcome"])?,
            violations: counters(r, "contract_violations_total", "Rules that acted", &["role", "rule", "action"])?,
            contract_changes: counters(
                r,
                "contract_changes_total",
                "Changed contracts, by what was done and how their replies relate to those before",
                &["role", "outcome", "relation"],
            )?,
            plugin_changes: counters(
                r,
                "plugin_changes_total",
                "Changed plugin files, by what was done",
                &["plugin", "outcome"],
            )?,
            check_seconds: histogram(r, "contract_check_seconds", "One push through the monitor", FINE)?,
            held_chars: histogram(r, "stream_held_chars", "Characters held back after a push", COUNTS)?,
            plugin_call: register(
                r,
                HistogramVec::new(
                    HistogramOpts::new("plugin_call_seconds", "Plugin calls").buckets(FINE.to_vec()),
                    &["plugin", "export"],
                )?,
            )?,
            plugin_failures: counters(
                r,
                "plugin_failures_total",
                "Plugin calls without a judgement",
                &["plugin", "reason"],
            )?,
            first_token: histogram(r, "model_first_token_seconds", "From request to the model's first text", LATENCY)?,
            model_calls: counters(
                r,
                "model_calls_total",
                "Calls of a model, by route and how they ended",
                &["route", "outcome"],
            )?,
            model_retries: counters(
                r,
                "model_retries_total",
                "Calls tried again, and those for which the budget had nothing left",
                &["route", "outcome"],
            )?,
            model_in_flight: gauges(r, "model_calls_in_flight", "Turns that a model is answering", &["route"])?,
            model_waiting: gauges(r, "model_calls_waiting", "Turns that wait for a place at a model", &["route"])?,
            jobs: JobMetrics::new(r)?,
            store: StoreMetrics::new(r)?,
            close: counters(r, "close_total", "Connections closed, by code", &["code"])?,
            refused: counters(r, "refused_total", "Connections and requests kept out, by reason", &["reason"])?,
            forwarded: counters(r, "forwarded_total", "Requests passed on to others, by outcome", &["outcome"])?,
            tasks_live: register(r, IntGauge::new("tasks_live", "Tasks alive")?)?,
            tasks_runtime: register(r, IntGauge::new("tasks_runtime", "Tasks alive, those of libraries included")?)?,
            registry,
        };
        Ok(Self(Arc::new(inner)))
    }

    /// The Prometheus text format.
    ///
    /// # Errors
    /// Never in practice: every metric is well formed.
    pub fn render(&self) -> Result<String, prometheus::Error> {
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            self.0.tasks_runtime.set(i64::try_from(runtime.metrics().num_alive_tasks()).unwrap_or(i64::MAX));
        }
        let mut out = Vec::new();
        TextEncoder::new().encode(&self.0.registry.gather(), &mut out)?;
        Ok(String::from_utf8_lossy(&out).into_owned())
    }

    /// A beat arrived (`ok`) or was missed (`timeout`).
    pub fn heartbeat(&self, status: &str) {
        self.0.heartbeat_received.with_label_values(&[status, "session"]).inc();
    }

    /// A round trip was measured.
    pub fn heartbeat_latency(&self, seconds: f64) {
        self.0.heartbeat_latency.observe(seconds);
    }

    /// An interval was told to a client.
    pub fn heartbeat_interval(&self, seconds: f64) {
        self.0.heartbeat_interval.set(seconds);
    }

    /// A session entered a state: `attached`, `detached`, or `asleep`: its client is there, nothing happens, and no
    /// actor is in memory.
    pub fn session_entered(&self, state: &str) {
        self.0.sessions.with_label_values(&[state]).inc();
    }

    /// A session left a state.
    pub fn session_left(&self, state: &str) {
        self.0.sessions.with_label_values(&[state]).dec();
    }

    /// A client attached: `fresh`, `resumed`, `regressed`, `refused`.
    pub fn resume(&self, outcome: &str, gap: u64) {
        self.0.resume.with_label_values(&[outcome]).inc();
        if outcome == "resumed" {
            self.0.resume_gap.observe(as_f64(gap));
        }
    }

    /// A client acknowledged what was committed this long ago.
    pub fn commit_to_ack(&self, seconds: f64) {
        self.0.commit_to_ack.observe(seconds);
    }

    /// An offline message of a timeliness bucket was `queued`, `duplicate`, `delivered`, `merged`, `expired` or `refused`; or
    /// what said it was `acknowledged` by the client, of which the process knows that committed it.
    pub fn offline(&self, bucket: &str, outcome: &str) {
        self.0.offline.with_label_values(&[bucket, outcome]).inc();
    }

    /// A rule acted.
    pub fn violation(&self, role: &str, rule: &str, action: &str) {
        self.0.violations.with_label_values(&[role, rule, action]).inc();
    }

    /// A contract's file has changed.
    pub fn contract_change(&self, role: &str, outcome: &str, relation: &str) {
        self.0.contract_changes.with_label_values(&[role, outcome, relation]).inc();
    }

    /// A plugin's file has changed.
    pub fn plugin_change(&self, plugin: &str, outcome: &str) {
        self.0.plugin_changes.with_label_values(&[plugin, outcome]).inc();
    }

    /// A push went through the monitor.
    pub fn check(&self, seconds: f64, held_chars: usize) {
        self.0.check_seconds.observe(seconds);
        self.0.held_chars.observe(as_f64(held_chars as u64));
    }

    /// A model's first text arrived.
    pub fn first_token(&self, seconds: f64) {
        self.0.first_token.observe(seconds);
    }

    /// A call of a model ended: `done`, `left`, or with the code of an error.
    pub fn model_call(&self, route: &str, outcome: &str) {
        self.0.model_calls.with_label_values(&[route, outcome]).inc();
    }

    /// A call was to be tried again, and the budget allowed it or not.
    pub fn model_retry(&self, route: &str, allowed: bool) {
        let outcome = if allowed { "tried" } else { "withheld" };
        self.0.model_retries.with_label_values(&[route, outcome]).inc();
    }

    /// The gauges of a route: turns being answered, turns waiting.
    #[must_use]
    pub fn model_places(&self, route: &str) -> (IntGauge, IntGauge) {
        (self.0.model_in_flight.with_label_values(&[route]), self.0.model_waiting.with_label_values(&[route]))
    }

    /// Those of the inference queue.
    #[must_use]
    pub fn jobs(&self) -> &JobMetrics {
        &self.0.jobs
    }

    /// Those of the store.
    #[must_use]
    pub fn store(&self) -> &StoreMetrics {
        &self.0.store
    }

    /// A connection closed. Peers choose their codes: those without a name count together.
    pub fn closed(&self, code: u16) {
        let label = if close::is_named(code) { code.to_string() } else { "other".to_owned() };
        self.0.close.with_label_values(&[label.as_str()]).inc();
    }

    /// A connection or request was kept out. Reasons are written in the program, never by a peer.
    pub fn refused(&self, reason: &'static str) {
        self.0.refused.with_label_values(&[reason]).inc();
    }

    /// A request was passed on to another server: `answered`, or the code of what went wrong.
    pub fn forwarded(&self, outcome: &'static str) {
        self.0.forwarded.with_label_values(&[outcome]).inc();
    }

    /// A task began.
    pub fn task_started(&self) {
        self.0.tasks_live.inc();
    }

    /// A task ended.
    pub fn task_ended(&self) {
        self.0.tasks_live.dec();
    }
}

/// Counts in a gauge for as long as it lives.
#[derive(Debug)]
pub struct Raised(IntGauge);

impl Raised {
    /// One more.
    #[must_use]
    pub fn new(gauge: &IntGauge) -> Self {
        gauge.inc();
        Self(gauge.clone())
    }
}

impl Drop for Raised {
    fn drop(&mut self) {
        self.0.dec();
    }
}

impl Observer for Metrics {
    fn call(&self, plugin: &str, export: &str, seconds: f64, failure: Option<&str>) {
        self.0.plugin_call.with_label_values(&[plugin, export]).observe(seconds);
        if let Some(reason) = failure {
            self.0.plugin_failures.with_label_values(&[plugin, reason]).inc();
        }
    }
}

#[allow(clippy::cast_precision_loss, reason = "counts far below 2^52")]
fn as_f64(count: u64) -> f64 {
    count as f64
}

pub(super) fn register<C: prometheus::core::Collector + Clone + 'static>(
    registry: &Registry,
    metric: C,
) -> Result<C, prometheus::Error> {
    registry.register(Box::new(metric.clone()))?;
    Ok(metric)
}

pub(super) fn counters(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntCounterVec, prometheus::Error> {
    register(registry, IntCounterVec::new(Opts::new(name, help), labels)?)
}

pub(super) fn gauges(
    registry: &Registry,
    name: &str,
    help: &str,
    labels: &[&str],
) -> Result<IntGaugeVec, prometheus::Error> {
    register(registry, IntGaugeVec::new(Opts::new(name, help), labels)?)
}

pub(super) fn histogram(
    registry: &Registry,
    name: &str,
    help: &str,
    buckets: &[f64],
) -> Result<Histogram, prometheus::Error> {
    register(registry, Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets.to_vec()))?)
}

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};
use tokio::sync::oneshot;

use crate::breaker::Admission;
use crate::config::{MAX_TEXT_BYTES, MAX_WINDOW, MAX_WINDOW_BYTES};
use crate::guest::{ConstraintGuest, DeliveryGuest};
use crate::plugin::{InstancePermit, Instances, Plugin};
use crate::ticker::Ticker;
use crate::workers::Workers;
use crate::{
    CallError, Context, HostConfig, Limits, Manifest, MergedGroup, OfflineMessage, PolicyStream, PolicyViolation,
    World, clock, engine, load,
};

/// Receives what happened, for metrics.
pub trait Observer: Send + Sync {
    /// A call ended: plugin, export, seconds on a worker (0 when it never got there), and the
    /// failure's reason if it failed.
    fn call(&self, plugin: &str, export: &str, seconds: f64, failure: Option<&str>);
}

/// Observes nothing.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoObserver;

impl Observer for NoObserver {
    fn call(&self, _plugin: &str, _export: &str, _seconds: f64, _failure: Option<&str>) {}
}

/// What became of the files in the folder.
#[derive(Debug, Default)]
pub struct LoadReport {
    /// Loaded, by name.
    pub loaded: Vec<Arc<Manifest>>,
    /// Refused, with file and reason.
    pub refused: Vec<(PathBuf, String)>,
    /// How many were compiled; the others came from the cache.
    pub compiled: usize,
}

/// Why the host did not start.
#[derive(Debug, thiserror::Error)]
#[error("the plugin host could not start: {0}")]
pub struct StartError(pub(crate) String);

/// The host. Cloning shares it; the threads end with the last clone.
#[derive(Clone)]
pub struct PluginHost {
    inner: Arc<Inner>,
}

pub(crate) struct Inner {
    plugins: BTreeMap<String, Arc<Plugin>>,
    workers: Workers,
    instances: Instances,
    pub(crate) limits: Limits,
    observer: Arc<dyn Observer>,
}

impl PluginHost {
    /// Starts the workers and loads the folder; a bad file is in the report, never fatal. Blocks
    /// while plugins compile, which the cache spares the next start.
    ///
    /// # Errors
    /// The machine gives no threads or no memory for an engine, or the folder cannot be read.
    pub fn start(config: HostConfig, observer: Arc<dyn Observer>) -> Result<(Self, LoadReport), StartError> {
        let failed = |what: &str, error: &dyn fmt::Display| StartError(format!("{what}: {error}"));
        let engine = engine::start(&config.limits).map_err(|error| failed("no engine", &error))?;
        let ticker = Ticker::start(engine.clone()).map_err(|error| failed("no thread for the ticker", &error))?;
        let workers = Workers::start(config.workers, config.limits.queue, ticker.clone())
            .map_err(|error| failed("no threads for guests", &error))?;
        let (plugins, report) = load::folder(&engine, &ticker, &config)?;
        let inner = Inner { plugins, workers, instances: Instances::default(), limits: config.limits, observer };
        Ok((Self { inner: Arc::new(inner) }, report))
    }

    /// A loaded plugin's manifest.
    #[must_use]
    pub fn manifest(&self, name: &str) -> Option<Arc<Manifest>> {
        self.inner.plugins.get(name).map(|plugin| Arc::clone(&plugin.manifest))
    }

    /// All of them, by name.
    #[must_use]
    pub fn manifests(&self) -> Vec<Arc<Manifest>> {
        self.inner.plugins.values().map(|plugin| Arc::clone(&plugin.manifest)).collect()
    }

    /// Checks parameters against the plugin's schema and lets the plugin compile them.
    ///
    /// # Errors
    /// Each finding is a parameter's name, empty when none can be named, and a message.
    pub async fn validate(&self, name: &str, params: &Map<String, Value>) -> Result<(), Vec<(String, String)>> {
        let whole = |error: CallError| match error {
            CallError::BadParams { param, message, .. } => vec![(param, message)],
            other => vec![(String::new(), other.to_string())],
        };
        let entered = self.inner.enter(name, "create", None).map_err(whole)?;
        let Entered { plugin, admission, permit } = entered;
        let (limits, params) = (self.inner.limits.clone(), params.clone());
        let owner = Arc::clone(&plugin);
        let created = self.inner.call(&plugin, "create", Some(admission), move || {
            let params = Value::Object(params);
            let findings = load::schema_findings(&owner.schema, &params);
            if !findings.is_empty() {
                return Ok(Err(findings));
            }
            let params = params.to_string();
            match owner.constraint {
                Some(_) => ConstraintGuest::create(&owner, &limits, permit, &params).map(drop)?,
                None => DeliveryGuest::create(&owner, &limits, permit, &params).map(drop)?,
            }
            Ok(Ok(()))
        });
        created.await.map_err(whole)?
    }

    /// Judges a whole reply on a fresh instance.
    ///
    /// # Errors
    /// No judgement: see [`CallError`].
    pub async fn check(
        &self,
        name: &str,
        params: &Map<String, Value>,
        context: &Context,
        reply: &str,
    ) -> Result<Vec<PolicyViolation>, CallError> {
        self.inner.fits(name, "check", "the text", reply.len(), MAX_TEXT_BYTES)?;
        let Entered { plugin, admission, permit } = self.inner.enter(name, "check", Some(World::ConstraintPolicy))?;
        let (limits, params) = (self.inner.limits.clone(), json(params));
        let (context, reply, owner) = (context.clone(), reply.to_owned(), Arc::clone(&plugin));
        let judged = self.inner.call(&plugin, "check", Some(admission), move || {
            ConstraintGuest::create(&owner, &limits, permit, &params)?.check(&owner, &limits, &context, &reply)
        });
        judged.await
    }

    /// Opens a stream on a fresh instance of its own. `Ok(None)` when the plugin judges only whole replies.
    ///
    /// # Errors
    /// No stream: see [`CallError`].
    pub async fn open(
        &self,
        name: &str,
        params: &Map<String, Value>,
        context: &Context,
    ) -> Result<Option<PolicyStream>, CallError> {
        let Entered { plugin, admission, permit } =
            self.inner.enter(name, "open-stream", Some(World::ConstraintPolicy))?;
        if !plugin.manifest.streaming {
            return Ok(None);
        }
        let (limits, params) = (self.inner.limits.clone(), json(params));
        let (context, owner) = (context.clone(), Arc::clone(&plugin));
        let opened = self.inner.call(&plugin, "open-stream", Some(admission), move || {
            ConstraintGuest::create(&owner, &limits, permit, &params)?.open_stream(&owner, &limits, &context)
        });
        let guest = opened.await?;
        Ok(guest.map(|guest| PolicyStream::new(Arc::clone(&self.inner), plugin, guest)))
    }

    /// Lets a delivery policy merge a window.
    ///
    /// # Errors
    /// No merge: see [`CallError`].
    pub async fn merge(
        &self,
        name: &str,
        params: &Map<String, Value>,
        window: &[OfflineMessage],
    ) -> Result<Vec<MergedGroup>, CallError> {
        self.inner.fits(name, "merge", "the number of messages in the window", window.len(), MAX_WINDOW)?;
        let bytes = window.iter().map(|message| message.text.len()).sum();
        self.inner.fits(name, "merge", "the window's text", bytes, MAX_WINDOW_BYTES)?;
        let Entered { plugin, admission, permit } = self.inner.enter(name, "merge", Some(World::DeliveryPolicy))?;
        let (limits, params) = (self.inner.limits.clone(), json(params));
        let (window, owner) = (window.to_vec(), Arc::clone(&plugin));
        let merged = self.inner.call(&plugin, "merge", Some(admission), move || {
            DeliveryGuest::create(&owner, &limits, permit, &params)?.merge(&owner, &limits, &window)
        });
        merged.await
    }
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost").field("plugins", &self.inner.plugins.keys()).finish_non_exhaustive()
    }
}

/// A call that may be made.
struct Entered {
    plugin: Arc<Plugin>,
    admission: Admission,
    permit: InstancePermit,
}

impl Inner {
    /// Finds the plugin and asks its breaker and the bound of instances.
    fn enter(&self, name: &str, export: &'static str, world: Option<World>) -> Result<Entered, CallError> {
        let entered = self.admit(name, world);
        if let Err(error) = &entered {
            self.observer.call(name, export, 0.0, Some(error.reason()));
        }
        entered
    }

    fn admit(&self, name: &str, world: Option<World>) -> Result<Entered, CallError> {
        let plugin = self.plugins.get(name).ok_or_else(|| CallError::Missing(name.to_owned()))?;
        match world {
            Some(World::ConstraintPolicy) => plugin.constraint().map(drop)?,
            Some(World::DeliveryPolicy) => plugin.delivery().map(drop)?,
            None => {}
        }
        // The instance first: a trial that does not get one would be lost.
        let permit = self.instances.permit().map_err(|waiting| CallError::Busy {
            plugin: name.to_owned(),
            waiting,
            what: "instances are alive",
        })?;
        let admission = plugin
            .breaker
            .lock()
            .admit(clock::breaker())
            .map_err(|retry_in| CallError::BreakerOpen { plugin: name.to_owned(), retry_in })?;
        Ok(Entered { plugin: Arc::clone(plugin), admission, permit })
    }

    fn fits(
        &self,
        name: &str,
        export: &'static str,
        what: &'static str,
        got: usize,
        limit: usize,
    ) -> Result<(), CallError> {
        if got <= limit {
            return Ok(());
        }
        let error = CallError::InputTooLarge { plugin: name.to_owned(), what, got, limit };
        self.observer.call(name, export, 0.0, Some(error.reason()));
        Err(error)
    }

    /// Runs a call on a worker. A call that nobody waits for any more is not begun; one that was
    /// begun is counted to its end.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        plugin: &Arc<Plugin>,
        export: &'static str,
        admission: Option<Admission>,
        run: impl FnOnce() -> Result<T, CallError> + Send + 'static,
    ) -> Result<T, CallError> {
        let (answer, answered) = oneshot::channel();
        let (judged, observer, asked) = (Arc::clone(plugin), Arc::clone(&self.observer), clock::breaker());
        let job = move || {
            if answer.is_closed() {
                return;
            }
            let began = clock::now();
            let result = run();
            let seconds = began.elapsed().as_secs_f64();
            let failure = result.as_ref().err();
            let failed = failure.is_some_and(CallError::is_plugin_fault);
            judged.breaker.lock().record(asked, admission.unwrap_or(Admission::Normal), failed);
            observer.call(&judged.manifest.name, export, seconds, failure.map(CallError::reason));
            // The asker may have gone meanwhile; what it asked for goes with it.
            drop(answer.send(result));
        };
        if let Err(full) = self.workers.submit(plugin.id, Box::new(job)) {
            let name = plugin.manifest.name.clone();
            let error = CallError::Busy { plugin: name, waiting: full.0, what: "calls wait" };
            self.observer.call(&plugin.manifest.name, export, 0.0, Some(error.reason()));
            return Err(error);
        }
        answered.await.unwrap_or_else(|_| Err(CallError::Aborted { plugin: plugin.manifest.name.clone() }))
    }
}

fn json(params: &Map<String, Value>) -> String {
    Value::Object(params.clone()).to_string()
}

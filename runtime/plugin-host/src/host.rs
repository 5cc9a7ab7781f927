//! The host: its start, and a method for each thing that a plugin can be asked.

mod calls;
mod exchange;

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::{Map, Value};

pub(crate) use calls::{Inner, Proof};

use arc_swap::ArcSwap;
use parking_lot::Mutex;

use crate::breaker::Outcome;
use crate::cache::Cache;
use crate::config::{MAX_TEXT_BYTES, MAX_WINDOW, MAX_WINDOW_BYTES};
use crate::folder::{Folder, Staged};
use crate::guest::abi::linker;
use crate::guest::{ConstraintGuest, DeliveryGuest};
use crate::instances::Instances;
use crate::load::Loader;
use crate::plugin::Set;
use crate::stream::Progress;
use crate::ticker::Ticker;
use crate::workers::Workers;
use crate::{
    CallError, Context, Features, HostConfig, Manifest, MergedGroup, OfflineMessage, PolicyStream, PolicyViolation,
    Refusal, Verdict, World, clock, engine, load,
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
    pub refused: Vec<(PathBuf, Refusal)>,
    /// How many were not looked into, because the folder has too many.
    pub ignored: usize,
    /// How many were compiled; the others came from the cache.
    pub compiled: usize,
}

/// Why the host did not start.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct StartError(pub(crate) String);

/// The host. Cloning shares it; the threads end with the last clone.
///
/// Plugins can be exchanged while it works ([`PluginHost::look`]). A call goes to the version in force
/// when it is made, a stream stays with the version that it was opened on, and [`PluginHost::pinned`]
/// holds on to all versions of one moment.
#[derive(Clone)]
pub struct PluginHost {
    inner: Arc<Inner>,
    /// The plugins to ask, if not those in force.
    pinned: Option<Arc<Set>>,
    /// Whose replies are judged.
    session: Option<Arc<str>>,
    /// Whether plugins are only tried.
    trial: bool,
}

impl PluginHost {
    /// Starts the workers and loads the folder; a bad file is in the report, never fatal. Blocks
    /// while plugins compile, which the cache spares the next start.
    ///
    /// # Errors
    /// The machine gives no threads or no memory for an engine, or the folder cannot be read.
    pub fn start(config: HostConfig, observer: Arc<dyn Observer>) -> Result<(Self, LoadReport), StartError> {
        let host = Self::empty(config, observer)?;
        let look = host.look()?;
        let compiled = look.staged.iter().filter(|staged| staged.compiled).count();
        let loaded = look.staged.iter().map(|staged| Arc::clone(staged.manifest())).collect();
        look.staged.iter().for_each(|staged| host.take(staged));
        if host.inner.locked && !host.is_pinned() {
            tracing::warn!(
                "--locked without a plugins.lock: every plugin of the folder is taken at the start, and none is exchanged"
            );
        }
        for (file, reason) in &look.refused {
            tracing::warn!(file = %file.display(), %reason, "plugin refused");
        }
        Ok((host, LoadReport { loaded, refused: look.refused, ignored: look.ignored, compiled }))
    }

    /// Starts a host for one component, wherever it came from: for those who try it. It has all that it asks
    /// for.
    ///
    /// # Errors
    /// It is refused; the message is for its author. Or the machine gives no threads or memory.
    pub fn alone(component: &[u8], config: HostConfig) -> Result<(Self, Arc<Manifest>), StartError> {
        let host = Self::empty(config, Arc::new(NoObserver))?;
        let loaded = load::on_guest_thread(&host.inner.ticker, || host.inner.loader.load_bytes(component))?;
        let (plugin, compiled) = loaded.map_err(|refusal| StartError(refusal.to_string()))?;
        let manifest = Arc::clone(&plugin.manifest);
        host.take(&Staged { plugin: Arc::new(plugin), compiled });
        Ok((host, manifest))
    }

    fn empty(config: HostConfig, observer: Arc<dyn Observer>) -> Result<Self, StartError> {
        let failed = |what: &str, error: &dyn fmt::Display| StartError(format!("{what}: {error}"));
        let engine = engine::start(&config.limits, config.workers).map_err(|error| failed("no engine", &error))?;
        let ticker = Ticker::start(engine.clone()).map_err(|error| failed("no thread for the ticker", &error))?;
        // It ends the ticker with it, whatever fails from here on.
        let workers = Workers::start(config.workers, &config.limits, ticker.clone())
            .inspect_err(|_| ticker.close())
            .map_err(|error| failed("no threads for guests", &error))?;
        let cache = config.cache.as_deref().and_then(|dir| Cache::open(dir, &engine));
        let linker = linker(&engine).map_err(|error| failed("no linker", &error))?;
        let loader = Loader {
            engine,
            linker,
            limits: config.limits.clone(),
            compiler: config.compiler,
            cache,
            instances: Instances::new(&config.limits),
            embedder: config.embedder,
        };
        let inner = Inner {
            live: ArcSwap::default(),
            locked: config.locked,
            folder: Mutex::new(Folder::new(config.dir, config.locked)),
            loader,
            ticker,
            workers,
            warm: Arc::default(),
            limits: config.limits,
            observer,
        };
        Ok(Self { inner: Arc::new(inner), pinned: None, session: None, trial: false })
    }

    /// A loaded plugin's manifest.
    #[must_use]
    pub fn manifest(&self, name: &str) -> Option<Arc<Manifest>> {
        self.plugins().get(name).map(|plugin| Arc::clone(&plugin.manifest))
    }

    /// All of them, by name.
    #[must_use]
    pub fn manifests(&self) -> Vec<Arc<Manifest>> {
        self.plugins().values().map(|plugin| Arc::clone(&plugin.manifest)).collect()
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
        let (plugin, admission, limits) = self.enter(&self.plugins(), name, "create", None).map_err(whole)?;
        let (params, owner) = (params.clone(), Arc::clone(&plugin));
        let created = self.inner.call(&plugin, "create", (admission, Proof::Nothing), move || {
            let params = Value::Object(params);
            let findings = load::schema_findings(&owner.schema, &params);
            if !findings.is_empty() {
                return Ok(Err(findings));
            }
            let params = params.to_string();
            match owner.constraint {
                Some(_) => ConstraintGuest::create(&owner, &limits, &params).map(drop)?,
                None => DeliveryGuest::create(&owner, &limits, &params).map(drop)?,
            }
            Ok(Ok(()))
        });
        created.await.map_err(whole)?
    }

    /// Judges a whole reply, on a fresh instance unless one waits for the session.
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
        let (plugin, admission, limits) = self.enter(&self.plugins(), name, "check", Some(World::ConstraintPolicy))?;
        let params = json(params);
        let (context, reply, owner) = (context.clone(), reply.to_owned(), Arc::clone(&plugin));
        let (warm, session) = (Arc::clone(&self.inner.warm), self.session.clone());
        let judged = self.inner.call(&plugin, "check", (admission, Proof::Whole), move || {
            warm.check(&owner, &limits, (session, params), |guest| guest.check(&owner, &limits, &context, &reply))
        });
        judged.await
    }

    /// Opens a stream on an instance of its own, fresh unless one waits for the session, which it holds to its end,
    /// as long as there is a place for it ([`crate::Limits::streams`]); beyond that, each call gets a fresh one, which
    /// takes in what came before.
    /// `Ok(None)` when the plugin judges only whole replies.
    ///
    /// # Errors
    /// No stream: see [`CallError`].
    pub async fn open(
        &self,
        name: &str,
        params: &Map<String, Value>,
        context: &Context,
    ) -> Result<Option<PolicyStream>, CallError> {
        let plugins = self.plugins();
        if plugins.get(name).is_some_and(|plugin| plugin.constraint.is_some() && !plugin.manifest.streaming) {
            // Nothing is called, so the breaker is not asked: a trial would be lost.
            return Ok(None);
        }
        let (plugin, admission, limits) = self.enter(&plugins, name, "open-stream", Some(World::ConstraintPolicy))?;
        let params = json(params);
        let (context, owner) = (context.clone(), Arc::clone(&plugin));
        let (warm, session, kept) = (Arc::clone(&self.inner.warm), self.session.clone(), limits.clone());
        let opened = self.inner.call(&plugin, "open-stream", (admission, Proof::Later), move || {
            Progress::begin(&owner, &limits, (&warm, session.as_ref()), params, context)
        });
        match opened.await? {
            Some(progress) => Ok(Some(PolicyStream::new(Arc::clone(&self.inner), kept, (plugin, admission), progress))),
            None => {
                plugin.breaker.lock().record(clock::breaker(), admission, Outcome::Unknown);
                Ok(None)
            }
        }
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
        let (plugin, admission, limits) = self.enter(&self.plugins(), name, "merge", Some(World::DeliveryPolicy))?;
        let params = json(params);
        let (window, owner) = (window.to_vec(), Arc::clone(&plugin));
        let merged = self.inner.call(&plugin, "merge", (admission, Proof::Whole), move || {
            DeliveryGuest::create(&owner, &limits, &params)?.merge(&owner, &limits, &window)
        });
        merged.await
    }

    /// Asks a delivery policy how two messages relate, on a fresh instance. Nothing in rolecall calls
    /// this yet; it is there for deduplication.
    ///
    /// # Errors
    /// No verdict: see [`CallError`]. [`CallError::Unsupported`] from a plugin of an ABI without `same`,
    /// which [`Manifest::abi`] tells beforehand.
    pub async fn same(
        &self,
        name: &str,
        params: &Map<String, Value>,
        a: &OfflineMessage,
        b: &OfflineMessage,
        features: &Features,
    ) -> Result<Verdict, CallError> {
        let bytes = a.text.len().saturating_add(b.text.len());
        self.inner.fits(name, "same", "the text of both messages", bytes, MAX_TEXT_BYTES)?;
        let (plugin, admission, limits) = self.enter(&self.plugins(), name, "same", Some(World::DeliveryPolicy))?;
        let params = json(params);
        let (a, b, features, owner) = (a.clone(), b.clone(), features.clone(), Arc::clone(&plugin));
        let compared = self.inner.call(&plugin, "same", (admission, Proof::Whole), move || {
            DeliveryGuest::create(&owner, &limits, &params)?.same(&owner, &limits, (&a, &b), &features)
        });
        compared.await
    }
}

impl fmt::Debug for PluginHost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PluginHost").field("plugins", &self.plugins().keys()).finish_non_exhaustive()
    }
}

fn json(params: &Map<String, Value>) -> String {
    Value::Object(params.clone()).to_string()
}

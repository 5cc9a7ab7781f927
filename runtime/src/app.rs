//! The process: its parts, the order in which they start, and how they end.

use std::sync::Arc;

use rolecall_dsl::diagnostic::Finding;
use rolecall_plugin_host::{HashedEmbedder, HostConfig, Limits, LoadReport, PluginHost, StartError};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use crate::cli::plugin::compiler;
use crate::config::{Config, ModelKind, ReloadKind, Route, StoreKind};
use crate::connection::http::Links;
use crate::contracts::{Contracts, ContractsError, Reloader};
use crate::gateway::tls::{Tls, TlsError};
use crate::gateway::token::{KEY_FILE, KeyFault, TokenError, Tokens};
use crate::gateway::{Allowances, ForwardError, Forwarder};
use crate::jobs::{JobQueue, JobSettings, Parts};
use crate::model::{DEFAULT_ROUTE, Model, ModelError, Models, OpenAi, OpenAiConfig, Plan, Rehearsal};
use crate::reload::{Place, Plugins, Reload, Watch};
use crate::session::Sessions;
use crate::session::turn::Turns;
use crate::shutdown::Shutdown;
use crate::store::jobs::JobLimits;
use crate::store::{
    EmbeddedStore, MemoryStore, Node, NodeError, RedisAddress, RedisFault, RedisSettings, RedisStore, RedisTls, Store,
    StoreClock, StoreError,
};
use crate::telemetry::{Metrics, Traces};
use crate::{clock, gateway};

/// Everything that requests share.
#[derive(Clone)]
pub struct App {
    /// The settings.
    pub config: Config,
    /// The contracts in force.
    pub contracts: Contracts,
    /// The plugins.
    pub plugins: PluginHost,
    /// Where sessions live.
    pub store: Arc<dyn Store>,
    /// The models that answer.
    pub models: Models,
    /// Answers turns.
    pub turns: Turns,
    /// The sessions.
    pub sessions: Sessions,
    /// The inference queue.
    pub jobs: JobQueue,
    /// Their connections that have no WebSocket.
    pub(crate) links: Links,
    /// What belongs to other servers goes there.
    pub forwarder: Forwarder,
    /// Session tokens.
    pub tokens: Tokens,
    /// How much one address or session may do.
    pub limits: Allowances,
    /// The certificate, where it is this process that ends TLS.
    pub tls: Option<Tls>,
    /// What operators see.
    pub metrics: Metrics,
    /// The stop signal and the tasks.
    pub shutdown: Shutdown,
    /// Places for chat completions.
    pub completions: Arc<Semaphore>,
    /// When the process started, seconds since the Unix epoch.
    pub started_at: u64,
}

/// What happened while the parts started; nothing in it is fatal.
#[derive(Debug, Default)]
pub struct Report {
    /// Findings of the contracts, warnings included.
    pub findings: Vec<Finding>,
    /// What became of the plugin files.
    pub plugins: LoadReport,
    /// Replies that were interrupted by the last end of the process and go on now.
    pub recovered: usize,
}

/// Why the process did not start.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    /// The metrics could not be registered.
    #[error("metrics: {0}")]
    Metrics(#[from] prometheus::Error),
    /// The plugin host did not start.
    #[error(transparent)]
    Plugins(#[from] StartError),
    /// The contract folder cannot be read.
    #[error(transparent)]
    Contracts(#[from] ContractsError),
    /// The store did not open.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// This process has no name.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// There is no token key.
    #[error(transparent)]
    Token(#[from] TokenError),
    /// The certificate or its key cannot be used.
    #[error(transparent)]
    Tls(#[from] TlsError),
    /// Requests cannot be passed on to other servers.
    #[error(transparent)]
    Forward(#[from] ForwardError),
    /// The model cannot be set up.
    #[error(transparent)]
    Model(#[from] ModelError),
}

impl AppError {
    /// Whether the configuration names what is not there or cannot work, rather than a part failing.
    #[must_use]
    pub fn is_a_setting(&self) -> bool {
        let Self::Token(error) = self else {
            let unfit = |fault: &RedisFault| matches!(fault, RedisFault::Address(_) | RedisFault::Unsuitable { .. });
            return match self {
                Self::Contracts(_) | Self::Tls(_) | Self::Model(ModelError::Config(_)) => true,
                Self::Forward(error) => matches!(error, ForwardError::Client(_)),
                Self::Store(StoreError::Redis(fault)) => unfit(fault),
                _ => false,
            };
        };
        matches!(error, TokenError::Setting(_) | TokenError::Keys { fault: KeyFault::Missing, .. })
    }
}

impl App {
    /// Starts every part, in the order in which they need each other.
    ///
    /// # Errors
    /// When a part that all depends on does not start. A broken contract or plugin is in the
    /// report instead, and everything else runs.
    pub async fn build(config: Config) -> Result<(Arc<Self>, Report), AppError> {
        let metrics = Metrics::new()?;
        let models = open_models(&config, &metrics)?;
        Self::with_models(config, models, metrics).await
    }

    /// As [`build`](Self::build), with a model of the caller's for every role.
    ///
    /// # Errors
    /// As [`build`](Self::build).
    pub async fn with_model(config: Config, model: Arc<dyn Model>) -> Result<(Arc<Self>, Report), AppError> {
        let metrics = Metrics::new()?;
        let models = Models::only(model, config.default_route().rations, &metrics);
        Self::with_models(config, models, metrics).await
    }

    async fn with_models(config: Config, models: Models, metrics: Metrics) -> Result<(Arc<Self>, Report), AppError> {
        let shutdown = Shutdown::new(metrics.clone());
        let tls = config.tls_cert.clone().zip(config.tls_key.clone());
        let tls = tls.map(|(certificate, key)| Tls::open(certificate, key)).transpose()?;
        let (plugins, loaded) = PluginHost::start(host_config(&config), Arc::new(metrics.clone()))?;
        let (contracts, mut findings) = Contracts::load(&config.contracts)?;
        findings.extend(contracts.check_policies(&plugins).await);
        findings.extend(contracts.try_policies(&plugins).await);
        findings.extend(contracts.list().iter().filter_map(|contract| models.missing_route(contract)));
        let store = open_store(&config).await?;
        let forwarder = Forwarder::new(Arc::clone(&store), &config, metrics.clone(), shutdown.signal())?;
        let tokens = open_tokens(&config)?;
        let (traces, writer) = Traces::below(&config.data);
        shutdown.spawn(writer.run(shutdown.signal()));
        let turns = Turns::new(models.clone(), plugins.clone(), metrics.clone()).traced(traces);
        let sessions = Sessions::new(
            Arc::clone(&store),
            turns.clone(),
            contracts.clone(),
            plugins.clone(),
            metrics.clone(),
            shutdown.clone(),
        );
        let recovered = sessions.begin().await?;
        let limits = JobLimits { all: config.jobs_limit, session: config.jobs_per_session };
        let parts = Parts {
            store: Arc::clone(&store),
            sessions: sessions.clone(),
            contracts: contracts.clone(),
            models: models.clone(),
            metrics: metrics.clone(),
            shutdown: shutdown.clone(),
        };
        let jobs = JobQueue::new(parts, JobSettings { limits, at_once: config.jobs_at_once });
        jobs.begin();
        let completions = Arc::new(Semaphore::new(config.max_completions));
        let started_at = clock::unix().as_secs();
        let app = Self {
            limits: Allowances::new(&config),
            config,
            contracts,
            plugins,
            store,
            models,
            turns,
            sessions,
            jobs,
            links: Links::of(&forwarder),
            forwarder,
            tokens,
            tls,
            metrics,
            shutdown,
            completions,
            started_at,
        };
        Ok((Arc::new(app), Report { findings, plugins: loaded, recovered }))
    }

    /// Serves until `stop` resolves, then ends in order: no new connections, what runs is finished
    /// or told to stop, the store is closed. Says whether everything ended within the patience.
    pub async fn serve(self: &Arc<Self>, listener: TcpListener, stop: impl Future<Output = ()>) -> bool {
        self.forwarder.announce().await;
        self.shutdown.spawn(self.forwarder.clone().stay_known(self.shutdown.signal()));
        self.shutdown.spawn(gateway::serve(listener, Arc::clone(self)));
        self.shutdown.spawn(self.tokens.clone().stay_current(self.shutdown.signal()));
        if let Some(tls) = self.tls.clone() {
            self.shutdown.spawn(tls.stay_current(self.shutdown.signal()));
        }
        if self.config.reload != ReloadKind::Off {
            let places = [Place::Tree(self.config.contracts.clone()), Place::Folder(self.config.plugins.clone())];
            let watch = Watch::new(&places, self.config.reload == ReloadKind::Poll);
            self.shutdown.spawn(self.reload().run(watch, self.shutdown.signal()));
        }
        stop.await;
        tracing::info!("shutting down");
        self.sessions.hand_over(self.config.hand_over).await;
        self.end().await
    }

    /// Takes over what changes in the folders of contracts and plugins.
    fn reload(&self) -> Reload {
        let contracts = Reloader {
            contracts: self.contracts.clone(),
            dir: self.config.contracts.clone(),
            plugins: self.plugins.clone(),
            models: self.models.clone(),
            metrics: self.metrics.clone(),
            locked: self.config.locked,
        };
        let plugins = Plugins::new(self.plugins.clone(), self.metrics.clone(), self.config.locked);
        Reload { contracts, plugins }
    }

    /// Ends every task and closes the store.
    pub async fn end(&self) -> bool {
        let ended = self.shutdown.finish(self.config.shutdown_patience).await;
        if !ended {
            tracing::warn!(patience = ?self.config.shutdown_patience, "some tasks did not end in time and are cut off");
        }
        self.sessions.leave().await;
        self.store.close().await;
        ended
    }
}

impl std::fmt::Debug for App {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("App").field("config", &self.config).field("contracts", &self.contracts).finish_non_exhaustive()
    }
}

/// The plugin host's settings.
#[must_use]
pub fn host_config(config: &Config) -> HostConfig {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    HostConfig {
        dir: config.plugins.clone(),
        limits: Limits {
            merge: config.plugin_merge_limit,
            check: config.plugin_check_limit,
            push: config.plugin_push_limit,
            memory_bytes: config.plugin_memory,
            queue: config.plugin_queue,
            wait: config.plugin_wait,
            streams: config.plugin_streams,
            stream_bytes: config.plugin_stream_memory,
            ..Limits::default()
        },
        workers: if config.plugin_workers == 0 { cores } else { config.plugin_workers },
        cache: Some(config.data.join("plugin-cache")),
        locked: config.locked,
        compiler: compiler(config.plugin_compile_time, config.plugin_compile_memory as u64),
        embedder: Arc::new(HashedEmbedder),
    }
}

async fn open_store(config: &Config) -> Result<Arc<dyn Store>, AppError> {
    match config.store {
        StoreKind::Memory => Ok(Arc::new(MemoryStore::new().with_lifetime(config.session_ttl))),
        StoreKind::Embedded => {
            let (path, clock) = (config.data.join("store"), StoreClock::System);
            Ok(Arc::new(EmbeddedStore::open_with(&path, clock, config.session_ttl)?))
        }
        StoreKind::Redis => {
            let (ca, cert, key) = (&config.redis_ca, &config.redis_cert, &config.redis_key);
            let tls = RedisTls::read(ca.as_deref(), cert.as_deref(), key.as_deref()).map_err(StoreError::from)?;
            let address = RedisAddress::parse(config.redis_url.reveal()).and_then(|address| address.with_tls(tls));
            let address = address.map_err(StoreError::from)?;
            let (prefix, durability) = (config.redis_prefix.clone(), config.redis_durability);
            let (node, lease) =
                (config.node_id.as_deref().map_or_else(Node::nameless, Node::begin)?, config.node_lease);
            let settings = RedisSettings { address, prefix, durability, node, lease, lifetime: config.session_ttl };
            Ok(Arc::new(RedisStore::open(settings).await?))
        }
    }
}

fn open_tokens(config: &Config) -> Result<Tokens, TokenError> {
    match (&config.token_key, &config.token_key_file, config.store) {
        (Some(key), _, _) => Tokens::under(key, &config.token_keys_old, config.token_ttl),
        // One that is named is shared or put there: a key of this process's own would be another.
        (None, Some(file), _) => Tokens::open(file.clone(), config.token_ttl),
        (None, None, StoreKind::Embedded | StoreKind::Redis) => {
            Tokens::open_or_make(config.data.join(KEY_FILE), config.token_ttl)
        }
        // Sessions in memory end with the process, and so do their tokens.
        (None, None, StoreKind::Memory) => Tokens::ephemeral(config.token_ttl),
    }
}

/// The default model and every route. The rehearsal answers from the contracts themselves, so as long
/// as no route is configured it stands for each of them; any other model answers only what is meant
/// for it.
fn open_models(config: &Config, metrics: &Metrics) -> Result<Models, ModelError> {
    let default = config.default_route();
    if config.model == ModelKind::Rehearsal && config.routes.is_empty() {
        return Ok(Models::only(open_model(config, &default)?, default.rations, metrics));
    }
    let routes = config.routes.iter().map(|(name, route)| (name.clone(), route.clone()));
    let plans = routes.chain([(DEFAULT_ROUTE.to_owned(), default)]).map(|(name, route)| {
        let model = open_model(config, &route)?;
        Ok((name, Plan { model, rations: route.rations, fallback: route.fallback }))
    });
    Models::named(plans.collect::<Result<_, ModelError>>()?, metrics)
}

fn open_model(config: &Config, route: &Route) -> Result<Arc<dyn Model>, ModelError> {
    if route.model == ModelKind::Rehearsal {
        let rehearsal = Rehearsal::new(config.rehearsal_pace, route.limits.clone());
        return Ok(Arc::new(rehearsal.misbehaving(config.misbehavior())));
    }
    let model = OpenAi::new(OpenAiConfig {
        base_url: route.url.clone().unwrap_or_default(),
        model: route.name.clone().unwrap_or_default(),
        key: route.key.clone(),
        proxy: route.proxy.clone(),
        limits: route.limits.clone(),
    })?;
    Ok(Arc::new(model))
}

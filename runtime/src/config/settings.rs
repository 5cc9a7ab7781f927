//! The declaration of every setting. A setting exists here and nowhere else: its TOML key, flag,
//! environment variable, default, documentation and reader all follow from its line.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::allowance::{Allowance, Unit, allowance};
use super::kinds::{LogFormat, ModelKind, ReloadKind, StoreKind, log_format, model_kind, reload_kind, store_kind};
use super::origin::{OriginRule, origin};
use super::redis::{node_id, node_lease, node_url, redis_durability, redis_prefix, redis_url};
use super::routes::{self, Route};
use super::values::{
    Problem, address, duration, flag, lifetime, many, maybe, network, number, one, path, proxy, secret, size, text, url,
};
use super::{ConfigError, ConfigErrors, Place, Secret};
use crate::model::{CallLimits, MISDEEDS, Misbehavior, Rations, Share};
use crate::store::{Durability, Lifetime};

/// How a setting is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One value.
    Single,
    /// Yes or no; the flag takes no value.
    Switch,
    /// Several: a TOML array, or separated by commas.
    List,
}

/// One declared setting.
#[derive(Debug, Clone, Copy)]
pub(super) struct Setting {
    /// TOML key and, behind `--`, the flag.
    pub(super) key: &'static str,
    /// As it would be written; `None` for no value.
    pub(super) default: Option<&'static str>,
    pub(super) shape: Shape,
    /// What the help calls the value.
    pub(super) value_name: &'static str,
    pub(super) help: &'static str,
    /// Whether it is hidden wherever values are shown.
    pub(super) secret: bool,
}

impl Setting {
    /// The environment variable that sets it.
    pub(super) fn environment(&self) -> String {
        format!("{}{}", super::ENV_PREFIX, self.key.to_uppercase().replace('-', "_"))
    }
}

macro_rules! settings {
    ($( $(#[doc = $doc:literal])+ $field:ident: $type:ty, $key:literal, $default:expr, $shape:ident, $name:literal, $secret:literal, $read:expr; )+) => {
        /// Every setting, read and checked.
        #[derive(Debug, Clone, PartialEq)]
        pub struct Config {
            $( $(#[doc = $doc])+ pub $field: $type, )+
            /// The models that roles can name as their route.
            pub routes: BTreeMap<String, Route>,
        }

        /// Every setting, declared.
        pub(super) const SETTINGS: &[Setting] = &[ $( Setting {
            key: $key, default: $default, shape: Shape::$shape, value_name: $name,
            help: concat!($($doc),+).trim_ascii(), secret: $secret,
        }, )+ ];

        impl Config {
            /// Reads every value that `raw` gives for a key, without routes; `fail` hears of each that cannot be used.
            pub(super) fn read<'a>(
                raw: impl Fn(&'static str) -> &'a [String],
                mut fail: impl FnMut(&'static str, Problem),
            ) -> Option<Self> {
                $( let $field: Option<$type> = ($read)(raw($key)).map_err(|p: Problem| fail($key, p)).ok(); )+
                Some(Self { $( $field: $field?, )+ routes: BTreeMap::new() })
            }
        }
    };
}

settings! {
    /// Address and port to serve on.
    listen: SocketAddr, "listen", Some("127.0.0.1:8420"), Single, "ADDR:PORT", false, |v: &[String]| one(v, address);
    /// Folder of the contracts (`*.role`; subfolders named `rejected` are left out).
    contracts: PathBuf, "contracts", Some("contracts"), Single, "DIR", false, |v: &[String]| one(v, path);
    /// How changed contracts and plugins are noticed while serving: `auto`, `poll` (look every two seconds) or `off`.
    reload: ReloadKind, "reload", Some("auto"), Single, "HOW", false, |v: &[String]| one(v, reload_kind);
    /// Take no changed contract that lets through, or may let through, what was refused before, and no plugin that
    /// `plugins.lock` does not pin.
    locked: bool, "locked", Some("false"), Switch, "", false, |v: &[String]| one(v, flag);
    /// Folder of the plugins (`*.wasm`).
    plugins: PathBuf, "plugins", Some("plugins"), Single, "DIR", false, |v: &[String]| one(v, path);
    /// Data directory: the embedded store, the token key, compiled plugins.
    data: PathBuf, "data", Some(".rolecall"), Single, "DIR", false, |v: &[String]| one(v, path);
    /// Where sessions are kept: `embedded` (in the data directory), `memory` or `redis`.
    store: StoreKind, "store", Some("embedded"), Single, "STORE", false, |v: &[String]| one(v, store_kind);
    /// How long a session is kept that nobody uses, behind the last message, post or connection; `never` for ever.
    session_ttl: Lifetime, "session-ttl", Some("30d"), Single, "DURATION", false, |v: &[String]| one(v, lifetime);
    /// The server of `store redis`: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, some nodes of a Redis Cluster as
    /// `redis://HOST:PORT,HOST:PORT`, or sentinels as `redis+sentinel://HOST:PORT,HOST:PORT/SERVICE`; with `rediss` for TLS.
    /// With a password, prefer the environment: flags are visible to others.
    redis_url: Secret, "redis-url", Some("redis://127.0.0.1:6379/0"), Single, "URL", false, |v: &[String]| one(v, redis_url);
    /// PEM file of the authority that signed the certificates of `rediss` servers; the system's authorities without it.
    redis_ca: Option<PathBuf>, "redis-ca", None, Single, "FILE", false, |v: &[String]| maybe(v, path);
    /// PEM file of the certificate to show to `rediss` servers that ask for one.
    redis_cert: Option<PathBuf>, "redis-cert", None, Single, "FILE", false, |v: &[String]| maybe(v, path);
    /// PEM file of its private key.
    redis_key: Option<PathBuf>, "redis-key", None, Single, "FILE", false, |v: &[String]| maybe(v, path);
    /// What all keys there begin with; servers with the same prefix share their sessions.
    redis_prefix: String, "redis-prefix", Some("rolecall:"), Single, "PREFIX", false, |v: &[String]| one(v, redis_prefix);
    /// When a write there counts as done: `memory` (the server has it), `aof` (on its disk), `replicas N` (so many have it),
    /// or `aof replicas N` (on all their disks).
    redis_durability: Durability, "redis-durability", Some("aof"), Single, "LEVEL", false, |v: &[String]| one(v, redis_durability);
    /// This server's name among those on one Redis, another one for each; drawn at each start where none is given. With one
    /// of its own, a server that was killed goes on with its sessions at once when it starts again.
    node_id: Option<String>, "node-id", None, Single, "NAME", false, |v: &[String]| maybe(v, node_id);
    /// How long the others take this server to live after they last heard of it.
    node_lease: Duration, "node-lease", Some("5s"), Single, "DURATION", false, |v: &[String]| one(v, node_lease);
    /// Where the others reach this server, `http://HOST:PORT`: without it they know what `listen` says, unless that is a
    /// loopback address, all addresses, or served over TLS.
    node_url: Option<String>, "node-url", None, Single, "URL", false, |v: &[String]| maybe(v, node_url);
    /// PEM file of the authority that signed the certificates of the others, beside those of the system.
    node_ca: Option<PathBuf>, "node-ca", None, Single, "FILE", false, |v: &[String]| maybe(v, path);
    /// How long this server, one of several, takes at most to send its clients to the others when it is to stop; `0s` for at once.
    hand_over: Duration, "hand-over", Some("15s"), Single, "DURATION", false,
        |v: &[String]| one(v, |t| duration(t, Duration::ZERO, Duration::from_secs(600)));
    /// Which model answers: `rehearsal` or `openai`.
    model: ModelKind, "model", Some("rehearsal"), Single, "MODEL", false, |v: &[String]| one(v, model_kind);
    /// Base URL of an OpenAI-compatible server, for `model openai`.
    model_url: Option<String>, "model-url", None, Single, "URL", false, |v: &[String]| maybe(v, url);
    /// The model's name there, for `model openai`.
    model_name: Option<String>, "model-name", None, Single, "NAME", false, |v: &[String]| maybe(v, text);
    /// The key sent to the model's server. Prefer the environment: flags are visible to others.
    model_key: Option<Secret>, "model-key", None, Single, "KEY", true, |v: &[String]| maybe(v, |t| secret(t, 1));
    /// A proxy for calls to the model, `http://host:port`; proxy variables of the environment are not read.
    model_proxy: Option<Secret>, "model-proxy", None, Single, "URL", false, |v: &[String]| maybe(v, proxy);
    /// How long a try may take to its first text.
    model_first_text: Duration, "model-first-text", Some("30s"), Single, "DURATION", false, |v: &[String]| one(v, model_time);
    /// How long a model may be silent between two pieces.
    model_stall: Duration, "model-stall", Some("20s"), Single, "DURATION", false, |v: &[String]| one(v, model_time);
    /// How long a turn may take, with every call, try and wait that its reply needs.
    model_total: Duration, "model-total", Some("5m"), Single, "DURATION", false, |v: &[String]| one(v, model_time);
    /// Further tries after an error that may pass, while no text has come.
    model_retries: u32, "model-retries", Some("2"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 0, 10));
    /// Turns that the default model answers at once; further ones wait for a place.
    model_max_concurrent: usize, "model-max-concurrent", Some("512"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 1, 1_000_000));
    /// Turns that may wait for a place; more are refused as `model_busy`.
    model_max_waiting: usize, "model-max-waiting", Some("1024"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 0, 1_000_000));
    /// How long a turn waits for a place.
    model_max_wait: Duration, "model-max-wait", Some("10s"), Single, "DURATION", false, |v: &[String]| one(v, routes::wait);
    /// The route that is asked while the default model fails before its first text.
    model_fallback: Option<String>, "model-fallback", None, Single, "ROUTE", false, |v: &[String]| maybe(v, text);
    /// How long the rehearsal model waits before each piece.
    rehearsal_pace: Duration, "rehearsal-pace", Some("15ms"), Single, "DURATION", false,
        |v: &[String]| one(v, |t| duration(t, Duration::ZERO, Duration::from_secs(10)));
    /// Let the rehearsal model misbehave: violate, empty, endless, huge (what it says), split, slow, stall, die,
    /// fail (how it comes), each with `:PERCENT` of its answers if you like.
    misbehave: Vec<Share>, "misbehave", None, List, "MISDEED,…", false, |v: &[String]| many(v, misdeed);
    /// What misbehaving draws lots from.
    misbehave_seed: u64, "misbehave-seed", Some("1"), Single, "NUMBER", false, |v: &[String]| one(v, |t| number(t, 0, u64::MAX));
    /// Keys that callers present as `Authorization: Bearer KEY`; without any, everybody may call.
    api_keys: Vec<Secret>, "api-keys", None, List, "KEY,…", true, |v: &[String]| many(v, |t| secret(t, 16));
    /// Serve beyond loopback without API keys: anybody who reaches the port may use it.
    insecure: bool, "insecure", Some("false"), Switch, "", false, |v: &[String]| one(v, flag);
    /// Pages that may call from a browser: `https://HOST[:PORT]`, `loopback` (pages of the user's own machine), `null`,
    /// or `*` for all. A page of the server's own origin always may.
    origins: Vec<OriginRule>, "origins", Some("loopback"), List, "ORIGIN,…", false, |v: &[String]| many(v, origin);
    /// Addresses of proxies, as networks (`10.0.0.0/8`) or one by one, whose `X-Forwarded-For` or `Forwarded` is believed.
    trusted_proxies: Vec<IpNet>, "trusted-proxies", None, List, "NETWORK,…", false, |v: &[String]| many(v, network);
    /// New connections from one address, as `RATE/s burst COUNT`, or `off`; trusted proxies have no limit.
    address_connections: Option<Allowance>, "address-connections", Some("2000/s burst 50000"), Single, "RATE", false,
        |v: &[String]| one(v, |t| allowance(t, Unit::Count));
    /// Requests without an API key from one address.
    address_requests: Option<Allowance>, "address-requests", Some("2000/s burst 50000"), Single, "RATE", false,
        |v: &[String]| one(v, |t| allowance(t, Unit::Count));
    /// Connections that one session token opens.
    session_connections: Option<Allowance>, "session-connections", Some("5/s burst 100"), Single, "RATE", false,
        |v: &[String]| one(v, |t| allowance(t, Unit::Count));
    /// Bytes that are read from one connection; beyond, it is not read for as long as it is ahead.
    connection_bytes: Option<Allowance>, "connection-bytes", Some("16MiB/s burst 64MiB"), Single, "RATE", false,
        |v: &[String]| one(v, |t| allowance(t, Unit::Bytes));
    /// How long a client may take to send the head of a request, and be silent before the next.
    head_patience: Duration, "head-patience", Some("15s"), Single, "DURATION", false, |v: &[String]| one(v, patience);
    /// How long a TLS handshake may take.
    tls_patience: Duration, "tls-patience", Some("10s"), Single, "DURATION", false, |v: &[String]| one(v, patience);
    /// Serve over TLS: the certificate and those that lead to its root (PEM).
    tls_cert: Option<PathBuf>, "tls-cert", None, Single, "FILE", false, |v: &[String]| maybe(v, path);
    /// The certificate's key (PEM).
    tls_key: Option<PathBuf>, "tls-key", None, Single, "FILE", false, |v: &[String]| maybe(v, path);
    /// How long a session token is valid.
    token_ttl: Duration, "token-ttl", Some("7d"), Single, "DURATION", false,
        |v: &[String]| one(v, |t| duration(t, Duration::from_secs(1), Duration::from_secs(365 * 86_400)));
    /// The key that signs session tokens; without one, keys are in a file.
    token_key: Option<Secret>, "token-key", None, Single, "KEY", true, |v: &[String]| maybe(v, |t| secret(t, 32));
    /// Keys that `token-key` has replaced: they verify for as long as they are listed.
    token_keys_old: Vec<Secret>, "token-keys-old", None, List, "KEY,…", true, |v: &[String]| many(v, |t| secret(t, 32));
    /// The file of the keys (`rolecall token --help`); without one, `token.key` in the data directory, made at the first start.
    token_key_file: Option<PathBuf>, "token-key-file", None, Single, "FILE", false, |v: &[String]| maybe(v, path);
    /// Guest time of one plugin `create` or `merge`.
    plugin_merge_limit: Duration, "plugin-merge-limit", Some("250ms"), Single, "DURATION", false, |v: &[String]| one(v, guest_time);
    /// Guest time of one whole-text plugin `check`.
    plugin_check_limit: Duration, "plugin-check-limit", Some("50ms"), Single, "DURATION", false, |v: &[String]| one(v, guest_time);
    /// Guest time of one plugin `push`.
    plugin_push_limit: Duration, "plugin-push-limit", Some("10ms"), Single, "DURATION", false, |v: &[String]| one(v, guest_time);
    /// Linear memory of one plugin instance.
    plugin_memory: usize, "plugin-memory", Some("32MiB"), Single, "SIZE", false, |v: &[String]| one(v, |t| size(t, 1 << 16, 4 << 30));
    /// Processor time of compiling one plugin, in a process of its own.
    plugin_compile_time: Duration, "plugin-compile-time", Some("60s"), Single, "DURATION", false,
        |v: &[String]| one(v, |t| duration(t, Duration::from_secs(1), Duration::from_secs(3_600)));
    /// Memory of compiling one plugin.
    plugin_compile_memory: usize, "plugin-compile-memory", Some("2GiB"), Single, "SIZE", false, |v: &[String]| one(v, |t| size(t, 256 << 20, 64 << 30));
    /// Plugin calls that may wait for a thread, per plugin.
    plugin_queue: usize, "plugin-queue", Some("4096"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 1, 1_000_000));
    /// How long a plugin call may wait for a thread.
    plugin_wait: Duration, "plugin-wait", Some("2s"), Single, "DURATION", false,
        |v: &[String]| one(v, |t| duration(t, Duration::from_millis(1), Duration::from_secs(60)));
    /// Replies judged piece by piece at once, by all plugins; beyond, plugins judge what is there so far.
    plugin_streams: u32, "plugin-streams", Some("4096"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 1, 16_384));
    /// Linear memory of all these replies' instances together; without room for one, it is as beyond their number.
    plugin_stream_memory: usize, "plugin-stream-memory", Some("4GiB"), Single, "SIZE", false, |v: &[String]| one(v, |t| size(t, 1 << 16, 1 << 40));
    /// Threads that run plugins; 0 stands for one per core.
    plugin_workers: usize, "plugin-workers", Some("0"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 0, 1_024));
    /// Connections served at once; more wait in the system's backlog until one ends.
    max_connections: usize, "max-connections", Some("100000"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 1, 4_000_000));
    /// Chat completions answered at once; more are refused with status 429.
    max_completions: usize, "max-completions", Some("256"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 1, 1_000_000));
    /// Jobs of the inference queue that may wait or run, of all sessions; more are refused with status 429.
    jobs_limit: usize, "jobs-limit", Some("10000"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 1, 1_000_000));
    /// Jobs of one session that may wait or run; more are refused with status 429.
    jobs_per_session: usize, "jobs-per-session", Some("100"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 1, 100_000));
    /// Jobs that this server runs at once; 0 for one that takes none from the queue.
    jobs_at_once: usize, "jobs-at-once", Some("16"), Single, "COUNT", false, |v: &[String]| one(v, |t| number(t, 0, 10_000));
    /// Log lines as `text` or `json`.
    log_format: LogFormat, "log-format", Some("text"), Single, "FORMAT", false, |v: &[String]| one(v, log_format);
    /// What is logged: `error`, `warn`, `info`, `debug`, `trace`, or a filter such as `rolecall=debug`.
    log_level: String, "log-level", Some("info"), Single, "LEVEL", false, |v: &[String]| one(v, log_level);
    /// How long a shutdown waits for what is still running.
    shutdown_patience: Duration, "shutdown-patience", Some("10s"), Single, "DURATION", false,
        |v: &[String]| one(v, |t| duration(t, Duration::ZERO, Duration::from_secs(3_600)));
}

impl Config {
    /// What a call of the model may take.
    #[must_use]
    pub fn call_limits(&self) -> CallLimits {
        CallLimits {
            first_text: self.model_first_text,
            stall: self.model_stall,
            total: self.model_total,
            retries: self.model_retries,
            ..CallLimits::default()
        }
    }

    /// What the rehearsal model does wrong on purpose.
    #[must_use]
    pub fn misbehavior(&self) -> Misbehavior {
        Misbehavior { shares: self.misbehave.clone(), seed: self.misbehave_seed }
    }

    /// The default model, which answers roles without a route.
    #[must_use]
    pub fn default_route(&self) -> Route {
        Route {
            model: self.model,
            url: self.model_url.clone(),
            name: self.model_name.clone(),
            key: self.model_key.clone(),
            proxy: self.model_proxy.clone(),
            fallback: self.model_fallback.clone(),
            limits: self.call_limits(),
            rations: Rations {
                places: self.model_max_concurrent,
                waiting: self.model_max_waiting,
                wait: self.model_max_wait,
            },
        }
    }

    /// Whether other machines can call without a key.
    #[must_use]
    pub fn is_exposed(&self) -> bool {
        self.api_keys.is_empty() && !self.listen.ip().is_loopback()
    }
}

/// Misdeeds as they are written.
///
/// # Errors
/// When there is no such misdeed, or its share is no percentage.
pub fn misdeeds(words: &[String]) -> Result<Vec<Share>, ConfigErrors> {
    let read = |word: &String| {
        misdeed(word).map_err(|Problem { detail, remedy }| {
            let (place, key) = (Place::Flag("--misbehave".to_owned()), "misbehave".into());
            ConfigErrors::from(ConfigError::Value { place, key, shown: format!("{word:?}"), detail, remedy })
        })
    };
    words.iter().map(read).collect()
}

/// A misdeed, with `:PERCENT` of the answers or without.
fn misdeed(value: &str) -> Result<Share, Problem> {
    let (name, percent) = value.split_once(':').map_or((value, None), |(name, percent)| (name, Some(percent)));
    let Some((_, misdeed)) = MISDEEDS.iter().find(|(known, _)| *known == name) else {
        let known: Vec<&str> = MISDEEDS.iter().map(|(known, _)| *known).collect();
        return Err(Problem::new("there is no such misdeed", format!("write {}", known.join(", "))));
    };
    Ok((*misdeed, percent.map(|percent| number(percent, 1, 100)).transpose()?))
}

fn log_level(value: &str) -> Result<String, Problem> {
    match value.parse::<tracing_subscriber::filter::EnvFilter>() {
        Ok(_) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(Problem::new("not a log filter", "write error, warn, info, debug or trace")),
    }
}

pub(super) fn model_time(value: &str) -> Result<Duration, Problem> {
    duration(value, Duration::from_millis(10), Duration::from_secs(3_600))
}

fn patience(value: &str) -> Result<Duration, Problem> {
    duration(value, Duration::from_millis(100), Duration::from_secs(3_600))
}

fn guest_time(value: &str) -> Result<Duration, Problem> {
    duration(value, Duration::from_millis(1), Duration::from_secs(60))
}

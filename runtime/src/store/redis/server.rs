//! What a server must be like to keep sessions, and whether it is.

use std::collections::HashMap;

use redis::aio::MultiplexedConnection;
use redis::{ErrorKind, RedisError, ServerErrorKind};

use super::RedisFault;
use super::durability::{Durability, Wait};
use crate::store::Lineage;

/// The oldest release whose scripts can be refused as a whole, which `#!lua` asks for.
const OLDEST: (u32, u32) = (7, 0);

/// What would have `appendfsync always` wait for rewrites of the file.
const UNSYNCED: &str = "no-appendfsync-on-rewrite";
const RIGHTS: &str = concat!("#!lua flags=no-writes\n", include_str!("scripts/rights.lua"));

/// What was found out about a server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Found {
    /// What the server is called.
    pub(super) server: String,
    /// Differs after each start of the server.
    pub(super) run_id: String,
    /// Where what it holds comes from.
    pub(super) lineage: Lineage,
    /// How writes are made durable there.
    pub(super) wait: Wait,
    /// Whether `appendfsync` alone makes them so.
    pub(super) relies_on_appendfsync: bool,
    /// Whether its settings can be read, and are to be looked at again.
    pub(super) shows_settings: bool,
    /// What works and should be otherwise.
    pub(super) warnings: Vec<String>,
}

/// What is wanted of a server.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wanted {
    pub(super) durability: Durability,
    /// Whether it is to be a node of a cluster, or none.
    pub(super) is_member: bool,
    /// Whether it is at a place of its own, where no other takes over.
    pub(super) is_alone: bool,
}

/// Answers of a server about itself.
#[derive(Debug, Default)]
struct Facts {
    info: HashMap<String, String>,
    /// `None` where the user may not ask.
    settings: Option<HashMap<String, String>>,
}

/// Why a server cannot be used.
pub(super) enum Unfit {
    /// It did not answer, or refused to.
    Failed(RedisError),
    /// It answered.
    Unsuitable(RedisFault),
}

impl From<RedisError> for Unfit {
    fn from(error: RedisError) -> Self {
        Self::Failed(error)
    }
}

/// Looks at a server, for keys that begin like this.
pub(super) async fn inspect(
    connection: &mut MultiplexedConnection,
    name: &str,
    keys: &str,
    wanted: Wanted,
) -> Result<Found, Unfit> {
    let mut info = HashMap::new();
    for section in ["server", "replication", "persistence"] {
        let text: String = redis::cmd("INFO").arg(section).query_async(connection).await?;
        info.extend(fields(&text));
    }
    let settings = settings(connection).await?;
    let found = judge(&Facts { info, settings }, name, wanted).map_err(Unfit::Unsuitable)?;
    let missing = rights(connection, keys).await?;
    if missing.is_empty() {
        return Ok(found);
    }
    let detail = format!("the user may not run {} on the keys {keys}*", missing.join(", "));
    Err(Unfit::Unsuitable(RedisFault::Forbidden { server: name.to_owned(), detail }))
}

/// Whether another connection came to the server that was inspected. A name, or what stands between, may have led to another
/// one since; what that one waits for says nothing of what is written here.
pub(super) async fn is_the_same(connection: &mut MultiplexedConnection, found: &Found) -> Result<bool, RedisError> {
    let text: String = redis::cmd("INFO").arg("server").query_async(connection).await?;
    Ok(fields(&text).find(|(key, _)| key == "run_id").map(|(_, id)| id).unwrap_or_default() == found.run_id)
}

/// Whether the server answers, and still has the settings for which it was taken.
pub(super) async fn still_fits(connection: &mut MultiplexedConnection, found: &Found) -> Result<bool, RedisError> {
    if !found.shows_settings {
        redis::cmd("PING").query_async::<()>(connection).await?;
        return Ok(true);
    }
    let settings = settings(connection).await?.unwrap_or_default();
    let is = |key: &str, value: &str| settings.get(key).is_some_and(|found| found == value);
    let syncs = is("appendonly", "yes") && is("appendfsync", "always") && is(UNSYNCED, "no");
    let setting = |key: &str| settings.get(key).map(String::as_str);
    Ok((syncs || !found.relies_on_appendfsync) && evicts(setting).is_none())
}

/// What the scripts would run, and the user may not: in the middle of a script it would be refused too late.
async fn rights(connection: &mut MultiplexedConnection, keys: &str) -> Result<Vec<String>, RedisError> {
    redis::cmd("EVAL").arg(RIGHTS).arg(0).arg(format!("{keys}{{x}}:x")).query_async(connection).await
}

async fn settings(connection: &mut MultiplexedConnection) -> Result<Option<HashMap<String, String>>, RedisError> {
    let names = ["appendonly", "appendfsync", UNSYNCED, "maxmemory", "maxmemory-policy"];
    match redis::cmd("CONFIG").arg("GET").arg(&names).query_async(connection).await {
        Ok(settings) => Ok(Some(settings)),
        // A hosted server has no such command, or does not allow it.
        Err(error) => match error.kind() {
            ErrorKind::Server(ServerErrorKind::NoPerm | ServerErrorKind::ResponseError) => Ok(None),
            _ => Err(error),
        },
    }
}

fn fields(text: &str) -> impl Iterator<Item = (String, String)> + '_ {
    text.lines()
        .filter_map(|line| line.trim_end().split_once(':'))
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
}

fn judge(facts: &Facts, name: &str, wanted: Wanted) -> Result<Found, RedisFault> {
    let Wanted { durability: wanted, is_member, is_alone } = wanted;
    let unsuitable = |detail: String, remedy: &str| {
        let (server, remedy) = (name.to_owned(), remedy.to_owned());
        RedisFault::Unsuitable { server, detail, remedy }
    };
    let info = |key: &str| facts.info.get(key).map_or("", String::as_str);
    let setting = |key: &str| facts.settings.as_ref().and_then(|settings| settings.get(key)).map(String::as_str);
    let release = info("redis_version");
    let version = version(release);
    if version < OLDEST {
        return Err(unsuitable(format!("it is Redis {release}"), "rolecall needs Redis 7 or newer: update it"));
    }
    if (info("redis_mode") == "cluster") != is_member {
        let detail = if is_member { "it is no node of a Redis Cluster" } else { "it is a node of a Redis Cluster now" };
        return Err(unsuitable(detail.to_owned(), "correct redis-url, and start rolecall anew"));
    }
    if info("role") != "master" {
        return Err(RedisFault::ReadOnly { server: name.to_owned() });
    }
    if info("loading") == "1" {
        return Err(RedisFault::Loading { server: name.to_owned() });
    }
    let mut warnings = Vec::new();
    if facts.settings.is_none() {
        let missing = "the user may not read its settings (CONFIG GET), so nobody looks whether they fit";
        warnings.push(format!("{missing}: see to `maxmemory-policy noeviction` and to `appendonly yes`"));
    }
    if let Some(policy) = evicts(setting) {
        return Err(unsuitable(
            format!("it throws keys away when memory runs out (maxmemory-policy {policy})"),
            "run `redis-cli CONFIG SET maxmemory-policy noeviction` and put `maxmemory-policy noeviction` into redis.conf",
        ));
    }
    let appends = info("aof_enabled") == "1";
    if wanted.aof && !appends {
        return Err(unsuitable(
            format!("redis-durability = {wanted} needs its append-only file"),
            "run `redis-cli CONFIG SET appendonly yes` and put `appendonly yes` into redis.conf, or choose another redis-durability",
        ));
    }
    let rewrites = info("aof_rewrite_in_progress") == "1" || info("aof_rewrite_scheduled") == "1";
    if wanted.aof && rewrites && info("aof_base_size") == "0" {
        return Err(RedisFault::Loading { server: name.to_owned() });
    }
    let replicas = info("connected_slaves").parse().unwrap_or(0u32);
    if u32::from(wanted.replicas) > replicas {
        let remedy = "connect its replicas (`replicaof` in their redis.conf), or choose another redis-durability";
        return Err(unsuitable(format!("redis-durability = {wanted}, and it has {replicas} replicas"), remedy));
    }
    let wait = wanted.on(version, setting("appendfsync")).map_err(|(detail, remedy)| unsuitable(detail, &remedy))?;
    warnings.extend(slow_syncs(wait, setting("appendfsync")));
    let relies_on_appendfsync = wanted.aof && wait == Wait::Nothing;
    if let Some(found) = setting(UNSYNCED).filter(|found| relies_on_appendfsync && *found != "no") {
        return Err(unsuitable(
            format!(
                "redis-durability = {wanted}, and it puts off its fsync while it rewrites its file ({UNSYNCED} {found})"
            ),
            "run `redis-cli CONFIG SET no-appendfsync-on-rewrite no` and put `no-appendfsync-on-rewrite no` into redis.conf",
        ));
    }
    let (run_id, shows_settings) = (info("run_id").to_owned(), facts.settings.is_some());
    let lineage = Lineage { outlives_restarts: wanted.aof && is_alone, ..lineage(info) };
    Ok(Found { server: name.to_owned(), run_id, lineage, wait, relies_on_appendfsync, shows_settings, warnings })
}

/// The line of copies that its data is in.
fn lineage<'a>(info: impl Fn(&str) -> &'a str) -> Lineage {
    // Zeros where there was none before. The name itself changes with the first replica, too.
    let took_over = info("master_replid2").contains(|digit| digit != '0');
    Lineage { id: info("master_replid").to_owned(), took_over, ..Lineage::default() }
}

/// The policy by which it throws keys away when memory runs out.
fn evicts<'a>(setting: impl Fn(&str) -> Option<&'a str>) -> Option<&'a str> {
    let bounded = setting("maxmemory").is_some_and(|bytes| bytes != "0");
    setting("maxmemory-policy").filter(|policy| bounded && *policy != "noeviction")
}

fn slow_syncs(wait: Wait, appendfsync: Option<&str>) -> Option<String> {
    let found = appendfsync.filter(|found| matches!(wait, Wait::Disk(_)) && *found != "always")?;
    Some(format!(
        "appendfsync is {found}, so every write waits for the next fsync, a second or more: put `appendfsync always` \
         into redis.conf, where one fsync serves all writes that come together"
    ))
}

fn version(release: &str) -> (u32, u32) {
    let mut parts = release.split('.').map(|part| part.parse().unwrap_or(0));
    (parts.next().unwrap_or(0), parts.next().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn facts(info: &str, settings: &[(&str, &str)]) -> Facts {
        let base = "redis_version:7.0.15\r\nredis_mode:standalone\r\nrole:master\r\nrun_id:x\r\naof_enabled:1\r\n";
        let settings = settings.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        Facts { info: fields(base).chain(fields(info)).collect(), settings: Some(settings.collect()) }
    }

    fn refusal(info: &str, settings: &[(&str, &str)], wanted: Durability) -> String {
        judge(&facts(info, settings), "host:1/0", alone(wanted)).unwrap_err().to_string()
    }

    fn alone(durability: Durability) -> Wanted {
        Wanted { durability, is_member: false, is_alone: true }
    }

    // Fails when a server is taken that loses what it acknowledged, or the refusal does not say what mends it.
    #[test]
    fn unfit_servers_are_refused_with_the_line_that_mends_them() {
        let always = [("appendfsync", "always")];
        assert_eq!(judge(&facts("", &always), "h", alone(Durability::AOF)).unwrap().wait, Wait::Nothing);
        assert!(refusal("redis_version:6.2.9", &always, Durability::MEMORY).contains("Redis 7 or newer"));
        assert!(refusal("redis_mode:cluster", &always, Durability::MEMORY).contains("a node of a Redis Cluster now"));
        let member = Wanted { durability: Durability::MEMORY, is_member: true, is_alone: false };
        assert!(
            judge(&facts("", &always), "h", member).unwrap_err().to_string().contains("no node of a Redis Cluster")
        );
        assert!(judge(&facts("redis_mode:cluster", &always), "h", member).is_ok());
        assert!(refusal("role:slave", &always, Durability::MEMORY).contains("read-only replica"));
        assert!(refusal("loading:1", &always, Durability::AOF).contains("loading"));
        assert!(refusal("aof_enabled:0", &always, Durability::AOF).contains("`appendonly yes`"));
        assert!(refusal("", &[("appendfsync", "everysec")], Durability::AOF).contains("`appendfsync always`"));
        let putting_off = [always[0], ("no-appendfsync-on-rewrite", "yes")];
        assert!(refusal("", &putting_off, Durability::AOF).contains("`no-appendfsync-on-rewrite no`"));
        assert!(judge(&facts("", &putting_off), "h", alone(Durability::MEMORY)).is_ok());
        let first_file = "aof_rewrite_in_progress:1\r\naof_base_size:0";
        assert!(refusal(first_file, &always, Durability::AOF).contains("first append-only file"));
        assert!(
            judge(&facts("aof_rewrite_in_progress:1\r\naof_base_size:88", &always), "h", alone(Durability::AOF))
                .is_ok()
        );
        assert!(refusal("connected_slaves:1", &always, Durability { aof: false, replicas: 2 }).contains("1 replicas"));
        let evicting = [("maxmemory", "1"), ("maxmemory-policy", "volatile-lru")];
        assert!(refusal("", &evicting, Durability::MEMORY).contains("`maxmemory-policy noeviction`"));
        let unbounded = [("maxmemory", "0"), ("maxmemory-policy", "volatile-lru")];
        assert!(judge(&facts("", &unbounded), "h", alone(Durability::MEMORY)).is_ok());
    }

    // Fails when nobody hears that each write waits a second, or that settings could not be looked at.
    #[test]
    fn what_works_badly_is_told() {
        let found =
            judge(&facts("redis_version:7.4.1", &[("appendfsync", "everysec")]), "h", alone(Durability::AOF)).unwrap();
        assert_eq!((found.wait, found.relies_on_appendfsync), (Wait::Disk(0), false));
        assert!(found.warnings[0].contains("appendfsync is everysec"), "{:?}", found.warnings);
        let blind = Facts { settings: None, ..facts("redis_version:7.4.1", &[]) };
        assert!(judge(&blind, "h", alone(Durability::AOF)).unwrap().warnings[0].contains("CONFIG GET"));
        let blind = Facts { settings: None, ..facts("", &[]) };
        assert!(judge(&blind, "h", alone(Durability::AOF)).unwrap_err().to_string().contains("not told"));
    }
}

//! Settings that are one of a few words.

use super::values::Problem;

/// Where sessions are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// In the data directory.
    Embedded,
    /// In memory only: a restart forgets every session.
    Memory,
    /// On a Redis server.
    Redis,
}

/// Which model answers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelKind {
    /// The embedded, deterministic one.
    Rehearsal,
    /// An OpenAI-compatible server.
    OpenAi,
}

/// How changed contracts are noticed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ReloadKind {
    /// The system tells.
    Auto,
    /// By looking.
    Poll,
    /// Not at all.
    Off,
}

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object per line.
    Json,
}

pub(super) fn store_kind(value: &str) -> Result<StoreKind, Problem> {
    match value {
        "embedded" => Ok(StoreKind::Embedded),
        "memory" => Ok(StoreKind::Memory),
        "redis" => Ok(StoreKind::Redis),
        _ if value.starts_with("redis") && value.contains("://") => {
            Err(Problem::new("not a store, but a server's address", "write redis here, and the address as redis-url"))
        }
        _ => Err(Problem::new("there is no such store", "write embedded, memory or redis")),
    }
}

pub(super) fn model_kind(value: &str) -> Result<ModelKind, Problem> {
    match value {
        "rehearsal" => Ok(ModelKind::Rehearsal),
        "openai" => Ok(ModelKind::OpenAi),
        _ => Err(Problem::new(
            "there is no such model",
            "write rehearsal or openai (the model's own name goes into model-name)",
        )),
    }
}

pub(super) fn reload_kind(value: &str) -> Result<ReloadKind, Problem> {
    match value {
        "auto" => Ok(ReloadKind::Auto),
        "poll" => Ok(ReloadKind::Poll),
        "off" => Ok(ReloadKind::Off),
        _ => Err(Problem::new("there is no such way", "write auto, poll or off")),
    }
}

pub(super) fn log_format(value: &str) -> Result<LogFormat, Problem> {
    match value {
        "text" => Ok(LogFormat::Text),
        "json" => Ok(LogFormat::Json),
        _ => Err(Problem::new("there is no such format", "write text or json")),
    }
}

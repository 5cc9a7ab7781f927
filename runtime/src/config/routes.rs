//! Routes: the models beside the default one, `[routes.NAME]` in the file and `NAME.KEY=VALUE`
//! elsewhere. A later source replaces single keys of a route and leaves its others alone.

use std::collections::BTreeMap;
use std::path::Path;

use toml::de::DeValue;

use super::file::line_of;
use super::kinds::model_kind;
use super::settings::{Setting, Shape, model_time};
use super::values::{Problem, duration, masked, nearest, number, proxy, secret, text, url};
use super::{Config, ConfigError, ModelKind, Place, Secret, Shown};
use crate::model::{CallLimits, DEFAULT_ROUTE, Rations};

/// Routes that are read.
const MAX_ROUTES: usize = 64;

/// The setting under which routes are given.
pub(super) const ROUTES: Setting = Setting {
    key: "routes",
    default: None,
    shape: Shape::List,
    value_name: "NAME.KEY=VALUE,…",
    help: "Models for roles that name a route; KEY is url, name, key, key-env, proxy, model, fallback, first-text, \
           stall, total, retries, max-concurrent, max-waiting or max-wait. In the file: [routes.NAME]",
    secret: true,
};

/// A model and how it is used: a route, or the default one.
#[derive(Debug, Clone, PartialEq)]
pub struct Route {
    /// What kind of model.
    pub model: ModelKind,
    /// Base URL of an OpenAI-compatible server.
    pub url: Option<String>,
    /// The model's name there.
    pub name: Option<String>,
    /// The key sent to it.
    pub key: Option<Secret>,
    /// A proxy for calls to it.
    pub proxy: Option<Secret>,
    /// The route that is asked while this one fails before its first text.
    pub fallback: Option<String>,
    /// Deadlines and tries.
    pub limits: CallLimits,
    /// Turns at once.
    pub rations: Rations,
}

/// One key of a route, as a source gives it.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Entry {
    route: String,
    key: &'static Key,
    value: String,
    place: Place,
}

/// A key that routes have.
#[derive(PartialEq, Eq)]
pub(super) struct Key {
    name: &'static str,
    kind: Kind,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Model,
    Url,
    Name,
    Key,
    KeyEnv,
    Proxy,
    Fallback,
    FirstText,
    Stall,
    Total,
    Retries,
    MaxConcurrent,
    MaxWaiting,
    MaxWait,
}

/// In the order in which they are shown.
const KEYS: &[Key] = &[
    Key { name: "model", kind: Kind::Model },
    Key { name: "url", kind: Kind::Url },
    Key { name: "name", kind: Kind::Name },
    Key { name: "key", kind: Kind::Key },
    Key { name: "key-env", kind: Kind::KeyEnv },
    Key { name: "proxy", kind: Kind::Proxy },
    Key { name: "fallback", kind: Kind::Fallback },
    Key { name: "first-text", kind: Kind::FirstText },
    Key { name: "stall", kind: Kind::Stall },
    Key { name: "total", kind: Kind::Total },
    Key { name: "retries", kind: Kind::Retries },
    Key { name: "max-concurrent", kind: Kind::MaxConcurrent },
    Key { name: "max-waiting", kind: Kind::MaxWaiting },
    Key { name: "max-wait", kind: Kind::MaxWait },
];

/// Reads `[routes.NAME]` of a file.
pub(super) fn of_table(path: &Path, source: &str, value: &DeValue<'_>) -> (Vec<Entry>, Vec<ConfigError>) {
    let (mut entries, mut errors) = (Vec::new(), Vec::new());
    let place = |offset: usize| Place::File { path: path.to_owned(), line: line_of(source, offset) };
    let no_table = |at: usize, key: &str| wrong(place(at), key, "", Problem::new("not a table", REMEDY));
    let DeValue::Table(routes) = value else {
        return (entries, vec![no_table(0, "routes")]);
    };
    for (route, keys) in routes {
        let at = route.span().start;
        let route = route.get_ref();
        let DeValue::Table(keys) = keys.get_ref() else {
            errors.push(no_table(at, &format!("routes.{route}")));
            continue;
        };
        for (key, value) in keys {
            let place = place(key.span().start);
            let shown = format!("routes.{route}.{}", key.get_ref());
            let scalar = match value.get_ref() {
                DeValue::String(text) => text.to_string(),
                DeValue::Integer(number) if number.radix() == 10 => number.as_str().to_owned(),
                other => {
                    let problem = Problem::new("neither a string nor a number", "write one value in quotes");
                    errors.push(wrong(place, &shown, &format!("({})", other.type_str()), problem));
                    continue;
                }
            };
            match entry(route, key.get_ref(), scalar, place) {
                Ok(entry) => entries.push(entry),
                Err(error) => errors.push(error),
            }
        }
    }
    (entries, errors)
}

/// Reads `NAME.KEY=VALUE` of a flag or the environment.
pub(super) fn of_word(word: &str, place: &Place) -> Result<Entry, ConfigError> {
    let parts = word.split_once('=').and_then(|(left, value)| Some((left.rsplit_once('.')?, value)));
    match parts {
        Some(((route, key), value)) => entry(route, key, value.to_owned(), place.clone()),
        // What stands behind an equals sign may be a secret.
        None => {
            let shown = word.split('=').next().unwrap_or_default();
            Err(wrong(place.clone(), "routes", shown, Problem::new("not a route's key with its value", REMEDY)))
        }
    }
}

const REMEDY: &str = "write [routes.NAME] with url and name in rolecall.toml, or --routes NAME.KEY=VALUE";

fn entry(route: &str, key: &str, value: String, place: Place) -> Result<Entry, ConfigError> {
    let shown = format!("routes.{route}.{key}");
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.');
    if route.is_empty() || route.len() > 64 || !route.chars().all(plain) {
        let problem = Problem::new("not the name of a route", "use at most 64 ASCII letters, digits, `_`, `-` and `.`");
        return Err(wrong(place, &shown, "***", problem));
    }
    if route == DEFAULT_ROUTE {
        let problem =
            Problem::new("the default model has settings of its own", "write model-url, model-name and so on");
        return Err(wrong(place, &shown, "***", problem));
    }
    let Some(key) = KEYS.iter().find(|known| known.name == key) else {
        let near = nearest(key, KEYS.iter().map(|known| known.name));
        let remedy = near.map_or_else(|| ROUTES.help.to_owned(), |near| format!("did you mean `{near}`?"));
        return Err(wrong(place, &shown, "***", Problem::new("routes have no such key", remedy)));
    };
    Ok(Entry { route: route.to_owned(), key, value, place })
}

/// The place of a kind among [`KEYS`].
fn order(kind: Kind) -> usize {
    KEYS.iter().position(|key| key.kind == kind).unwrap_or(KEYS.len())
}

impl Kind {
    /// What gives the same thing in another way: whichever of the two a later source has takes the other's place.
    fn alternative(self) -> Option<Self> {
        match self {
            Self::Key => Some(Self::KeyEnv),
            Self::KeyEnv => Some(Self::Key),
            _ => None,
        }
    }
}

/// Puts the entries of all sources together, the weakest source first.
pub(super) fn assemble(
    entries: Vec<Entry>,
    defaults: &Route,
    environment: &[(String, String)],
) -> (BTreeMap<String, Route>, Vec<Shown>, Vec<ConfigError>) {
    let mut chosen: BTreeMap<(String, usize), Entry> = BTreeMap::new();
    for entry in entries {
        // A key and the name of a variable with the key are two ways to say one thing.
        if let Some(other) = entry.key.kind.alternative() {
            chosen.remove(&(entry.route.clone(), order(other)));
        }
        chosen.insert((entry.route.clone(), order(entry.key.kind)), entry);
    }
    let base = Route {
        model: ModelKind::OpenAi,
        url: None,
        name: None,
        key: None,
        proxy: None,
        fallback: None,
        ..defaults.clone()
    };
    let (mut routes, mut shown, mut errors) = (BTreeMap::new(), Vec::new(), Vec::new());
    for entry in chosen.into_values() {
        let route = routes.entry(entry.route.clone()).or_insert_with(|| base.clone());
        if let Err(problem) = entry.set(route, environment) {
            errors.push(wrong(entry.place.clone(), &entry.path(), &entry.shown(), problem));
        }
        shown.push(Shown { key: entry.path(), value: Some(entry.shown()), origin: entry.place });
    }
    if routes.len() > MAX_ROUTES {
        let detail = format!("there are {} routes; {MAX_ROUTES} are read", routes.len());
        errors.push(ConfigError::Combination { detail, remedy: "remove some of them".to_owned() });
    }
    (routes, shown, errors)
}

impl Entry {
    fn set(&self, route: &mut Route, environment: &[(String, String)]) -> Result<(), Problem> {
        let value = self.value.as_str();
        match self.key.kind {
            Kind::Model => route.model = model_kind(value)?,
            Kind::Url => route.url = Some(url(value)?),
            Kind::Name => route.name = Some(text(value)?),
            Kind::Key => route.key = Some(secret(value, 1)?),
            Kind::KeyEnv => route.key = Some(from_environment(value, environment)?),
            Kind::Proxy => route.proxy = Some(proxy(value)?),
            Kind::Fallback => route.fallback = Some(text(value)?),
            Kind::FirstText => route.limits.first_text = model_time(value)?,
            Kind::Stall => route.limits.stall = model_time(value)?,
            Kind::Total => route.limits.total = model_time(value)?,
            Kind::Retries => route.limits.retries = number(value, 0, 10)?,
            Kind::MaxConcurrent => route.rations.places = number(value, 1, 1_000_000)?,
            Kind::MaxWaiting => route.rations.waiting = number(value, 0, 1_000_000)?,
            Kind::MaxWait => route.rations.wait = wait(value)?,
        }
        Ok(())
    }

    /// As a TOML key.
    fn path(&self) -> String {
        let quoted = if self.route.contains('.') { format!("\"{}\"", self.route) } else { self.route.clone() };
        format!("routes.{quoted}.{}", self.key.name)
    }

    /// The value in TOML; secrets are asterisks.
    fn shown(&self) -> String {
        match self.key.kind {
            Kind::Key => "\"***\"".to_owned(),
            // What is no name may be the key itself, written in the wrong place.
            Kind::KeyEnv if !names_a_variable(&self.value) => "\"***\"".to_owned(),
            Kind::Url | Kind::Proxy => toml::Value::from(masked(&self.value)).to_string(),
            _ => toml::Value::from(self.value.as_str()).to_string(),
        }
    }
}

/// How long a turn may wait for a place at a model.
pub(super) fn wait(value: &str) -> Result<std::time::Duration, Problem> {
    duration(value, std::time::Duration::ZERO, std::time::Duration::from_secs(600))
}

/// Whether a text can be the name of an environment variable: ASCII letters, digits and `_`, no digit first.
fn names_a_variable(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || c == '_';
    !text.is_empty() && !text.starts_with(|c: char| c.is_ascii_digit()) && text.chars().all(plain)
}

fn from_environment(name: &str, environment: &[(String, String)]) -> Result<Secret, Problem> {
    if !names_a_variable(name) {
        let remedy = "write the variable's name here, or the key itself under `key`";
        return Err(Problem::new("not the name of an environment variable", remedy));
    }
    let found = environment.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str());
    let value = found.filter(|value| !value.is_empty());
    let value = value.ok_or_else(|| Problem::new("there is no such environment variable", "set it to the key"))?;
    secret(value, 1)
}

fn wrong(place: Place, key: &str, shown: &str, problem: Problem) -> ConfigError {
    let Problem { detail, remedy } = problem;
    ConfigError::Value { place, key: key.into(), shown: shown.to_owned(), detail, remedy }
}

/// Routes that cannot be used as they are, and fallbacks that lead nowhere or in a circle.
pub(super) fn contradictions(config: &Config) -> Vec<ConfigError> {
    let mut found = Vec::new();
    let mut add = |detail: String, remedy: String| found.push(ConfigError::Combination { detail, remedy });
    for (name, route) in &config.routes {
        let lacks = [("url", route.url.is_none()), ("name", route.name.is_none())];
        for (key, _) in lacks.iter().filter(|(_, lacks)| *lacks && route.model == ModelKind::OpenAi) {
            add(
                format!("route `{name}` has no {key}"),
                format!("add {key} to [routes.{name}], or model = \"rehearsal\""),
            );
        }
    }
    let default = config.default_route();
    let fallback = |name: &str| match (config.routes.get(name), name) {
        (Some(route), _) => Some(route.fallback.as_deref()),
        (None, DEFAULT_ROUTE) => Some(default.fallback.as_deref()),
        (None, _) => None,
    };
    for start in config.routes.keys().map(String::as_str).chain([DEFAULT_ROUTE]) {
        let mut at = start;
        // A chain without a circle has at most as many links as there are routes.
        for step in 0..=config.routes.len() + 1 {
            let Some(next) = fallback(at).flatten() else { break };
            if fallback(next).is_none() {
                add(
                    format!("the fallback of route `{at}` is `{next}`, which is not there"),
                    format!("add [routes.{next}], or name a route that is there"),
                );
                break;
            }
            if next == start || step > config.routes.len() {
                add(
                    format!("the fallbacks of route `{start}` lead in a circle"),
                    "let one of them end without a fallback".to_owned(),
                );
                break;
            }
            at = next;
        }
    }
    found
}

//! Readers of single values: text in, typed value or problem out.

use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::path::PathBuf;
use std::time::Duration;

use ipnet::IpNet;

use super::Secret;
use crate::store::Lifetime;

/// What is wrong with a value, and what to write instead.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Problem {
    pub(super) detail: String,
    pub(super) remedy: String,
}

impl Problem {
    pub(super) fn new(detail: impl Into<String>, remedy: impl Into<String>) -> Self {
        Self { detail: detail.into(), remedy: remedy.into() }
    }
}

/// One required value.
pub(super) fn one<T>(values: &[String], read: impl Fn(&str) -> Result<T, Problem>) -> Result<T, Problem> {
    match values {
        [value] => read(value),
        _ => Err(Problem::new("one value is expected", "write a single value")),
    }
}

/// One value, or none.
pub(super) fn maybe<T>(values: &[String], read: impl Fn(&str) -> Result<T, Problem>) -> Result<Option<T>, Problem> {
    match values {
        [] => Ok(None),
        [value] if value.is_empty() => Ok(None),
        [value] => read(value).map(Some),
        _ => Err(Problem::new("one value is expected", "write a single value")),
    }
}

/// Any number of values.
pub(super) fn many<T>(values: &[String], read: impl Fn(&str) -> Result<T, Problem>) -> Result<Vec<T>, Problem> {
    values.iter().map(|value| read(value)).collect()
}

pub(super) fn address(text: &str) -> Result<SocketAddr, Problem> {
    let problem = || Problem::new("not an address", "write ADDRESS:PORT, such as 127.0.0.1:8420");
    if let Ok(address) = text.parse() {
        return Ok(address);
    }
    // `localhost` is what people type; other names would make the address depend on a resolver.
    let port = text.strip_prefix("localhost:").ok_or_else(problem)?;
    ("127.0.0.1", port.parse::<u16>().map_err(|_| problem())?)
        .to_socket_addrs()
        .ok()
        .and_then(|mut found| found.next())
        .ok_or_else(problem)
}

/// A network, or a single address.
pub(super) fn network(text: &str) -> Result<IpNet, Problem> {
    let single = || text.parse::<IpAddr>().map(IpNet::from);
    let problem =
        || Problem::new("not a network", "write an address such as 10.0.0.7, or a network such as 10.0.0.0/8");
    text.parse::<IpNet>().or_else(|_| single()).map_err(|_| problem())
}

pub(super) fn path(text: &str) -> Result<PathBuf, Problem> {
    if text.is_empty() {
        return Err(Problem::new("the path is empty", "write a path"));
    }
    Ok(PathBuf::from(text))
}

pub(super) fn flag(text: &str) -> Result<bool, Problem> {
    match text {
        "true" | "1" | "yes" | "on" => Ok(true),
        "false" | "0" | "no" | "off" | "" => Ok(false),
        _ => Err(Problem::new("not a yes or no", "write true or false")),
    }
}

pub(super) fn number<T: std::str::FromStr + PartialOrd + std::fmt::Display + Copy>(
    text: &str,
    least: T,
    most: T,
) -> Result<T, Problem> {
    let remedy = format!("write a whole number from {least} to {most}");
    match text.parse::<T>() {
        Ok(value) if value >= least && value <= most => Ok(value),
        Ok(_) => Err(Problem::new("out of range", remedy)),
        Err(_) => Err(Problem::new("not a whole number", remedy)),
    }
}

pub(super) fn duration(text: &str, least: Duration, most: Duration) -> Result<Duration, Problem> {
    let remedy = "write a number with ms, s, m, h or d, such as 250ms or 30s";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let count: u64 = count.parse().map_err(|_| Problem::new("not a duration", remedy))?;
    let unit_ms = match unit.trim() {
        "ms" => 1,
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "" if count == 0 => 1,
        _ => return Err(Problem::new("not a duration", remedy)),
    };
    let value = count.checked_mul(unit_ms).map(Duration::from_millis);
    match value {
        Some(value) if value >= least && value <= most => Ok(value),
        _ => Err(Problem::new("out of range", format!("write {least:?} to {most:?}"))),
    }
}

/// How long a session is kept. Shorter than a minute, and one would end while its client looks for a network.
pub(super) fn lifetime(text: &str) -> Result<Lifetime, Problem> {
    if text == "never" {
        return Ok(Lifetime::FOREVER);
    }
    let (least, most) = (Duration::from_secs(60), Duration::from_secs(3_650 * 86_400));
    duration(text, least, most).map(Lifetime::of).map_err(|problem| match problem.detail.as_str() {
        "out of range" => Problem::new(problem.detail, "write 1m to 3650d, or never"),
        _ => Problem::new(problem.detail, "write a number with m, h or d, such as 30d, or never"),
    })
}

pub(super) fn size(text: &str, least: usize, most: usize) -> Result<usize, Problem> {
    let remedy = "write a size such as 512KiB or 32MiB";
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (count, unit) = text.split_at_checked(digits).unwrap_or((text, ""));
    let count: usize = count.parse().map_err(|_| Problem::new("not a size", remedy))?;
    let unit_bytes = match unit.trim() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(Problem::new("not a size", remedy)),
    };
    match count.checked_mul(unit_bytes) {
        Some(value) if value >= least && value <= most => Ok(value),
        _ => Err(Problem::new("out of range", format!("write {least}B to {most}B"))),
    }
}

pub(super) fn text(value: &str) -> Result<String, Problem> {
    Ok(value.to_owned())
}

/// A base URL. It is shown and logged, so it carries no password.
pub(super) fn url(value: &str) -> Result<String, Problem> {
    let remedy = "write the base URL of an OpenAI-compatible server, such as http://127.0.0.1:8000/v1";
    authority(value).ok_or_else(|| Problem::new("not an http or https URL", remedy))?;
    // Anywhere: an unescaped slash in a password ends what is formally the authority.
    if value.contains('@') {
        return Err(Problem::new("carries a user or password", "leave out what is before the @ and set model-key"));
    }
    if value.contains(['?', '#']) {
        return Err(Problem::new("has a query or a fragment", remedy));
    }
    Ok(value.trim_end_matches('/').to_owned())
}

/// A proxy's URL, with or without a user and password. It is never shown whole; see [`masked`].
pub(super) fn proxy(value: &str) -> Result<Secret, Problem> {
    let remedy = "write http://host:port, or http://user:password@host:port";
    authority(value).map(|_| Secret::new(value)).ok_or_else(|| Problem::new("not an http or https URL", remedy))
}

/// What is between the scheme and the path.
fn authority(url: &str) -> Option<&str> {
    let rest = url.strip_prefix("http://").or_else(|| url.strip_prefix("https://"))?;
    rest.split(['/', '?', '#']).next().filter(|authority| !authority.is_empty())
}

/// A URL, or what was meant as one, as it can be shown: what could be a password is asterisks.
pub(super) fn masked(url: &str) -> String {
    let (scheme, rest) = match url.split_once("://") {
        Some((scheme, rest)) if !scheme.contains('@') => (format!("{scheme}://"), rest),
        _ => (String::new(), url),
    };
    // The last @ of all: a password with an unescaped slash must not come out.
    let (user, rest) = rest.rsplit_once('@').map_or(("", rest), |(_, rest)| ("***@", rest));
    let (rest, query) = rest.split_once('?').map_or((rest, ""), |(rest, _)| (rest, "?***"));
    format!("{scheme}{user}{rest}{query}")
}

/// The word that was probably meant.
pub(super) fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let scored = known.map(|known| (strsim::jaro_winkler(word, known), known));
    scored.max_by(|a, b| a.0.total_cmp(&b.0)).filter(|(score, _)| *score >= 0.8).map(|(_, known)| known)
}

pub(super) fn secret(value: &str, least: usize) -> Result<Secret, Problem> {
    let visible = value.bytes().all(|b| b.is_ascii_graphic());
    if value.len() < least || !visible {
        let detail = format!("needs at least {least} visible ASCII characters");
        return Err(Problem::new(detail, "generate one, for example with `openssl rand -hex 32`"));
    }
    Ok(Secret::new(value))
}

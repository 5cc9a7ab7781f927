//! Settings of the store on a Redis server.

use std::time::Duration;

use super::values::{Problem, duration};
use super::{Config, Secret};
use crate::store::{Durability, Node, RedisAddress, RedisFault};

/// A server's URL. It may carry a password, so it is never shown whole.
pub(super) fn redis_url(text: &str) -> Result<Secret, Problem> {
    match RedisAddress::parse(text) {
        Ok(_) => Ok(Secret::new(text)),
        Err(error) => {
            let detail = match error {
                RedisFault::Address(detail) => detail,
                other => other.to_string(),
            };
            let remedy = "write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], redis://HOST:PORT,HOST:PORT for a cluster, \
                          or redis+sentinel://HOST:PORT,HOST:PORT/SERVICE; with rediss for TLS";
            Err(Problem::new(detail, remedy))
        }
    }
}

/// What keys begin with. Brackets would decide where a cluster puts a key, and what a pattern finds.
pub(super) fn redis_prefix(text: &str) -> Result<String, Problem> {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"{}[]*?\\\"".contains(&byte);
    if text.len() <= 64 && text.bytes().all(fits) {
        return Ok(text.to_owned());
    }
    let remedy = "write at most 64 letters, digits and signs such as : - _ . without brackets, such as rolecall:";
    Err(Problem::new("not a prefix of keys", remedy))
}

pub(super) fn redis_durability(text: &str) -> Result<Durability, Problem> {
    let remedy = "write memory, aof, `replicas N` or `aof replicas N`, N from 1 to 16";
    Durability::parse(text).ok_or_else(|| Problem::new("there is no such durability", remedy))
}

/// A server's name among others.
pub(super) fn node_id(text: &str) -> Result<String, Problem> {
    let remedy = "write 1 to 64 letters, digits, dots, hyphens and underscores, such as eu-1";
    Node::check(text).map_err(|error| Problem::new(error.to_string(), remedy))?;
    Ok(text.to_owned())
}

/// Where a server is reached by others: an origin, to which paths are added.
pub(super) fn node_url(text: &str) -> Result<String, Problem> {
    let remedy =
        "write http://HOST:PORT of this very server, such as http://10.0.0.7:8420, and not of what is in front of it";
    let problem = |detail: &str| Problem::new(detail, remedy);
    let url = reqwest::Url::parse(text).map_err(|error| Problem::new(format!("not a URL: {error}"), remedy))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(problem("neither http nor https"));
    }
    let bare = url.username().is_empty() && url.password().is_none();
    if !bare || url.path() != "/" || url.query().is_some() || url.fragment().is_some() {
        return Err(problem("has more than a host and a port"));
    }
    let host = url.host_str().unwrap_or_default();
    let address = host.trim_matches(['[', ']']).parse::<std::net::IpAddr>();
    if host.is_empty() || address.is_ok_and(|address| address.is_unspecified()) {
        return Err(problem("names no server"));
    }
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

impl Config {
    /// Where the others reach this server, if that is known. What it listens on says so where it is one address of a network;
    /// a certificate hardly ever names that, so over TLS it must be said.
    #[must_use]
    pub fn advertised_url(&self) -> Option<String> {
        let ip = self.listen.ip();
        let says = !ip.is_unspecified() && !ip.is_loopback() && self.listen.port() != 0 && self.tls_cert.is_none();
        self.node_url.clone().or_else(|| says.then(|| format!("http://{}", self.listen)))
    }
}

/// Shorter, and a moment's pause counts as death; longer, and nobody goes on with the replies of a server that died.
pub(super) fn node_lease(text: &str) -> Result<Duration, Problem> {
    duration(text, Duration::from_secs(1), Duration::from_secs(60))
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when an address that reaches no server, or not this one alone, is told to the others, or the right one is not.
    #[test]
    fn the_others_are_told_where_this_server_is() {
        assert_eq!(node_url("http://10.0.0.7:8420/").unwrap(), "http://10.0.0.7:8420");
        assert_eq!(node_url("https://eu-1.example").unwrap(), "https://eu-1.example");
        for wrong in [
            "",
            "10.0.0.7:8420",
            "ftp://h",
            "http://",
            "http://a:b@h",
            "http://h/v1",
            "http://h?x",
            "http://0.0.0.0:1",
            "http://[::]:1",
        ] {
            assert!(node_url(wrong).is_err(), "{wrong}");
        }
        let mut config = super::super::Sources::default().read().unwrap().config;
        for (listen, told) in [
            ("127.0.0.1:8420", None),
            ("0.0.0.0:8420", None),
            ("[::]:8420", None),
            ("10.0.0.7:8420", Some("http://10.0.0.7:8420")),
            ("[2001:db8::1]:8420", Some("http://[2001:db8::1]:8420")),
        ] {
            config.listen = listen.parse().unwrap();
            assert_eq!(config.advertised_url().as_deref(), told, "{listen}");
        }
        config.tls_cert = Some("cert.pem".into());
        assert_eq!(config.advertised_url(), None);
        config.node_url = Some("https://eu-1.example".into());
        assert_eq!(config.advertised_url().as_deref(), Some("https://eu-1.example"));
    }
}

//! Where the servers are, and who asks.

use std::fmt;

use redis::io::tcp::TcpSettings;
use redis::{Client, ConnectionAddr, ConnectionInfo, IntoConnectionInfo, TlsCertificates};

use super::slots::Endpoint;
use super::{RedisFault, RedisTls};

/// Where sentinels listen, if the URL does not say.
const SENTINEL_PORT: u16 = 26_379;
/// Most servers that a URL names.
const MOST: usize = 64;

/// A URL of servers, read. It can be shown; passwords and keys cannot.
///
/// - `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`: a server, or a node of a cluster;
/// - `redis://[USER:PASSWORD@]HOST[:PORT],HOST[:PORT],…`: some nodes of a cluster, which name the others;
/// - `redis+sentinel://[USER:PASSWORD@]HOST[:PORT],…/SERVICE[/DATABASE]`: the sentinels that know where the primary of a
///   service is; user and password are the primary's, and `?sentinel_username=…&sentinel_password=…` theirs.
///
/// With `rediss` instead of `redis` all of them are spoken to over TLS.
#[derive(Clone)]
pub struct RedisAddress {
    nodes: Vec<Endpoint>,
    /// Everything but the host.
    info: ConnectionInfo,
    service: Option<Service>,
    tls: Option<TlsCertificates>,
    name: String,
}

/// What sentinels look after.
#[derive(Clone)]
pub(super) struct Service {
    pub(super) name: String,
    /// For the sentinels, without a host.
    info: ConnectionInfo,
}

impl RedisAddress {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`RedisFault::Address`], without the URL, which may carry a password.
    pub fn parse(url: &str) -> Result<Self, RedisFault> {
        let refuse = |detail: &str| RedisFault::Address(detail.to_owned());
        let (scheme, rest) = url.split_once("://").ok_or_else(|| refuse("it has no scheme"))?;
        let (scheme, asks) = match scheme {
            "redis" | "rediss" => (scheme, false),
            "redis+sentinel" => ("redis", true),
            "rediss+sentinel" => ("rediss", true),
            _ => {
                return Err(refuse(
                    "it begins with none of redis://, rediss://, redis+sentinel://, rediss+sentinel://",
                ));
            }
        };
        if rest.contains('#') || (rest.contains('?') && !asks) {
            return Err(refuse("it has a query or a fragment (a password with ? or # is written with %3F or %23)"));
        }
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let (user, hosts) = authority.rsplit_once('@').map_or(("", authority), |(user, hosts)| (user, hosts));
        let (service, database) = match (asks, path.split_once('/')) {
            (false, _) => ("", path),
            (true, None) => (path, ""),
            (true, Some((service, database))) => (service, database),
        };
        if asks && (service.is_empty() || service.contains('%')) {
            return Err(refuse("it does not name the service behind the sentinels"));
        }
        let at = if user.is_empty() { String::new() } else { format!("{user}@") };
        let mut nodes = Vec::new();
        let mut found = None;
        for host in hosts.split(',') {
            let port = if asks && !has_port(host) { format!(":{SENTINEL_PORT}") } else { String::new() };
            let (node, info) = server(&format!("{scheme}://{at}{host}{port}/{database}"))?;
            nodes.push(node);
            found = Some(info);
        }
        let Some(info) = found.filter(|_| nodes.len() <= MOST) else { return Err(refuse("it names too many hosts")) };
        let listed: Vec<String> = nodes.iter().map(Endpoint::to_string).collect();
        let (listed, number) = (listed.join(","), info.redis_settings().db());
        let name = if asks { format!("{service} of sentinels {listed}") } else { format!("{listed}/{number}") };
        let service = if asks { Some(Service::parse(service, &info, query)?) } else { None };
        Ok(Self { nodes, info, service, tls: None, name })
    }

    /// Trusts other certificates than the system does, or shows one.
    ///
    /// # Errors
    /// [`RedisFault::Address`]: the URL does not ask for TLS. [`RedisFault::Certificate`]: they cannot be used.
    pub fn with_tls(mut self, tls: RedisTls) -> Result<Self, RedisFault> {
        if tls.is_empty() {
            return Ok(self);
        }
        if !matches!(self.info.addr(), ConnectionAddr::TcpTls { .. }) {
            return Err(RedisFault::Address(
                "it begins with redis, and redis-ca and redis-cert need rediss".to_owned(),
            ));
        }
        self.tls = Some(tls.into());
        self.nodes.first().map_or(Ok(()), |node| self.client(node).map(drop))?;
        Ok(self)
    }

    /// The servers, or the sentinels.
    pub(super) fn nodes(&self) -> &[Endpoint] {
        &self.nodes
    }

    /// What sentinels look after, if there are some.
    pub(super) fn service(&self) -> Option<&Service> {
        self.service.as_ref()
    }

    /// For connections to a server.
    pub(super) fn client(&self, node: &Endpoint) -> Result<Client, RedisFault> {
        self.client_of(&self.info, node)
    }

    /// For connections to a server of which it is not known yet whether it has several databases.
    pub(super) fn client_of_any(&self, node: &Endpoint) -> Result<Client, RedisFault> {
        let settings = self.info.redis_settings().clone().set_db(0);
        self.client_of(&self.info.clone().set_redis_settings(settings), node)
    }

    /// For connections to a sentinel.
    pub(super) fn sentinel(&self, service: &Service, node: &Endpoint) -> Result<Client, RedisFault> {
        self.client_of(&service.info, node)
    }

    fn client_of(&self, info: &ConnectionInfo, node: &Endpoint) -> Result<Client, RedisFault> {
        let addr = match info.addr() {
            ConnectionAddr::TcpTls { .. } => {
                ConnectionAddr::TcpTls { host: node.host.clone(), port: node.port, insecure: false, tls_params: None }
            }
            _ => ConnectionAddr::Tcp(node.host.clone(), node.port),
        };
        let info = info.clone().set_addr(addr);
        let client = match &self.tls {
            Some(certificates) => Client::build_with_tls(info, certificates.clone()),
            None => Client::open(info),
        };
        client.map_err(|error| RedisFault::Certificate {
            setting: "redis-ca, redis-cert and redis-key",
            detail: error.to_string(),
        })
    }

    /// Hosts, ports, and the database or the service.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What a server of them is called.
    pub(super) fn name_of(&self, node: &Endpoint) -> String {
        format!("{node}/{}", self.database())
    }

    /// The number of the database.
    pub(super) fn database(&self) -> i64 {
        self.info.redis_settings().db()
    }

    /// What must not be shown.
    pub(super) fn secrets(&self) -> impl Iterator<Item = &str> {
        let theirs = self.service.as_ref().and_then(|service| service.info.redis_settings().password());
        self.info.redis_settings().password().into_iter().chain(theirs)
    }
}

impl Service {
    fn parse(name: &str, info: &ConnectionInfo, query: &str) -> Result<Self, RedisFault> {
        let refuse = |detail: &str| RedisFault::Address(detail.to_owned());
        let (mut user, mut password) = ("", "");
        for pair in query.split('&').filter(|pair| !pair.is_empty()) {
            match pair.split_once('=') {
                Some(("sentinel_username", value)) => user = value,
                Some(("sentinel_password", value)) => password = value,
                _ => return Err(refuse("its query has more than sentinel_username and sentinel_password")),
            }
        }
        let at = if password.is_empty() { String::new() } else { format!("{user}:{password}@") };
        let (_, theirs) = server(&format!("redis://{at}sentinel"))?;
        Ok(Self { name: name.to_owned(), info: info.clone().set_redis_settings(theirs.redis_settings().clone()) })
    }
}

fn has_port(host: &str) -> bool {
    host.rsplit_once(':').is_some_and(|(_, port)| !port.contains(']'))
}

/// Reads the URL of one server.
fn server(url: &str) -> Result<(Endpoint, ConnectionInfo), RedisFault> {
    let refuse = |detail: &str| RedisFault::Address(detail.to_owned());
    // What the client says is about a part of the URL, at most a host.
    let info = url.into_connection_info().map_err(|_| refuse("it is not such a URL"))?;
    let (ConnectionAddr::Tcp(host, port) | ConnectionAddr::TcpTls { host, port, .. }) = info.addr() else {
        return Err(refuse("it names no host"));
    };
    if info.redis_settings().db() < 0 {
        return Err(refuse("its database is no number from 0"));
    }
    let node = Endpoint { host: host.clone(), port: *port };
    let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
    Ok((node, info))
}

impl fmt::Debug for RedisAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("RedisAddress").field(&self.name).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a part of a URL is lost, or one that cannot work is taken.
    #[test]
    fn urls_are_read_whole() {
        let address = RedisAddress::parse("rediss://anna:pa%40ss@redis.example:6390/3").unwrap();
        assert_eq!(address.name(), "redis.example:6390/3");
        assert_eq!(address.secrets().collect::<Vec<_>>(), ["pa@ss"]);
        let client = address.client(&address.nodes()[0]).unwrap();
        let info = client.get_connection_info();
        assert_eq!((info.redis_settings().username(), info.redis_settings().db()), (Some("anna"), 3));
        assert!(matches!(info.addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
        assert_eq!(RedisAddress::parse("redis://localhost").unwrap().name(), "localhost:6379/0");
        for wrong in [
            "",
            "localhost:6379",
            "http://localhost",
            "redis://",
            "redis://h/x",
            "redis://h/-1",
            "rediss://h#insecure",
            "redis://h,",
            "redis://h,i:x",
            "redis://h?sentinel_password=x",
            "redis+sentinel://h",
            "redis+sentinel://h/",
            "redis+sentinel://h/main/x",
            "redis+sentinel://h/main?password=x",
        ] {
            let error = RedisAddress::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("HOST[:PORT]"), "{wrong}: {error}");
        }
    }

    // Fails when one of several servers is lost or found elsewhere, or sentinels are given the password of the server.
    #[test]
    fn several_servers_are_read() {
        let cluster = RedisAddress::parse("redis://anna:secret@a:7000,[::1]:7001,c").unwrap();
        assert_eq!(cluster.name(), "a:7000,[::1]:7001,c:6379/0");
        assert_eq!(cluster.nodes()[1], Endpoint { host: "::1".to_owned(), port: 7001 });
        assert!(cluster.service().is_none());

        let url = "redis+sentinel://anna:secret@a,b:7001/main/2?sentinel_username=eve&sentinel_password=p%26q";
        let behind = RedisAddress::parse(url).unwrap();
        assert_eq!(behind.name(), "main of sentinels a:26379,b:7001");
        let service = behind.service().unwrap();
        let sentinel = behind.sentinel(service, &behind.nodes()[1]).unwrap();
        let asks = sentinel.get_connection_info().redis_settings();
        assert_eq!((asks.username(), asks.password(), asks.db()), (Some("eve"), Some("p&q"), 0));
        let primary = behind.client(&behind.nodes()[1]).unwrap();
        let asks = primary.get_connection_info().redis_settings();
        assert_eq!((asks.username(), asks.password(), asks.db()), (Some("anna"), Some("secret"), 2));
        let silent = RedisAddress::parse("redis+sentinel://:secret@a/main").unwrap();
        let silent = silent.sentinel(silent.service().unwrap(), &silent.nodes()[0]).unwrap();
        assert_eq!(silent.get_connection_info().redis_settings().password(), None);
    }

    // Fails when a password can be printed.
    #[test]
    fn passwords_are_not_shown() {
        for url in ["redis://anna:hunter2@localhost", "redis+sentinel://h/s?sentinel_password=hunter2"] {
            let address = RedisAddress::parse(url).unwrap();
            assert!(!format!("{address:?} {}", address.name()).contains("hunter2"));
        }
        let error = RedisAddress::parse("redis://anna:hunter2@localhost:port").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

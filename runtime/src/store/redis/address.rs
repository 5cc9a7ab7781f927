//! Where the server is, and who asks.

use std::fmt;

use redis::io::tcp::TcpSettings;
use redis::{ConnectionAddr, ConnectionInfo, IntoConnectionInfo};

use super::RedisFault;

/// A URL of a server, read: `redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE]`, or `rediss://` for TLS with the system's
/// certificates. It can be shown; the password cannot.
#[derive(Clone)]
pub struct RedisAddress {
    info: ConnectionInfo,
    name: String,
}

impl RedisAddress {
    /// Reads a URL.
    ///
    /// # Errors
    /// [`RedisFault::Address`], without the URL, which may carry a password.
    pub fn parse(url: &str) -> Result<Self, RedisFault> {
        let refuse = |detail: &str| RedisFault::Address(detail.to_owned());
        if !(url.starts_with("redis://") || url.starts_with("rediss://")) {
            return Err(refuse("it begins neither with redis:// nor with rediss://"));
        }
        if url.contains(['#', '?']) {
            return Err(refuse("it has a query or a fragment (a password with ? or # is written with %3F or %23)"));
        }
        // What the client says is about a part of the URL, at most a host.
        let info = url.into_connection_info().map_err(|_| refuse("it is not such a URL"))?;
        let (ConnectionAddr::Tcp(..) | ConnectionAddr::TcpTls { .. }) = info.addr() else {
            return Err(refuse("it names no host"));
        };
        let database = info.redis_settings().db();
        if database < 0 {
            return Err(refuse("its database is no number from 0"));
        }
        let name = format!("{}/{database}", info.addr());
        let info = info.set_tcp_settings(TcpSettings::default().set_nodelay(true));
        Ok(Self { info, name })
    }

    /// For the client.
    pub(super) fn info(&self) -> ConnectionInfo {
        self.info.clone()
    }

    /// Host, port and database.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What must not be shown.
    pub(super) fn password(&self) -> Option<&str> {
        self.info.redis_settings().password()
    }
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
        assert_eq!(address.password(), Some("pa@ss"));
        assert_eq!(address.info().redis_settings().username(), Some("anna"));
        assert!(matches!(address.info().addr(), ConnectionAddr::TcpTls { insecure: false, .. }));
        assert_eq!(RedisAddress::parse("redis://localhost").unwrap().name(), "localhost:6379/0");
        for wrong in
            ["", "localhost:6379", "http://localhost", "redis://", "redis://h/x", "redis://h/-1", "rediss://h#insecure"]
        {
            let error = RedisAddress::parse(wrong).unwrap_err().to_string();
            assert!(error.contains("HOST[:PORT]"), "{wrong}: {error}");
        }
    }

    // Fails when a password can be printed.
    #[test]
    fn passwords_are_not_shown() {
        let address = RedisAddress::parse("redis://anna:hunter2@localhost").unwrap();
        assert!(!format!("{address:?}").contains("hunter2"));
        let error = RedisAddress::parse("redis://anna:hunter2@localhost:port").unwrap_err();
        assert!(!format!("{error} {error:?}").contains("hunter2"));
    }
}

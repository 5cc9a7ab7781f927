//! What goes wrong with a Redis server, and what to do about it.

use redis::{ErrorKind, RedisError, ServerErrorKind};

/// Why the store on Redis refused. `server` is host, port and database; passwords are in none of them.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RedisFault {
    /// The setting cannot be used.
    #[error(
        "redis-url cannot be used: {0}; write redis://[USER:PASSWORD@]HOST[:PORT][/DATABASE], several hosts with commas \
         between for a cluster, redis+sentinel://HOST[:PORT],HOST[:PORT]/SERVICE, or rediss for redis for TLS"
    )]
    Address(String),
    /// Nobody answers. Nothing was written by what was asked.
    #[error("Redis at {server} does not answer ({detail}); start it, or correct redis-url")]
    Unreachable {
        /// The server.
        server: String,
        /// How it fails.
        detail: String,
    },
    /// The answer to a write got lost. It was done or not, but never partly.
    #[error("Redis at {server} did not say whether it wrote ({detail}); it may have: read before writing again")]
    Undecided {
        /// The server.
        server: String,
        /// How the answer got lost.
        detail: String,
    },
    /// A file of certificates cannot be used.
    #[error("{setting} cannot be used: {detail}; name files in PEM that rolecall may read")]
    Certificate {
        /// The setting.
        setting: &'static str,
        /// What is wrong.
        detail: String,
    },
    /// One side of a connection over TLS does not trust the other. Nothing was sent.
    #[error(
        "Redis at {server} and rolecall do not trust each other ({detail}); name the certificate of the authority that \
         signed the server's as redis-ca, and where the server asks for one, rolecall's own as redis-cert and redis-key"
    )]
    Distrust {
        /// The server.
        server: String,
        /// Who does not, and why.
        detail: String,
    },
    /// It reads its files after a start, or writes its first append-only file: what it takes before that is there is not
    /// kept.
    #[error("Redis at {server} is still loading its data, or writing its first append-only file; wait until it has")]
    Loading {
        /// The server.
        server: String,
    },
    /// User or password are wrong or missing.
    #[error("Redis at {server} does not let the user in ({detail}); correct user and password in redis-url")]
    Denied {
        /// The server.
        server: String,
        /// What it says.
        detail: String,
    },
    /// The user may not do what is needed.
    #[error("Redis at {server} does not allow a command ({detail}); extend the user's rights with `ACL SETUSER`")]
    Forbidden {
        /// The server.
        server: String,
        /// What it says.
        detail: String,
    },
    /// It is a replica, which takes no writes.
    #[error("Redis at {server} is a read-only replica; name the primary in redis-url")]
    ReadOnly {
        /// The server.
        server: String,
    },
    /// Its memory is used up. Nothing was written.
    #[error("Redis at {server} has no memory left; raise its `maxmemory`, or remove what else it holds")]
    Full {
        /// The server.
        server: String,
    },
    /// It cannot write its files, and takes no writes therefore.
    #[error("Redis at {server} cannot write to its disk ({detail}); see its log, and free or mend the disk")]
    Disk {
        /// The server.
        server: String,
        /// What it says.
        detail: String,
    },
    /// A key holds what is not ours.
    #[error(
        "the Redis key `{key}` holds something else ({kind}); give rolecall a redis-prefix or a database of its own"
    )]
    Foreign {
        /// The key.
        key: String,
        /// The type of its value.
        kind: String,
    },
    /// A session was written by another release.
    #[error(
        "session {key} in Redis has format {found}, this release reads 1 and 2; start the release that wrote it or a newer one, or give this one a redis-prefix of its own"
    )]
    Format {
        /// The session.
        key: String,
        /// Its format.
        found: String,
    },
    /// The server is not set up for what is asked of it.
    #[error("Redis at {server} cannot be used: {detail}; {remedy}")]
    Unsuitable {
        /// The server.
        server: String,
        /// What is missing.
        detail: String,
        /// The line that mends it.
        remedy: String,
    },
    /// A write was done, but is not as durable as `redis-durability` asks for: it may be lost with the server.
    #[error("Redis at {server} did not make a write durable ({detail}); it may be lost: see its log and its replicas")]
    NotDurable {
        /// The server.
        server: String,
        /// What was reached.
        detail: String,
    },
    /// The nodes of a cluster send a command from one to the other. Nothing was written.
    #[error(
        "the nodes of the Redis Cluster at {server} do not agree who serves a key ({detail}); \
         see `redis-cli --cluster check` and mend it with `redis-cli --cluster fix`"
    )]
    Astray {
        /// The last node.
        server: String,
        /// What it says.
        detail: String,
    },
    /// A session is being moved between two nodes of a cluster for longer than a call waits. Nothing was written.
    #[error(
        "the Redis Cluster at {server} is moving the session to another node; try again when `redis-cli --cluster reshard` is through"
    )]
    Moving {
        /// The node.
        server: String,
    },
    /// A cluster takes no commands, at least for some keys. Nothing was written.
    #[error(
        "the Redis Cluster at {server} is down ({detail}); start the nodes that are missing, and see `redis-cli --cluster check`"
    )]
    ClusterDown {
        /// The node, or the cluster.
        server: String,
        /// What it says.
        detail: String,
    },
    /// It refused otherwise. Nothing was written.
    #[error("Redis at {server} refused: {detail}; see its log")]
    Refused {
        /// The server.
        server: String,
        /// What it says.
        detail: String,
    },
}

impl RedisFault {
    /// What an error of the client means, that came of a command on this key.
    pub(super) fn of<'a>(
        error: &RedisError,
        server: &str,
        secrets: impl IntoIterator<Item = &'a str>,
        key: &str,
    ) -> Self {
        let server = server.to_owned();
        let detail = secrets.into_iter().fold(error.to_string(), without);
        match error.kind() {
            ErrorKind::AuthenticationFailed => Self::Denied { server, detail },
            ErrorKind::Server(ServerErrorKind::BusyLoading) => Self::Loading { server },
            ErrorKind::Server(ServerErrorKind::ReadOnly | ServerErrorKind::MasterDown) => Self::ReadOnly { server },
            ErrorKind::Server(ServerErrorKind::NoPerm) => Self::Forbidden { server, detail },
            ErrorKind::Server(ServerErrorKind::Moved | ServerErrorKind::Ask) => Self::Astray { server, detail },
            ErrorKind::Server(ServerErrorKind::TryAgain) => Self::Moving { server },
            ErrorKind::Server(ServerErrorKind::ClusterDown) => Self::ClusterDown { server, detail },
            ErrorKind::Server(_) | ErrorKind::Extension => match error.code() {
                Some("OOM") => Self::Full { server },
                Some("MISCONF") => Self::Disk { server, detail },
                Some("NOAUTH" | "WRONGPASS") => Self::Denied { server, detail },
                Some("WRONGTYPE") => Self::Foreign { key: key.to_owned(), kind: "value of another type".to_owned() },
                Some("NOREPLICAS") => Self::Unsuitable {
                    server,
                    detail,
                    remedy: "connect its replicas, or lower its `min-replicas-to-write`".to_owned(),
                },
                _ => Self::Refused { server, detail },
            },
            _ if distrusts(error) => Self::Distrust { server, detail },
            _ => Self::Unreachable { server, detail },
        }
    }

    /// Whether the connection is of no use any more, so that another one is looked for.
    pub(super) fn needs_another_connection(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Loading { .. }
                | Self::Denied { .. }
                | Self::ReadOnly { .. }
                | Self::Distrust { .. }
        )
    }

    /// Whether it may pass without anybody seeing to it, as what a server that is there again refuses does not.
    pub(super) fn passes(&self) -> bool {
        matches!(
            self,
            Self::Unreachable { .. }
                | Self::Undecided { .. }
                | Self::Loading { .. }
                | Self::ReadOnly { .. }
                | Self::ClusterDown { .. }
        )
    }

    /// Whether writes will fail until somebody sees to the server.
    pub(super) fn lasts(&self) -> bool {
        matches!(self, Self::Full { .. } | Self::Disk { .. } | Self::NotDurable { .. } | Self::Unsuitable { .. })
    }

    /// The same about a write that may have been done.
    pub(super) fn of_a_write(self) -> Self {
        match self {
            Self::Unreachable { server, detail } | Self::Distrust { server, detail } => {
                Self::Undecided { server, detail }
            }
            other => other,
        }
    }
}

/// Whether a handshake failed because of a certificate. An alert of the server comes with its first answer.
fn distrusts(error: &RedisError) -> bool {
    use std::error::Error as _;
    type Shared = std::sync::Arc<dyn std::error::Error + Send + Sync>;
    let io = error.source().and_then(|source| match source.downcast_ref::<Shared>() {
        Some(shared) => shared.downcast_ref::<std::io::Error>(),
        None => source.downcast_ref::<std::io::Error>(),
    });
    match io.and_then(|source| source.get_ref()?.downcast_ref::<rustls::Error>()) {
        Some(rustls::Error::InvalidCertificate(_)) => true,
        Some(rustls::Error::AlertReceived(alert)) => {
            use rustls::AlertDescription as Alert;
            matches!(
                alert,
                Alert::BadCertificate
                    | Alert::UnsupportedCertificate
                    | Alert::CertificateRevoked
                    | Alert::CertificateExpired
                    | Alert::CertificateUnknown
                    | Alert::UnknownCA
                    | Alert::CertificateRequired
                    | Alert::HandshakeFailure
                    | Alert::DecryptError
                    | Alert::AccessDenied
            )
        }
        _ => false,
    }
}

/// A text of the server's without the password, which some of its answers repeat.
fn without(text: String, secret: &str) -> String {
    if secret.is_empty() { text } else { text.replace(secret, "***") }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a password comes out through what a server answers.
    #[test]
    fn a_servers_words_do_not_carry_the_password() {
        let said = "unknown command 'AUTH', with args beginning with: 'hunter2'".to_owned();
        let error = RedisError::from((ErrorKind::Extension, "An error was signalled", said));
        let fault = RedisFault::of(&error, "host:1", Some("hunter2"), "");
        assert!(!format!("{fault} {fault:?}").contains("hunter2"));
        assert!(fault.to_string().contains("'***'"));
    }
}

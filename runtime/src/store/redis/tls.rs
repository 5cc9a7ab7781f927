//! Certificates for connections over TLS.

use std::path::Path;
use std::{fmt, fs};

use redis::{ClientTlsConfig, TlsCertificates};

use super::RedisFault;

/// Whom to trust, and what to show, in PEM. Never shown itself: it holds a private key.
#[derive(Clone, Default)]
pub struct RedisTls {
    /// The authority that signed the servers' certificates; the system's authorities without it.
    authority: Option<Vec<u8>>,
    /// The certificate to show to servers that ask for one, and its private key.
    identity: Option<(Vec<u8>, Vec<u8>)>,
}

impl RedisTls {
    /// Reads the files that `redis-ca`, `redis-cert` and `redis-key` name.
    ///
    /// # Errors
    /// [`RedisFault::Certificate`]: one cannot be read, holds something else, or a certificate has no key.
    pub fn read(authority: Option<&Path>, certificate: Option<&Path>, key: Option<&Path>) -> Result<Self, RedisFault> {
        let authority = authority.map(|path| file("redis-ca", path, "CERTIFICATE")).transpose()?;
        let identity = match (certificate, key) {
            (None, None) => None,
            (Some(certificate), Some(key)) => {
                Some((file("redis-cert", certificate, "CERTIFICATE")?, file("redis-key", key, "PRIVATE KEY")?))
            }
            (certificate, _) => {
                let (setting, other) =
                    if certificate.is_some() { ("redis-cert", "redis-key") } else { ("redis-key", "redis-cert") };
                return Err(RedisFault::Certificate { setting, detail: format!("it needs {other} beside it") });
            }
        };
        Ok(Self { authority, identity })
    }

    pub(super) fn is_empty(&self) -> bool {
        self.authority.is_none() && self.identity.is_none()
    }
}

fn file(setting: &'static str, path: &Path, holds: &str) -> Result<Vec<u8>, RedisFault> {
    let refuse = |detail: String| RedisFault::Certificate { setting, detail: format!("{}: {detail}", path.display()) };
    let bytes = fs::read(path).map_err(|error| refuse(error.to_string()))?;
    let text = String::from_utf8_lossy(&bytes);
    let begins = text.lines().any(|line| line.starts_with("-----BEGIN ") && line.contains(holds));
    if begins { Ok(bytes) } else { Err(refuse(format!("there is no `-----BEGIN {holds}-----` in it"))) }
}

impl From<RedisTls> for TlsCertificates {
    fn from(tls: RedisTls) -> Self {
        let client_tls = tls.identity.map(|(client_cert, client_key)| ClientTlsConfig { client_cert, client_key });
        Self { client_tls, root_cert: tls.authority }
    }
}

impl fmt::Debug for RedisTls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (authority, identity) = (self.authority.is_some(), self.identity.is_some());
        f.debug_struct("RedisTls").field("authority", &authority).field("identity", &identity).finish()
    }
}

//! The certificate in force, and the files that it comes from.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::SystemTime;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use rustls::crypto::ring::sign::any_supported_type;
use rustls::pki_types::pem::{Error as PemError, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;

use super::super::seen::Seen;
use super::TlsError;
use crate::clock;

/// A certificate with its key, which handshakes take as they find it.
#[derive(Debug)]
pub(super) struct Certificate {
    path: PathBuf,
    key: PathBuf,
    current: ArcSwap<CertifiedKey>,
    /// The files as they were last looked into, whatever came of it.
    seen: Mutex<Seen<Facts>>,
}

/// What shows that a file was written or replaced: when, and how long it is now. Of both files.
type Facts = [(SystemTime, u64); 2];

impl Certificate {
    pub(super) fn open(path: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let seen = Mutex::new(Seen::at_start(facts(&path, &key)));
        let current = ArcSwap::from_pointee(load(&path, &key)?);
        Ok(Self { path, key, current, seen })
    }

    /// Looks whether the files have changed, and takes over what is there now. What cannot be used is left, and said
    /// once: of two files that are written one after the other the second may still be on its way.
    pub(super) async fn renew(self: &Arc<Self>) {
        let this = Arc::clone(self);
        // Reading files blocks, on a network's file system for long.
        let looked = tokio::task::spawn_blocking(move || this.look()).await;
        if let Err(error) = looked {
            tracing::error!(%error, "the certificate's files were not looked at");
        }
    }

    /// What clients are shown.
    #[cfg(test)]
    pub(super) fn leaf(&self) -> Option<CertificateDer<'static>> {
        self.current.load().cert.first().cloned()
    }

    fn look(&self) {
        let found = facts(&self.path, &self.key);
        if !self.seen.lock().calls_for(found.as_ref(), true) {
            return;
        }
        let loaded = load(&self.path, &self.key);
        let news = self.seen.lock().note(found, loaded.is_ok());
        match loaded {
            Ok(renewed) => {
                self.current.store(Arc::new(renewed));
                tracing::info!(certificate = %self.path.display(), "a renewed certificate is in force");
            }
            Err(error) if news => tracing::warn!(%error, "the changed certificate is not taken; the one before stays"),
            Err(_) => {}
        }
    }
}

impl ResolvesServerCert for Certificate {
    fn resolve(&self, _hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.current.load_full())
    }
}

fn facts(certificate: &Path, key: &Path) -> Option<Facts> {
    let of = |path: &Path| {
        let facts = std::fs::metadata(path).ok()?;
        Some((facts.modified().ok()?, facts.len()))
    };
    Some([of(certificate)?, of(key)?])
}

fn load(path: &Path, key: &Path) -> Result<CertifiedKey, TlsError> {
    let chain = read_chain(path)?;
    let signer =
        any_supported_type(&read_key(key)?).map_err(|source| TlsError::BadKey { path: key.to_owned(), source })?;
    let leaf = chain.first().cloned();
    let pair = CertifiedKey::new(chain, signer);
    match pair.keys_match() {
        // Unknown: the kind of key cannot tell its public half. Handshakes will.
        Ok(()) | Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::Unknown)) => {}
        Err(rustls::Error::InconsistentKeys(_)) => {
            return Err(TlsError::Mismatch { certificate: path.to_owned(), key: key.to_owned() });
        }
        Err(error) => return Err(TlsError::BadCertificate { path: path.to_owned(), detail: error.to_string() }),
    }
    if let Some(leaf) = leaf {
        warn_of_its_time(path, &leaf)?;
    }
    Ok(pair)
}

fn read_chain(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let unreadable = |error: PemError| unreadable(path, "tls-cert", &error);
    let chain: Result<Vec<_>, _> = CertificateDer::pem_file_iter(path).map_err(unreadable)?.collect();
    match chain.map_err(unreadable)? {
        chain if chain.is_empty() => Err(TlsError::NoCertificate(path.to_owned())),
        chain => Ok(chain),
    }
}

fn read_key(path: &Path) -> Result<PrivateKeyDer<'static>, TlsError> {
    PrivateKeyDer::from_pem_file(path).map_err(|error| match error {
        PemError::NoItemsFound => TlsError::NoKey(path.to_owned()),
        error => unreadable(path, "tls-key", &error),
    })
}

fn unreadable(path: &Path, setting: &'static str, error: &PemError) -> TlsError {
    TlsError::Unreadable { path: path.to_owned(), setting, detail: error.to_string() }
}

/// A certificate out of its time is served all the same: which clients mind is theirs, and to stay away would help none.
fn warn_of_its_time(path: &Path, leaf: &CertificateDer<'_>) -> Result<(), TlsError> {
    let (_, parsed) = x509_parser::parse_x509_certificate(leaf)
        .map_err(|error| TlsError::BadCertificate { path: path.to_owned(), detail: error.to_string() })?;
    let (validity, path) = (parsed.validity(), path.display());
    let now = i64::try_from(clock::unix().as_secs()).unwrap_or(i64::MAX);
    if validity.not_after.timestamp() <= now {
        tracing::warn!(certificate = %path, since = %validity.not_after, "the certificate has expired; clients will refuse it");
    } else if validity.not_before.timestamp() > now {
        tracing::warn!(certificate = %path, from = %validity.not_before, "the certificate is not valid yet; clients will refuse it");
    }
    Ok(())
}

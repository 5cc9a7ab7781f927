//! Whose word a server's certificate stands on.

use std::sync::Arc;

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::Error;

/// The certificates of the system, and those that the application adds: the same for HTTP calls and WebSockets.
#[derive(Debug, Clone)]
pub(crate) struct Trust(Arc<ClientConfig>);

impl Trust {
    /// Adds the certificates of PEM texts.
    pub(crate) fn with(added: &[Vec<u8>]) -> Result<Self, Error> {
        let bad = |detail: String| Error::Certificate { detail };
        let mut roots = RootCertStore::empty();
        for pem in added {
            let mut count = 0;
            for certificate in CertificateDer::pem_slice_iter(pem) {
                let certificate = certificate.map_err(|error| bad(error.to_string()))?;
                roots.add(certificate).map_err(|error| bad(error.to_string()))?;
                count += 1;
            }
            if count == 0 {
                return Err(bad("there is no certificate in it".to_owned()));
            }
        }
        let system = rustls_native_certs::load_native_certs();
        for error in &system.errors {
            tracing::warn!(%error, "some of the system's certificates cannot be read");
        }
        // Those that cannot be used are left, as every program does with the system's.
        let _counts = roots.add_parsable_certificates(system.certs);
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
        let config = config.map_err(|error| bad(error.to_string()))?;
        Ok(Self(Arc::new(config.with_root_certificates(roots).with_no_client_auth())))
    }

    pub(crate) fn config(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.0)
    }

    /// An HTTP client that trusts as this does, or as the system does.
    pub(crate) fn apply(trust: Option<&Self>, http: reqwest::ClientBuilder) -> reqwest::ClientBuilder {
        match trust {
            Some(Self(config)) => http.tls_backend_preconfigured(ClientConfig::clone(config)),
            None => http,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when what is no certificate is passed over, and the server then refused without a reason.
    #[test]
    fn what_is_no_certificate_is_an_error() {
        for pem in ["", "no PEM", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"] {
            let error = Trust::with(&[pem.as_bytes().to_vec()]).unwrap_err();
            assert!(matches!(error, Error::Certificate { .. }), "{pem}: {error}");
        }
        assert!(Trust::with(&[]).is_ok());
    }
}

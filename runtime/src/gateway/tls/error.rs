use std::path::PathBuf;

/// Why a certificate or its key cannot be used. The operator's to correct, always.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{}: {detail}; name a readable PEM file as {setting}", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The setting that names it.
        setting: &'static str,
        /// The system's or the parser's word.
        detail: String,
    },
    /// There is no certificate in its file.
    #[error("{}: there is no certificate in it; tls-cert is a PEM file that begins with `-----BEGIN CERTIFICATE-----`", .0.display())]
    NoCertificate(PathBuf),
    /// There is no key in its file.
    #[error("{}: there is no private key in it; tls-key is a PEM file with a `PRIVATE KEY`, without a password", .0.display())]
    NoKey(PathBuf),
    /// The certificate is damaged.
    #[error("{}: the certificate cannot be read: {detail}; have it issued again", path.display())]
    BadCertificate {
        /// The file.
        path: PathBuf,
        /// The parser's word.
        detail: String,
    },
    /// The key is of a kind that is not supported.
    #[error("{}: the key cannot be used: {source}; RSA, ECDSA (P-256, P-384) and Ed25519 are supported", path.display())]
    BadKey {
        /// The file.
        path: PathBuf,
        /// rustls's word.
        source: rustls::Error,
    },
    /// The certificate is another key's.
    #[error("{} is not the key of {}; name the key that the certificate was issued for", key.display(), certificate.display())]
    Mismatch {
        /// The certificate's file.
        certificate: PathBuf,
        /// The key's file.
        key: PathBuf,
    },
    /// The cryptography that this program brings does not do.
    #[error("TLS cannot be set up: {0}")]
    Unsupported(rustls::Error),
}

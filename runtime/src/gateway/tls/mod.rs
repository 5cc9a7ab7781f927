//! TLS, where it is this process that ends it and no proxy in front.
//!
//! HTTP/1.1 is all that is offered (ALPN): WebSockets need it, and the server speaks nothing else. A renewed
//! certificate is taken over without a restart ([`Certificate`]); connections that stand keep the old one.

mod certificate;
mod error;

use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::http::StatusCode;
use rustls::ServerConfig;
use rustls::crypto::ring;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tokio_util::sync::CancellationToken;

use self::certificate::Certificate;
pub use self::error::TlsError;
use super::error::ApiError;

/// How often the files are looked at. Certificates are renewed days before they end.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// What a TLS connection begins with (RFC 8446 §5.1).
const HANDSHAKE_RECORD: u8 = 22;

/// The server's end of TLS. Cloning shares it.
#[derive(Clone)]
pub struct Tls {
    acceptor: TlsAcceptor,
    certificate: Arc<Certificate>,
}

impl Tls {
    /// Reads a certificate and its key.
    ///
    /// # Errors
    /// When one of the files cannot be used, or they do not belong together.
    pub fn open(certificate: PathBuf, key: PathBuf) -> Result<Self, TlsError> {
        let certificate = Arc::new(Certificate::open(certificate, key)?);
        let mut config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
            .with_safe_default_protocol_versions()
            .map_err(TlsError::Unsupported)?
            .with_no_client_auth()
            .with_cert_resolver(Arc::<Certificate>::clone(&certificate));
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // Who comes back soon saves the dear part of a handshake, and it takes no memory here.
        config.ticketer = ring::Ticketer::new().map_err(TlsError::Unsupported)?;
        Ok(Self { acceptor: TlsAcceptor::from(Arc::new(config)), certificate })
    }

    pub(super) async fn accept<S: AsyncRead + AsyncWrite + Unpin>(&self, stream: S) -> io::Result<TlsStream<S>> {
        self.acceptor.accept(stream).await
    }

    /// Takes over what is put in the place of the files, until the stop signal.
    pub(crate) async fn stay_current(self, stop: CancellationToken) {
        loop {
            tokio::select! {
                () = stop.cancelled() => return,
                () = tokio::time::sleep(LOOK_EVERY) => self.certificate.renew().await,
            }
        }
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Tls").field("certificate", &self.certificate).finish_non_exhaustive()
    }
}

/// What a connection begins with.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Hello {
    Tls,
    /// A method's name, or something else that is no TLS.
    Http,
    /// It went without a word.
    Nothing,
}

impl Hello {
    /// Waits for the first byte and leaves it where it is.
    pub(super) async fn peek(stream: &TcpStream) -> Self {
        let mut first = [0];
        match stream.peek(&mut first).await {
            Ok(1..) if first == [HANDSHAKE_RECORD] => Self::Tls,
            Ok(1..) => Self::Http,
            Ok(0) | Err(_) => Self::Nothing,
        }
    }
}

/// For who speaks HTTP where TLS is spoken.
pub(super) fn plain_http() -> ApiError {
    let message = "this port speaks TLS: write https:// (wss:// for WebSockets)";
    ApiError::new(StatusCode::BAD_REQUEST, "tls_required", message)
}

#[cfg(test)]
mod tests;

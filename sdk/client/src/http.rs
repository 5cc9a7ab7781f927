//! The HTTP call that opens a session (`PROTOCOL.md` §11).

use std::time::Duration;

use rolecall_wire::client::{Config, Position};
use rolecall_wire::frame::Network;
use rolecall_wire::server::Encoding;
use serde::{Deserialize, Serialize};

use crate::secret::Secret;
use crate::session::{Saved, Session};
use crate::trust::Trust;
use crate::{Error, Transport, link};

/// A server to open sessions on.
#[derive(Debug, Clone)]
pub struct Client {
    base: String,
    http: reqwest::Client,
    api_key: Option<Secret>,
    user: String,
    config: Config,
    transport: Transport,
    trust: Option<Trust>,
}

/// Collects what a [`Client`] needs.
#[derive(Debug, Clone)]
pub struct ClientBuilder {
    base: String,
    api_key: Option<Secret>,
    user: String,
    config: Config,
    transport: Transport,
    timeout: Duration,
    roots: Vec<Vec<u8>>,
}

#[derive(Debug, Serialize)]
struct NewSession<'a> {
    role: &'a str,
    user: &'a str,
    network: Network,
}

/// Not `Debug`: it holds the token.
#[derive(Deserialize)]
struct Created {
    session_id: String,
    session_token: String,
    ws_url: String,
}

#[derive(Debug, Deserialize)]
struct Failure {
    error: FailureBody,
}

#[derive(Debug, Deserialize)]
struct FailureBody {
    message: String,
    code: Option<String>,
}

impl Client {
    /// Starts to describe a server by its base URL, such as `http://127.0.0.1:8420`.
    #[must_use]
    pub fn builder(base_url: impl Into<String>) -> ClientBuilder {
        ClientBuilder {
            base: base_url.into(),
            api_key: None,
            user: String::new(),
            config: Config::default(),
            transport: Transport::default(),
            timeout: Duration::from_secs(30),
            roots: Vec::new(),
        }
    }

    /// Creates a session with a role and connects to it.
    ///
    /// # Errors
    /// When the server refuses or cannot be reached.
    pub async fn create_session(&self, role: &str) -> Result<Session, Error> {
        let url = format!("{}/v1/sessions", self.base);
        let body = NewSession { role, user: &self.user, network: self.config.network };
        let mut request = self.http.post(&url).json(&body);
        if let Some(key) = &self.api_key {
            request = request.bearer_auth(key.reveal());
        }
        let transport = |e: reqwest::Error| Error::Transport { url: url.clone(), detail: chain(&e) };
        let response = request.send().await.map_err(transport)?;
        let status = response.status();
        let bytes = response.bytes().await.map_err(transport)?;
        if !status.is_success() {
            return Err(refusal(status.as_u16(), &bytes));
        }
        let created: Created = serde_json::from_slice(&bytes).map_err(|e| Error::Transport {
            url: url.clone(),
            detail: format!("the answer is not a created session: {e}"),
        })?;
        let ws_url = link::absolute(&created.ws_url, &self.base);
        self.resume(Saved { ws_url, position: Position::start(created.session_id, created.session_token) })
    }

    /// Goes on with a saved session, with this client's settings.
    ///
    /// # Errors
    /// When the saved URL cannot be used.
    pub fn resume(&self, saved: Saved) -> Result<Session, Error> {
        Session::start(saved, self.config.clone(), self.transport, self.trust.clone())
    }
}

impl ClientBuilder {
    /// The server's API key.
    #[must_use]
    pub fn api_key(mut self, key: impl Into<String>) -> Self {
        self.api_key = Some(Secret::new(key.into()));
        self
    }

    /// The application's own name of the user, for the server's logs.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Self {
        self.user = user.into();
        self
    }

    /// The network type, which sets the heartbeat; default `other`.
    #[must_use]
    pub const fn network(mut self, network: Network) -> Self {
        self.config.network = network;
        self
    }

    /// The encoding of frames; default BSP version 2.
    #[must_use]
    pub const fn encoding(mut self, encoding: Encoding) -> Self {
        self.config.encoding = encoding;
        self
    }

    /// What carries the frames; default a WebSocket. Over HTTP they are JSON, whatever the encoding.
    #[must_use]
    pub const fn transport(mut self, transport: Transport) -> Self {
        self.transport = transport;
        self
    }

    /// All timers and limits of the protocol machine, in place of what was set before.
    #[must_use]
    pub fn protocol(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// Longest time an HTTP call may take; default 30 s.
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = timeout;
        self
    }

    /// Trusts servers whose certificate leads to one of these, besides those that the system trusts. For servers whose
    /// certificate is their own or their company's. A PEM text of one certificate or several; may be called again.
    #[must_use]
    pub fn root_certificates(mut self, pem: impl Into<Vec<u8>>) -> Self {
        self.roots.push(pem.into());
        self
    }

    /// The client.
    ///
    /// # Errors
    /// When the URL is not `http` or `https`, a certificate cannot be used, or TLS cannot be set up.
    pub fn build(self) -> Result<Client, Error> {
        let base = self.base.trim_end_matches('/').to_owned();
        if !base.starts_with("http://") && !base.starts_with("https://") {
            let detail = "it must start with http:// or https://".to_owned();
            return Err(Error::Url { url: self.base, detail });
        }
        link::install_tls();
        let trust = (!self.roots.is_empty()).then(|| Trust::with(&self.roots)).transpose()?;
        let http = Trust::apply(trust.as_ref(), reqwest::Client::builder()).timeout(self.timeout).build();
        let http = http.map_err(|e| Error::Url { url: base.clone(), detail: chain(&e) })?;
        Ok(Client {
            base,
            http,
            api_key: self.api_key,
            user: self.user,
            config: self.config,
            transport: self.transport,
            trust,
        })
    }
}

/// The server's error shape, or whatever came instead of it.
fn refusal(status: u16, body: &[u8]) -> Error {
    match serde_json::from_slice::<Failure>(body) {
        Ok(Failure { error }) => {
            Error::Refused { status, code: error.code.unwrap_or_else(|| "unknown".into()), message: error.message }
        }
        Err(_) => {
            let message = String::from_utf8_lossy(body).chars().take(200).collect();
            Error::Refused { status, code: "unknown".into(), message }
        }
    }
}

/// An error with its causes, which `reqwest` keeps out of its own text.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(": ");
        text.push_str(&error.to_string());
        cause = error.source();
    }
    text
}

//! One request on its way to the server that has its connection.

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::Response;
use reqwest::redirect::Policy;
use reqwest::{Certificate, Client};
use tokio::time::sleep;

use super::Forwarder;
use super::error::ForwardError;
use super::seal::{FORWARDED, Seal};
use crate::config::Config;
use crate::model::install_tls_provider;
use crate::store::{Contact, Node, Whereabouts};

/// How long another server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(2);
/// How long a connection to it may wait for the next request: shorter than servers keep it.
const IDLE: Duration = Duration::from_secs(5);
/// How often is looked whether a server that does not answer still lives.
const LOOK: Duration = Duration::from_secs(1);
/// What an answer says besides its body.
const KEPT: [HeaderName; 4] =
    [header::CONTENT_TYPE, header::CACHE_CONTROL, header::RETRY_AFTER, header::WWW_AUTHENTICATE];

/// A request as it is passed on.
#[derive(Debug)]
pub(crate) struct Onward {
    pub(crate) method: Method,
    /// Of this server's own writing: nothing in it needs an escape.
    pub(crate) path_and_query: String,
    /// The session token as its client sent it; the other server verifies it again.
    pub(crate) authorization: HeaderValue,
    /// JSON.
    pub(crate) body: Option<Bytes>,
    /// How long its answer may take, from the first byte of the request to the last of the answer.
    pub(crate) patience: Duration,
}

/// An HTTP client for calls of other servers.
pub(super) fn client(config: &Config) -> Result<Client, ForwardError> {
    let failed = |detail: String| ForwardError::Client(detail);
    install_tls_provider();
    // Where a redirect leads, nobody said that a server is.
    let mut builder = Client::builder().redirect(Policy::none()).no_proxy().tcp_nodelay(true);
    builder = builder.connect_timeout(CONNECT).pool_idle_timeout(IDLE.min(config.head_patience / 3));
    if let Some(path) = &config.node_ca {
        let unfit = |what: String| failed(format!("node-ca = {}: {what}", path.display()));
        let pem = std::fs::read(path).map_err(|error| unfit(error.to_string()))?;
        let roots = Certificate::from_pem_bundle(&pem).map_err(|error| unfit(error.to_string()))?;
        if roots.is_empty() {
            return Err(unfit("there is no certificate in it".to_owned()));
        }
        builder = builder.tls_certs_merge(roots);
    }
    builder.build().map_err(|error| failed(error.to_string()))
}

impl Forwarder {
    /// Passes a request on, and gives the other server's answer. Takes no longer than the request's patience, and, should the
    /// other server die or stand still, little longer than its lease; when this server stops, it ends at once. Cancel-safe: who
    /// waits no longer ends it there too.
    ///
    /// # Errors
    /// See [`ForwardError`]. Whether the request was taken in is not known then; all that are passed on may be repeated.
    pub(crate) async fn pass_on(&self, to: &Node, onward: Onward) -> Result<Response, ForwardError> {
        let outcome = tokio::select! {
            biased;
            outcome = self.try_to(to, onward) => outcome,
            // A poll waits for longer than a server has for its end.
            () = self.0.stop.cancelled() => Err(ForwardError::Unreachable),
        };
        self.0.metrics.forwarded(outcome.as_ref().map_or_else(ForwardError::code, |_| "answered"));
        if let Err(error @ (ForwardError::Stranger | ForwardError::Untold)) = &outcome {
            tracing::warn!(node = %to, %error, "a request cannot be passed on; is that server's node-url right?");
        }
        outcome
    }

    async fn try_to(&self, to: &Node, onward: Onward) -> Result<Response, ForwardError> {
        let contact = match self.whereabouts(to).await? {
            Whereabouts::Gone => return Err(ForwardError::Gone),
            Whereabouts::Untold => return Err(ForwardError::Untold),
            Whereabouts::At(contact) => contact,
        };
        let outcome = tokio::select! {
            biased;
            answer = self.call(&contact, onward) => answer,
            () = self.dies(to) => Err(ForwardError::TimedOut),
        };
        // One that has died meanwhile has no connections any more.
        if matches!(outcome, Err(ForwardError::Unreachable))
            && matches!(self.whereabouts(to).await, Ok(Whereabouts::Gone))
        {
            return Err(ForwardError::Gone);
        }
        outcome
    }

    async fn call(&self, contact: &Contact, onward: Onward) -> Result<Response, ForwardError> {
        let Onward { method, path_and_query, authorization, body, patience } = onward;
        let seal = Seal::of(&contact.key, method.as_str(), &path_and_query, &authorization);
        let mut request = self.0.http.request(method, format!("{}{path_and_query}", contact.url)).timeout(patience);
        request = request.header(header::AUTHORIZATION, authorization).header(FORWARDED, seal.value());
        if let Some(body) = body {
            request = request.header(header::CONTENT_TYPE, "application/json").body(body);
        }
        let response = request.send().await.map_err(|error| failed(&error))?;
        if !seal.is_answered(response.headers()) {
            return Err(ForwardError::Stranger);
        }
        if response.status() == StatusCode::MISDIRECTED_REQUEST {
            return Err(ForwardError::Stranger);
        }
        let mut answer = Response::new(Body::empty());
        *answer.status_mut() = response.status();
        for name in KEPT {
            if let Some(value) = response.headers().get(&name) {
                answer.headers_mut().insert(name, value.clone());
            }
        }
        // One that breaks off breaks this one off: a client must not take a part for the whole.
        *answer.body_mut() = Body::from_stream(response.bytes_stream());
        Ok(answer)
    }

    /// Waits until a process is known to have no lease any more.
    async fn dies(&self, node: &Node) {
        loop {
            sleep(LOOK).await;
            // While the store does not answer, nothing is known.
            if matches!(self.whereabouts(node).await, Ok(Whereabouts::Gone)) {
                return;
            }
        }
    }
}

fn failed(error: &reqwest::Error) -> ForwardError {
    tracing::debug!(error = error as &dyn std::error::Error, "another server does not answer");
    if error.is_timeout() && !error.is_connect() { ForwardError::TimedOut } else { ForwardError::Unreachable }
}

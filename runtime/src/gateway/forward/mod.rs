//! Requests that belong to another server: those of a connection over HTTP, which one process holds.
//!
//! Whoever opens a connection comes to any server, which takes the session over. What belongs to an open connection
//! (polls, frames, beats) names it, and the name says which process has it: a request that comes to another one is passed on to
//! that, once, over the same public route, with the same session token, which is verified there again. So nothing is
//! gained by writing to that route directly. What one server adds is a seal ([`seal`]): it says that the request was passed on
//! already, which is never done twice, and that its caller was counted where he came in.
//!
//! Rejected: carrying frames through the store. Each would be written and read there once more, and a poll's answer has no
//! place in it; and asking for the session's owner at each request, which reads the session and may be wrong a moment later.

mod error;
mod seal;
mod send;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use axum::extract::{Request, State};
use axum::http::Extensions;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;

pub use self::error::ForwardError;
use self::seal::{ANSWERED, FORWARDED, Seal};
pub(crate) use self::send::Onward;
use super::error::ApiError;
use crate::app::App;
use crate::clock;
use crate::config::Config;
use crate::store::{Contact, ContactKey, Node, Store, StoreError, Whereabouts};
use crate::telemetry::Metrics;

/// How long what is known of a process is believed.
const BELIEVED: Duration = Duration::from_secs(1);
/// Processes that are remembered at once; beyond, all are asked for anew.
const REMEMBERED: usize = 1_024;

/// Passes requests on to other servers, and takes in what they pass on. Cloning shares it.
#[derive(Debug, Clone)]
pub struct Forwarder(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    store: Arc<dyn Store>,
    http: reqwest::Client,
    /// Without one, others cannot reach this process.
    contact: Option<Contact>,
    key: ContactKey,
    metrics: Metrics,
    known: Mutex<HashMap<Node, (Instant, Whereabouts)>>,
    /// This process stops: it waits for no other one any more.
    stop: CancellationToken,
}

/// In the extensions of a request that another server has passed on, which was proved.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PassedOn;

impl Forwarder {
    /// That of a process with these settings, until it stops.
    ///
    /// # Errors
    /// When the HTTP client cannot be built, as with a `node-ca` that is no certificate, or there is no randomness.
    pub fn new(
        store: Arc<dyn Store>,
        config: &Config,
        metrics: Metrics,
        stop: CancellationToken,
    ) -> Result<Self, ForwardError> {
        let key = ContactKey::random()?;
        let url = store.nodes().and_then(|_| config.advertised_url());
        let contact = url.map(|url| Contact { url, key: key.clone() });
        if contact.is_none() && store.nodes().is_some() {
            tracing::warn!(
                "the other servers do not know where this one is: requests of event streams and polls must come to the server \
                 that has their connection, or clients open another; set node-url"
            );
        }
        let http = send::client(config)?;
        Ok(Self(Arc::new(Inner { store, http, contact, key, metrics, known: Mutex::default(), stop })))
    }

    /// Tells the others where this process is, for as long as a lease lasts.
    pub async fn announce(&self) {
        let (Some(nodes), Some(contact)) = (self.0.store.nodes(), &self.0.contact) else { return };
        // A store that does not answer is told of by others; the next time comes soon.
        if let Err(error) = nodes.announce(contact).await {
            tracing::debug!(%error, "the other servers cannot be told where this one is");
        }
    }

    /// The same again and again, until it stops.
    pub async fn stay_known(self, stop: CancellationToken) {
        let Some(nodes) = self.0.store.nodes().filter(|_| self.0.contact.is_some()) else { return };
        let pause = nodes.lease().checked_div(3).unwrap_or_default();
        while stop.run_until_cancelled(tokio::time::sleep(pause)).await.is_some() {
            self.announce().await;
        }
    }

    /// The process that has the connection of this name, if it is another one.
    ///
    /// # Errors
    /// [`ForwardError::Misdirected`] for a request that was passed on already.
    pub(crate) fn carrier(&self, name: &str, request: &Extensions) -> Result<Option<Node>, ForwardError> {
        let elsewhere = carrier(name).filter(|node| self.0.store.nodes().is_some() && node != self.0.store.node());
        match elsewhere {
            Some(_) if request.get::<PassedOn>().is_some() => Err(ForwardError::Misdirected),
            elsewhere => Ok(elsewhere),
        }
    }

    /// What a connection of this process is called behind its digits; nothing where there are no other processes.
    pub(crate) fn suffix(&self) -> String {
        let node = self.0.store.node();
        self.0.store.nodes().map_or_else(String::new, |_| format!(".{}.{}", node.incarnation(), node.name()))
    }

    /// Where a process is, as of the last second or so.
    async fn whereabouts(&self, node: &Node) -> Result<Whereabouts, StoreError> {
        if let Some((at, known)) = self.0.known.lock().get_mut(node) {
            let now = clock::now();
            if now.duration_since(*at) < BELIEVED {
                return Ok(known.clone());
            }
            // One asks for all that wait for this process; meanwhile the others believe what was.
            *at = now;
        }
        let Some(nodes) = self.0.store.nodes() else { return Ok(Whereabouts::Gone) };
        let found = nodes.whereabouts(node).await?;
        let mut known = self.0.known.lock();
        // Names come from clients: those that nobody ever had are not remembered.
        if found != Whereabouts::Gone || known.contains_key(node) {
            if known.len() >= REMEMBERED {
                known.clear();
            }
            known.insert(node.clone(), (clock::now(), found.clone()));
        }
        Ok(found)
    }
}

/// The process in a connection's name: `c_DIGITS.INCARNATION.NODE`.
fn carrier(name: &str) -> Option<Node> {
    let (digits, rest) = name.split_once('.')?;
    let (incarnation, node) = rest.split_once('.')?;
    let ours = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    (!digits.is_empty() && digits.bytes().all(ours)).then(|| format!("{node}/{incarnation}").parse().ok()).flatten()
}

/// Takes in what another server has passed on, and refuses what only says so.
pub(super) async fn admit(State(app): State<Arc<App>>, mut request: Request, next: Next) -> Response {
    if !request.headers().contains_key(FORWARDED) {
        return next.run(request).await;
    }
    let Some(seal) = Seal::expected(&app.forwarder.0.key, &request).filter(|seal| seal.is_on(request.headers())) else {
        return ApiError::from(ForwardError::Unproven).into_response();
    };
    request.headers_mut().remove(FORWARDED);
    request.extensions_mut().insert(PassedOn);
    let mut response = next.run(request).await;
    response.headers_mut().insert(ANSWERED, seal.answer());
    response
}

//! How much one address, one session and one connection may do. What stands here comes before the protocol's own
//! frame budget (`PROTOCOL.md` §10) and counts what that does not: connections, requests, bytes.

mod buckets;
mod metered;

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use self::buckets::Buckets;
pub(super) use self::metered::Metered;
use super::auth;
use super::error::ApiError;
use super::forward::PassedOn;
use super::peer::{Peer, caller, is_trusted};
use crate::app::App;
use crate::config::{Allowance, Config};
use crate::ids::{SessionId, TokenGeneration};

/// Addresses, and sessions, that are remembered at once: a few megabytes.
const REMEMBERED: usize = 65_536;

/// The limits of a server. Cloning shares them.
#[derive(Debug, Clone)]
pub struct Allowances(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    connections: Option<Buckets<Household>>,
    requests: Option<Buckets<Household>>,
    sessions: Option<Buckets<(SessionId, TokenGeneration)>>,
}

/// What one party has of addresses: one of IPv4; a network of 64 bits of IPv6, of which it has every address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Household {
    V4([u8; 4]),
    V6([u8; 8]),
}

impl From<IpAddr> for Household {
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address.octets()),
            IpAddr::V6(address) => {
                let [a, b, c, d, e, f, g, h, ..] = address.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }
}

impl Allowances {
    /// The limits that a configuration sets.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        fn buckets<K: Clone + Eq + std::hash::Hash>(allowance: Option<Allowance>) -> Option<Buckets<K>> {
            allowance.map(|allowance| Buckets::new(allowance, REMEMBERED))
        }
        Self(Arc::new(Inner {
            connections: buckets(config.address_connections),
            requests: buckets(config.address_requests),
            sessions: buckets(config.session_connections),
        }))
    }

    /// Takes in a connection from an address.
    ///
    /// # Errors
    /// Too many have come; a typed answer says when to come back.
    pub(super) fn connection(&self, address: IpAddr) -> Result<(), ApiError> {
        let taken = self.0.connections.as_ref().map_or(Ok(()), |buckets| buckets.take(&address.into()));
        taken.map_err(|wait| beyond("too_many_connections", "too many new connections from this address", wait))
    }

    /// Takes in a request from an address.
    fn request(&self, address: IpAddr) -> Result<(), ApiError> {
        let taken = self.0.requests.as_ref().map_or(Ok(()), |buckets| buckets.take(&address.into()));
        taken
            .map_err(|wait| beyond("too_many_requests", "too many requests without an API key from this address", wait))
    }

    /// Lets a session's token of some generation open a connection. Each has an allowance of its own: whoever holds one
    /// that was replaced spends nothing of its owner's.
    ///
    /// # Errors
    /// It has opened too many; a typed answer says when to come back.
    pub(crate) fn session(&self, session: &SessionId, generation: TokenGeneration) -> Result<(), ApiError> {
        let key = (session.clone(), generation);
        let taken = self.0.sessions.as_ref().map_or(Ok(()), |buckets| buckets.take(&key));
        taken.map_err(|wait| beyond("too_many_resumes", "this session opens too many connections", wait))
    }
}

fn beyond(code: &str, what: &str, wait: Duration) -> ApiError {
    let message = format!("{what}; come back as `Retry-After` says");
    ApiError::new(StatusCode::TOO_MANY_REQUESTS, code, message).retry_after(Some(wait))
}

/// Takes in as many requests from one address as it is allowed. Who has an API key is known by it, and not counted; who came to
/// another server first was counted there.
pub(super) async fn ration(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let counted = request.extensions().get::<PassedOn>().is_some();
    if let Some(peer) = request.extensions().get::<Peer>().filter(|_| !counted)
        && !auth::has_key(&app.config, request.headers())
    {
        let address = caller(peer.address, request.headers(), &app.config.trusted_proxies);
        if let Err(error) = app.limits.request(address) {
            return error.into_response();
        }
    }
    next.run(request).await
}

/// Takes in a connection, if there is no limit for its address or it is kept: behind a proxy are many, which are told
/// apart by their requests.
pub(super) fn admit(app: &App, address: IpAddr) -> Result<(), ApiError> {
    if is_trusted(address, &app.config.trusted_proxies) { Ok(()) } else { app.limits.connection(address) }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when one party has many allowances by its many addresses, or two parties share one.
    #[test]
    fn an_ipv6_network_is_one_household() {
        let household = |text: &str| Household::from(text.parse::<IpAddr>().unwrap());
        assert_eq!(household("2001:db8:1:2::1"), household("2001:db8:1:2:ffff::9"));
        assert_ne!(household("2001:db8:1:2::1"), household("2001:db8:1:3::1"));
        assert_eq!(household("::ffff:192.0.2.1"), household("192.0.2.1"));
        assert_ne!(household("192.0.2.1"), household("192.0.2.2"));
    }
}

//! Why a request was not passed on, or its answer not taken.

use axum::http::StatusCode;

use crate::gateway::ApiError;
use crate::store::StoreError;

/// Why a request did not get to the server that has its connection. A client whose connection cannot be reached opens
/// another one, at any server: that takes the session over.
#[derive(Debug, thiserror::Error)]
pub enum ForwardError {
    /// The server of the connection is gone, and the connection with it.
    #[error("this connection has ended with its server; open another with `last_seq`")]
    Gone,
    /// It lives, and nobody knows where.
    #[error(
        "the server of this connection has told nobody where it is (`node-url`); open another connection with `last_seq`"
    )]
    Untold,
    /// It was not to be reached, or broke off.
    #[error("the server of this connection cannot be reached; open another connection with `last_seq`")]
    Unreachable,
    /// It did not answer in time.
    #[error("the server of this connection does not answer; open another connection with `last_seq`")]
    TimedOut,
    /// Whoever answered is not it.
    #[error("where the server of this connection should be is something else; open another connection with `last_seq`")]
    Stranger,
    /// A request was passed on to a server that has another name: nobody passes on twice.
    #[error("this request was passed on to a server that does not have its connection")]
    Misdirected,
    /// A request says that it was passed on, and does not prove it.
    #[error("this request says that another server has passed it on, and does not prove it; leave the header out")]
    Unproven,
    /// The store does not say where the server is.
    #[error("{}", .0.outward())]
    Store(#[from] StoreError),
    /// The HTTP client could not be built.
    #[error("requests cannot be passed on to other servers: {0}")]
    Client(String),
    /// No randomness.
    #[error("the system gave no randomness for a key: {0}")]
    Random(#[from] getrandom::Error),
}

impl From<ForwardError> for ApiError {
    fn from(error: ForwardError) -> Self {
        let (status, code) = match &error {
            ForwardError::Gone => (StatusCode::NOT_FOUND, "no_connection"),
            ForwardError::Untold | ForwardError::Unreachable => (StatusCode::BAD_GATEWAY, "server_unreachable"),
            ForwardError::TimedOut => (StatusCode::GATEWAY_TIMEOUT, "server_timeout"),
            ForwardError::Stranger => (StatusCode::BAD_GATEWAY, "server_not_found"),
            ForwardError::Misdirected => (StatusCode::MISDIRECTED_REQUEST, "misdirected"),
            ForwardError::Unproven => (StatusCode::FORBIDDEN, "forward_unproven"),
            ForwardError::Store(_) => (StatusCode::SERVICE_UNAVAILABLE, "store_unavailable"),
            ForwardError::Client(_) | ForwardError::Random(_) => (StatusCode::INTERNAL_SERVER_ERROR, "internal"),
        };
        Self::new(status, code, error.to_string())
    }
}

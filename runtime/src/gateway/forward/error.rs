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

impl ForwardError {
    /// Its stable name, in answers and metrics.
    pub(super) fn code(&self) -> &'static str {
        match self {
            Self::Gone => "no_connection",
            Self::Untold | Self::Unreachable => "server_unreachable",
            Self::TimedOut => "server_timeout",
            Self::Stranger => "server_not_found",
            Self::Misdirected => "misdirected",
            Self::Unproven => "forward_unproven",
            Self::Store(_) => "store_unavailable",
            Self::Client(_) | Self::Random(_) => "internal",
        }
    }
}

impl From<ForwardError> for ApiError {
    fn from(error: ForwardError) -> Self {
        let status = match &error {
            ForwardError::Gone => StatusCode::NOT_FOUND,
            ForwardError::Untold | ForwardError::Unreachable | ForwardError::Stranger => StatusCode::BAD_GATEWAY,
            ForwardError::TimedOut => StatusCode::GATEWAY_TIMEOUT,
            ForwardError::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            ForwardError::Unproven => StatusCode::FORBIDDEN,
            ForwardError::Store(_) => StatusCode::SERVICE_UNAVAILABLE,
            ForwardError::Client(_) | ForwardError::Random(_) => StatusCode::INTERNAL_SERVER_ERROR,
        };
        Self::new(status, error.code(), error.to_string())
    }
}

//! What goes wrong with a model, and whose fault it is.

use std::time::Duration;

/// Why a model gave no (further) answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ModelError {
    /// The model's server rejected the request itself (4xx), in its own words.
    #[error("the model rejected the request (HTTP {status}): {message}")]
    Rejected {
        /// The upstream status.
        status: u16,
        /// The upstream message, shortened.
        message: String,
    },
    /// The key is missing or wrong: the operator's to mend.
    #[error("the model refused the key (HTTP {status}): {message}; set ROLECALL_MODEL_KEY, or the key of its route")]
    Auth {
        /// The upstream status.
        status: u16,
        /// The upstream message, shortened, without the key.
        message: String,
    },
    /// Too many requests.
    #[error("the model is rate limited: {message}")]
    RateLimited {
        /// The upstream message, shortened.
        message: String,
        /// When the server asked to come back.
        retry_after: Option<Duration>,
    },
    /// More turns than the model is given at once, and no place within the wait for one.
    #[error("the model has no place for another turn")]
    Busy {
        /// When to come back.
        retry_after: Duration,
    },
    /// The contract asks for a route that this server does not have.
    #[error(
        "role `{role}` asks for the model route `{route}`, which is not configured; add [routes.{route}] to rolecall.toml, or remove the route from the contract"
    )]
    NoRoute {
        /// The role.
        role: String,
        /// The route.
        route: String,
    },
    /// Not reachable, or a server error (5xx).
    #[error("the model is unavailable: {0}")]
    Unavailable(String),
    /// No text in time.
    #[error("the model gave no text within {} ms", .0.as_millis())]
    FirstTextTimeout(Duration),
    /// Silence in the middle of an answer.
    #[error("the model stalled: nothing came for {} ms", .0.as_millis())]
    Stalled(Duration),
    /// The whole answer took too long.
    #[error("the answer took longer than {} ms", .0.as_millis())]
    Overdue(Duration),
    /// The connection ended before the answer did.
    #[error("the model's stream was cut before its end: {0}")]
    Cut(String),
    /// What came is not a chat completion.
    #[error("the model's stream could not be read: {0}")]
    BadStream(String),
    /// More than is read.
    #[error("the model's {what} is larger than the {limit} bytes that are read")]
    TooLarge {
        /// What was too large.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The model is not configured in a way that can work.
    #[error("the model is misconfigured: {0}")]
    Config(String),
}

impl ModelError {
    /// What a client is told of a rejection when the server's own words must not be repeated.
    pub const REJECTED: &'static str = "the model rejected the request; the server's log says why";

    /// Stable, for logs, metrics and clients.
    #[must_use]
    pub fn code(&self) -> &'static str {
        match self {
            Self::Rejected { .. } => "model_rejected",
            Self::Auth { .. } => "model_auth",
            Self::RateLimited { .. } => "model_rate_limited",
            Self::Busy { .. } => "model_busy",
            Self::NoRoute { .. } => "model_no_route",
            Self::Unavailable(_) => "model_unavailable",
            Self::FirstTextTimeout(_) => "model_timeout",
            Self::Stalled(_) => "model_stalled",
            Self::Overdue(_) => "model_overdue",
            Self::Cut(_) => "model_cut",
            Self::BadStream(_) => "model_bad_stream",
            Self::TooLarge { .. } => "model_too_large",
            Self::Config(_) => "model_config",
        }
    }

    /// The HTTP status a client of ours sees.
    #[must_use]
    pub fn status(&self) -> u16 {
        status_of(self.code())
    }

    /// What a client of ours is told. The server's own words stay with the operator, but for a request
    /// that the client itself must change.
    #[must_use]
    pub fn outward(&self) -> String {
        let text = match self {
            Self::Rejected { status: 400 | 413 | 422, message } => {
                return format!("the model rejected the request: {message}");
            }
            Self::Rejected { .. } => Self::REJECTED,
            Self::Auth { .. } => "the model refused this server; its operator must mend the key",
            Self::RateLimited { .. } => "the model is rate limited; try again later",
            Self::Busy { .. } => "the model answers as many turns as it is given; try again shortly",
            Self::Unavailable(_) => "the model is unavailable; try again shortly",
            Self::Cut(_) => "the model's answer was cut before its end; try again",
            Self::BadStream(_) => "the model's answer could not be read; the server's log says more",
            Self::Config(_) => "the model is misconfigured; the server's log says how",
            // Times, bounds and names of ours.
            Self::NoRoute { .. }
            | Self::FirstTextTimeout(_)
            | Self::Stalled(_)
            | Self::Overdue(_)
            | Self::TooLarge { .. } => {
                return self.to_string();
            }
        };
        text.to_owned()
    }

    /// When to come back, if anybody said so.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::RateLimited { retry_after, .. } => *retry_after,
            Self::Busy { retry_after } => Some(*retry_after),
            _ => None,
        }
    }

    /// Whether the same request may succeed a moment later.
    #[must_use]
    pub fn retryable(&self) -> bool {
        match self {
            Self::RateLimited { .. }
            | Self::Busy { .. }
            | Self::Unavailable(_)
            | Self::FirstTextTimeout(_)
            | Self::Cut(_) => true,
            Self::Rejected { .. }
            | Self::Auth { .. }
            | Self::NoRoute { .. }
            | Self::Stalled(_)
            | Self::Overdue(_)
            | Self::BadStream(_)
            | Self::TooLarge { .. }
            | Self::Config(_) => false,
        }
    }
}

/// The HTTP status of a [`ModelError::code`], for `TurnEnd::failure`, which keeps the code only.
/// Unknown codes are 502.
#[must_use]
pub fn status_of(code: &str) -> u16 {
    match code {
        "model_rejected" => 400,
        "model_rate_limited" => 429,
        "model_unavailable" | "model_busy" => 503,
        "model_timeout" | "model_stalled" | "model_overdue" => 504,
        "model_config" | "model_no_route" => 500,
        _ => 502,
    }
}

//! What can go wrong, by whose fault.

use rolecall_wire::client::SendError;

/// Why a call failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The base URL or the session's URL cannot be used.
    #[error("{url:?} is not a usable server URL: {detail}")]
    Url {
        /// The URL.
        url: String,
        /// What is wrong with it.
        detail: String,
    },
    /// The server answered with an error.
    #[error("the server refused ({status} {code}): {message}")]
    Refused {
        /// HTTP status; 0 when the refusal came over the session.
        status: u16,
        /// Stable code, such as `unknown_role` or `busy`.
        code: String,
        /// What to do, for people.
        message: String,
    },
    /// The server cannot be reached, or answers with something else than the API.
    #[error("cannot talk to the server at {url}: {detail}")]
    Transport {
        /// The URL.
        url: String,
        /// What happened.
        detail: String,
    },
    /// A certificate that the application adds cannot be used.
    #[error("a root certificate cannot be used: {detail}; give a PEM text with `-----BEGIN CERTIFICATE-----`")]
    Certificate {
        /// What is wrong with it.
        detail: String,
    },
    /// The message cannot be queued.
    #[error(transparent)]
    Send(#[from] SendError),
    /// The session has ended; the outcome of a message under way is unknown, but a client resumed
    /// from [`Saved`](crate::Saved) repeats it harmlessly.
    #[error("the session has ended")]
    Ended,
    /// The system has no randomness to give.
    #[error("the system's random generator failed: {0}")]
    Random(#[from] getrandom::Error),
}

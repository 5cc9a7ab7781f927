//! How a reply ended, in words of no surface.

use axum::http::StatusCode;
use rolecall_wire::frame::{Hit, Outcome};

use crate::enforce::Permitted;
use crate::gateway::error::ApiError;
use crate::model;
use crate::session::turn::{ToolCall, TurnEnd, Usage};

/// Why a reply is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Finish {
    /// Its calls of tools are to be answered; then it goes on.
    Calls,
    /// It is the model's, also where a rule has cut or redacted it.
    Stop,
    /// It is the model's, which stopped at its token limit.
    Length,
    /// It is not the model's any more: the fallback, or nothing at all, has taken its place.
    Filtered,
    /// It is the model's, whose server has ended it by a filter of its own.
    FilteredUpstream,
}

/// The end of one reply.
#[derive(Debug, Clone)]
pub(crate) struct End {
    /// Why.
    pub(crate) finish: Finish,
    /// The whole text.
    pub(crate) text: Permitted<String>,
    /// The tools to call, judged with the text. With [`Finish::Length`] and [`Finish::FilteredUpstream`]
    /// those that came whole.
    pub(crate) calls: Vec<Permitted<ToolCall>>,
    /// The rules that acted.
    pub(crate) hits: Vec<Hit>,
    /// What the model counted; zero where it counts nothing.
    pub(crate) usage: Usage,
}

impl End {
    /// Reads a turn's end.
    ///
    /// # Errors
    /// When the turn failed, or was cancelled by the end of the process.
    pub(super) fn of(end: TurnEnd) -> Result<Self, ApiError> {
        let finish = match end.outcome {
            Outcome::Complete | Outcome::Repaired if end.filtered => Finish::FilteredUpstream,
            Outcome::Complete | Outcome::Repaired if end.length_limited => Finish::Length,
            Outcome::Complete | Outcome::Repaired if !end.calls.is_empty() => Finish::Calls,
            Outcome::Complete | Outcome::Repaired => Finish::Stop,
            Outcome::Fallback | Outcome::Refused => Finish::Filtered,
            Outcome::Cancelled => {
                let message = "the server is shutting down; try again";
                return Err(ApiError::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", message));
            }
            Outcome::Failed => return Err(failed(end)),
        };
        Ok(Self { finish, text: end.text, calls: end.calls, hits: end.hits, usage: end.usage })
    }
}

fn failed(end: TurnEnd) -> ApiError {
    let (code, message) =
        end.failure.unwrap_or_else(|| ("model_failed".to_owned(), "the model failed; see the server's log".to_owned()));
    let status = StatusCode::from_u16(model::status_of(&code)).unwrap_or(StatusCode::BAD_GATEWAY);
    ApiError::new(status, code, message).retry_after(end.retry_after)
}

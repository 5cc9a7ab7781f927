//! Models: where replies come from. What they get and give passes through `enforce`.
//!
//! A [`Model`] streams one answer. Deadlines and retries are the same for all of them and live in
//! [`Call`]; dropping a call, or a model's stream, cancels the request behind it.

mod call;
mod error;
mod openai;
mod rehearsal;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

pub use call::{Call, CallLimits, MAX_WAIT};
pub use error::{ModelError, status_of};
pub use openai::{OpenAi, OpenAiConfig};
pub use rehearsal::{Answer, AnswerSource, Rehearsal};

use crate::enforce::{CallPiece, Permitted, Prompt};
use crate::session::turn::Usage;

/// The next thing a model says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ModelChunk {
    /// More of the answer; may be empty.
    Text(String),
    /// A piece of a tool's call.
    Call(CallPiece),
    /// What the model counted for this answer; the last one holds.
    Usage(Usage),
    /// The answer is over.
    Stop {
        /// Whether the model stopped at its token limit.
        length: bool,
    },
}

/// An answer as it comes. Dropping it cancels the answer.
pub type ModelStream = BoxStream<'static, Result<ModelChunk, ModelError>>;

/// Something that answers prompts.
#[async_trait]
pub trait Model: std::fmt::Debug + Send + Sync {
    /// Its name, for logs and `/v1/models`.
    fn name(&self) -> &str;

    /// Starts an answer. Text and calls are followed by one [`ModelChunk::Stop`]; a stream that ends
    /// without it was cut. Cancel-safe: dropping the future or the stream ends the request.
    ///
    /// # Errors
    /// When the answer cannot even start; [`ModelError`] says whose fault that is.
    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError>;

    /// How long it may take, and how often it is tried.
    fn limits(&self) -> CallLimits {
        CallLimits::default()
    }
}

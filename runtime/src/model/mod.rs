//! Models: where replies come from. What they get and give passes through `enforce`.
//!
//! A [`Model`] streams one answer. [`Models`] are those of a server: the default one, and one for each
//! route that contracts may name. What is the same for all of them lives outside: deadlines and
//! fallbacks in [`Asking`], places and tries again in what all calls of a model share. Dropping a call,
//! or a model's stream, cancels the request behind it.

mod call;
pub(crate) mod dice;
mod error;
mod health;
mod openai;
mod places;
mod rehearsal;
mod retries;
mod routes;
mod upstream;

use async_trait::async_trait;
use futures_util::stream::BoxStream;

pub use call::{Asking, Call, CallLimits, MAX_WAIT};
pub use error::{ModelError, status_of};
pub use openai::{OpenAi, OpenAiConfig, install_tls_provider};
pub use places::Rations;
pub use rehearsal::{Answer, AnswerSource, MISDEEDS, Misbehavior, Misdeed, Rehearsal, Share};
pub use routes::{DEFAULT_ROUTE, Models, Plan};

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
    /// The answer is over because its server filtered it; what came before stands. Takes the place of
    /// [`Stop`](Self::Stop).
    Filtered,
}

/// An answer as it comes. Dropping it cancels the answer.
pub type ModelStream = BoxStream<'static, Result<ModelChunk, ModelError>>;

/// Something that answers prompts.
#[async_trait]
pub trait Model: std::fmt::Debug + Send + Sync {
    /// Its name, for logs and `/v1/models`.
    fn name(&self) -> &str;

    /// Starts an answer. Text and calls are followed by one [`ModelChunk::Stop`], or
    /// [`ModelChunk::Filtered`]; a stream that ends without either was cut. Cancel-safe: dropping the
    /// future or the stream ends the request.
    ///
    /// # Errors
    /// When the answer cannot even start; [`ModelError`] says whose fault that is.
    async fn stream(&self, prompt: Permitted<Prompt>) -> Result<ModelStream, ModelError>;

    /// How long it may take, and how often it is tried.
    fn limits(&self) -> CallLimits {
        CallLimits::default()
    }
}

//! One call of a model, under deadlines and with a retry budget.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;

use super::{Model, ModelChunk, ModelError, ModelStream};
use crate::clock;
use crate::enforce::{Permitted, Prompt};

/// How long a call may take, and how often it is tried.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallLimits {
    /// To a TCP connection; beyond it, [`ModelError::Unavailable`].
    pub connect: Duration,
    /// From the request to the first text, for each try; beyond it, [`ModelError::FirstTextTimeout`].
    pub first_text: Duration,
    /// Between two chunks after the first text; beyond it, [`ModelError::Stalled`].
    pub stall: Duration,
    /// The whole call with its retries and the waits between them; beyond it, [`ModelError::Overdue`].
    pub total: Duration,
    /// Further tries after a retryable error, and only while no text has come.
    pub retries: u32,
    /// The wait before the first retry; it doubles. A longer `Retry-After` is obeyed up to
    /// [`MAX_WAIT`]; an even longer one ends the call.
    pub backoff: Duration,
    /// The text of one answer, calls of tools included, in bytes; beyond it, [`ModelError::TooLarge`].
    pub answer_bytes: usize,
}

/// The longest wait between two tries.
pub const MAX_WAIT: Duration = Duration::from_secs(10);

impl Default for CallLimits {
    fn default() -> Self {
        Self {
            connect: Duration::from_secs(5),
            first_text: Duration::from_secs(30),
            stall: Duration::from_secs(20),
            total: Duration::from_secs(300),
            retries: 2,
            backoff: Duration::from_millis(250),
            answer_bytes: 1 << 20,
        }
    }
}

/// A running call. Dropping it cancels the model.
pub struct Call {
    model: Arc<dyn Model>,
    prompt: Permitted<Prompt>,
    limits: CallLimits,
    stream: Option<ModelStream>,
    began_ms: u64,
    try_began_ms: u64,
    tries: u32,
    text_bytes: usize,
    over: bool,
}

impl std::fmt::Debug for Call {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call").field("model", &self.model.name()).field("tries", &self.tries).finish_non_exhaustive()
    }
}

impl Call {
    /// A call that starts with the first [`next`](Self::next).
    #[must_use]
    pub fn new(model: Arc<dyn Model>, prompt: Permitted<Prompt>) -> Self {
        let now = clock::monotonic_ms();
        let limits = model.limits();
        Self {
            model,
            prompt,
            limits,
            stream: None,
            began_ms: now,
            try_began_ms: now,
            tries: 0,
            text_bytes: 0,
            over: false,
        }
    }

    /// The next chunk; `None` after `Stop` or an error. Cancel-safe between chunks: a dropped call
    /// of this function loses at most the connection being opened.
    pub async fn next(&mut self) -> Option<Result<ModelChunk, ModelError>> {
        if self.over {
            return None;
        }
        loop {
            match self.step().await {
                Ok(chunk) => return Some(self.count(chunk)),
                Err(error) => match self.wait_before_retry(&error) {
                    Some(wait) => {
                        tracing::warn!(model = self.model.name(), code = error.code(), %error, "model call is tried again");
                        self.stream = None;
                        tokio::time::sleep(wait).await;
                    }
                    None => {
                        self.over = true;
                        self.stream = None;
                        return Some(Err(error));
                    }
                },
            }
        }
    }

    fn count(&mut self, chunk: ModelChunk) -> Result<ModelChunk, ModelError> {
        match &chunk {
            ModelChunk::Text(text) => self.text_bytes = self.text_bytes.saturating_add(text.len()),
            ModelChunk::Call(piece) => self.text_bytes = self.text_bytes.saturating_add(piece.bytes()),
            ModelChunk::Stop { .. } => {
                self.over = true;
                self.stream = None;
            }
            ModelChunk::Usage(_) => {}
        }
        if self.text_bytes > self.limits.answer_bytes {
            self.over = true;
            self.stream = None;
            return Err(ModelError::TooLarge { what: "answer", limit: self.limits.answer_bytes });
        }
        Ok(chunk)
    }

    async fn step(&mut self) -> Result<ModelChunk, ModelError> {
        if self.stream.is_none() {
            self.tries += 1;
            self.try_began_ms = clock::monotonic_ms();
        }
        let (patience, late) = self.patience();
        let next = async {
            if self.stream.is_none() {
                self.stream = Some(self.model.stream(self.prompt.clone()).await?);
            }
            match self.stream.as_mut() {
                Some(stream) => {
                    stream.next().await.unwrap_or_else(|| Err(ModelError::Cut("it ended without a stop".into())))
                }
                None => Err(ModelError::Cut("it never began".into())),
            }
        };
        tokio::time::timeout(patience, next).await.unwrap_or(Err(late))
    }

    /// How long the next chunk may take, and what it means when it does not come.
    fn patience(&self) -> (Duration, ModelError) {
        let now = clock::monotonic_ms();
        let since = |start: u64| Duration::from_millis(now.saturating_sub(start));
        let left = self.limits.total.saturating_sub(since(self.began_ms));
        let (patience, late) = if self.text_bytes == 0 {
            let patience = self.limits.first_text.saturating_sub(since(self.try_began_ms));
            (patience, ModelError::FirstTextTimeout(self.limits.first_text))
        } else {
            (self.limits.stall, ModelError::Stalled(self.limits.stall))
        };
        if left < patience { (left, ModelError::Overdue(self.limits.total)) } else { (patience, late) }
    }

    fn wait_before_retry(&self, error: &ModelError) -> Option<Duration> {
        if self.text_bytes > 0 || !error.retryable() || self.tries > self.limits.retries {
            return None;
        }
        let backoff = self.limits.backoff.saturating_mul(1 << self.tries.saturating_sub(1).min(16)).min(MAX_WAIT);
        let wait = match error.retry_after() {
            Some(after) if after > MAX_WAIT => return None,
            Some(after) => backoff.max(after),
            None => backoff,
        };
        // A try that could only begin behind the deadline is not waited for.
        let spent = Duration::from_millis(clock::monotonic_ms().saturating_sub(self.began_ms));
        (spent.saturating_add(wait) < self.limits.total).then_some(wait)
    }
}

#[cfg(test)]
mod tests;

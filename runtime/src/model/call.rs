//! The calls of one turn, under deadlines and with tries again.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt;

use super::places::Place;
use super::upstream::Upstream;
use super::{ModelChunk, ModelError, ModelStream};
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
    /// A turn: every call that its reply takes, with retries, waits and repairs; beyond it,
    /// [`ModelError::Overdue`].
    pub total: Duration,
    /// Further tries after a retryable error, and only while no text has come. What all calls of a
    /// model try again is bounded besides: by one in ten of them.
    pub retries: u32,
    /// The longest wait before the first retry; it doubles. What a `Retry-After` asks for comes on
    /// top, up to [`MAX_WAIT`]; a longer one ends the call.
    pub backoff: Duration,
    /// The text of one answer, calls of tools included, in bytes; beyond it, [`ModelError::TooLarge`].
    pub answer_bytes: usize,
}

/// The longest `Retry-After` that is waited for, and the longest wait of our own between two tries.
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

/// One turn's calls of a model: they share a deadline and a place at the one that answers. While a call
/// has no text, an error that may pass leads on to the fallback of its route, if there is one; the
/// turn's later calls stay there.
#[derive(Debug)]
pub struct Asking {
    upstream: Arc<Upstream>,
    place: Option<Place>,
    began_ms: u64,
    total: Duration,
}

/// A running call. Dropping it cancels the model.
pub struct Call<'a> {
    asking: &'a mut Asking,
    prompt: Permitted<Prompt>,
    stream: Option<ModelStream>,
    try_began_ms: u64,
    /// Of the model that is being asked.
    tries: u32,
    text_bytes: usize,
    over: bool,
}

/// What follows an error.
enum Next {
    /// The same model, after a wait.
    Again(Duration),
    /// Another model.
    Elsewhere(Arc<Upstream>),
    /// Nothing.
    End,
}

impl Asking {
    pub(super) fn new(upstream: Arc<Upstream>) -> Self {
        let total = upstream.limits.total;
        Self { upstream, place: None, began_ms: clock::monotonic_ms(), total }
    }

    /// A call that starts with its first [`next`](Call::next).
    pub fn call(&mut self, prompt: Permitted<Prompt>) -> Call<'_> {
        let try_began_ms = clock::monotonic_ms();
        Call { asking: self, prompt, stream: None, try_began_ms, tries: 0, text_bytes: 0, over: false }
    }

    /// What is left of the turn's time.
    fn left(&self) -> Duration {
        self.total.saturating_sub(since(self.began_ms))
    }

    fn overdue(&self) -> ModelError {
        ModelError::Overdue(self.total)
    }

    /// Takes a place at the first model that is not passed over, unless the turn has one.
    async fn enter(&mut self) -> Result<(), ModelError> {
        if self.place.is_some() {
            return Ok(());
        }
        while let Some(other) = self.upstream.passed_over().cloned() {
            tracing::debug!(route = self.upstream.route, to = other.route, "a failing model is passed over");
            self.upstream = other;
        }
        let entered = tokio::time::timeout(self.left(), self.upstream.places.enter()).await;
        self.place = Some(entered.unwrap_or_else(|_| Err(self.overdue()))?);
        Ok(())
    }
}

impl Call<'_> {
    /// The next chunk; `None` after `Stop` or an error. Cancel-safe between chunks: a dropped call
    /// of this function loses at most the connection being opened.
    pub async fn next(&mut self) -> Option<Result<ModelChunk, ModelError>> {
        if self.over {
            return None;
        }
        loop {
            let error = match self.step().await {
                Ok(chunk) => return Some(self.count(chunk)),
                Err(error) => error,
            };
            self.stream = None;
            match self.after(&error) {
                Next::Again(wait) => tokio::time::sleep(wait).await,
                Next::Elsewhere(other) => self.leave_for(other, &error),
                Next::End => {
                    let (route, model) = (&*self.asking.upstream.route, self.asking.upstream.model.name());
                    tracing::warn!(route, model, code = error.code(), %error, "the model failed");
                    self.finish(error.code());
                    return Some(Err(error));
                }
            }
        }
    }

    fn count(&mut self, chunk: ModelChunk) -> Result<ModelChunk, ModelError> {
        self.asking.upstream.health.well();
        match &chunk {
            ModelChunk::Text(text) => self.text_bytes = self.text_bytes.saturating_add(text.len()),
            ModelChunk::Call(piece) => self.text_bytes = self.text_bytes.saturating_add(piece.bytes()),
            ModelChunk::Stop { .. } | ModelChunk::Filtered => self.finish("done"),
            ModelChunk::Usage(_) => {}
        }
        let limit = self.asking.upstream.limits.answer_bytes;
        if self.text_bytes > limit {
            let error = ModelError::TooLarge { what: "answer", limit };
            self.finish(error.code());
            return Err(error);
        }
        Ok(chunk)
    }

    async fn step(&mut self) -> Result<ModelChunk, ModelError> {
        if self.stream.is_none() {
            self.asking.enter().await?;
            if self.tries == 0 {
                self.asking.upstream.retries.called();
            }
            self.tries += 1;
            self.try_began_ms = clock::monotonic_ms();
        }
        let (patience, late) = self.patience();
        if patience.is_zero() {
            return Err(late);
        }
        let next = async {
            if self.stream.is_none() {
                self.stream = Some(self.asking.upstream.model.stream(self.prompt.clone()).await?);
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
        let limits = &self.asking.upstream.limits;
        let left = self.asking.left();
        let (patience, late) = if self.text_bytes == 0 {
            let patience = limits.first_text.saturating_sub(since(self.try_began_ms));
            (patience, ModelError::FirstTextTimeout(limits.first_text))
        } else {
            (limits.stall, ModelError::Stalled(limits.stall))
        };
        if left < patience { (left, self.asking.overdue()) } else { (patience, late) }
    }

    fn after(&self, error: &ModelError) -> Next {
        if self.text_bytes > 0 || !error.retryable() {
            return Next::End;
        }
        let upstream = &self.asking.upstream;
        if let Some(wait) = self.wait(error) {
            let allowed = upstream.retries.take();
            upstream.metrics.model_retry(&upstream.route, allowed);
            if allowed {
                let (route, model) = (&*upstream.route, upstream.model.name());
                tracing::warn!(route, model, code = error.code(), %error, ?wait, "model call is tried again");
                return Next::Again(wait);
            }
        }
        // A place that was not free in time says nothing of the model's server.
        if !matches!(error, ModelError::Busy { .. }) {
            upstream.health.failed();
        }
        upstream.next(error).map_or(Next::End, |other| Next::Elsewhere(Arc::clone(other)))
    }

    /// The wait before the same model is asked again; `None` when it is not, as after a wait for a
    /// place, or when the next try could only begin behind the deadline.
    fn wait(&self, error: &ModelError) -> Option<Duration> {
        let upstream = &self.asking.upstream;
        if self.tries > upstream.limits.retries || matches!(error, ModelError::Busy { .. }) {
            return None;
        }
        let wait = upstream.retries.wait(&upstream.limits, self.tries, error)?;
        (wait < self.asking.left()).then_some(wait)
    }

    fn leave_for(&mut self, other: Arc<Upstream>, error: &ModelError) {
        let upstream = &self.asking.upstream;
        tracing::warn!(route = upstream.route, to = other.route, code = error.code(), %error, "the fallback is asked");
        upstream.metrics.model_call(&upstream.route, error.code());
        self.tries = 0;
        self.asking.place = None;
        self.asking.upstream = other;
    }

    fn finish(&mut self, outcome: &str) {
        self.over = true;
        self.stream = None;
        self.asking.upstream.metrics.model_call(&self.asking.upstream.route, outcome);
    }
}

impl Drop for Call<'_> {
    fn drop(&mut self) {
        // Left before its end: the reply needed no more of it, or nobody listens.
        if !self.over && self.tries > 0 {
            self.finish("left");
        }
    }
}

impl std::fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Call")
            .field("route", &self.asking.upstream.route)
            .field("tries", &self.tries)
            .finish_non_exhaustive()
    }
}

fn since(start_ms: u64) -> Duration {
    Duration::from_millis(clock::monotonic_ms().saturating_sub(start_ms))
}

#[cfg(test)]
mod tests;

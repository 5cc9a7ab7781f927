use std::fmt;
use std::sync::Arc;

use crate::breaker::{Admission, Outcome};
use crate::config::MAX_TEXT_BYTES;
use crate::guest::StreamGuest;
use crate::host::{Inner, Proof};
use crate::plugin::Plugin;
use crate::{CallError, PolicyViolation, clock};

/// One reply's judgement, growing. Dropping it frees the instance.
pub struct PolicyStream {
    host: Arc<Inner>,
    plugin: Arc<Plugin>,
    /// What the stream was opened with. The breaker hears of it when the stream ends, well or not.
    admission: Admission,
    /// Away while a call runs; gone for good when the call failed or was dropped.
    guest: Option<Box<StreamGuest>>,
}

impl PolicyStream {
    pub(crate) fn new(host: Arc<Inner>, plugin: Arc<Plugin>, admission: Admission, guest: StreamGuest) -> Self {
        Self { host, plugin, admission, guest: Some(Box::new(guest)) }
    }

    /// Judges the next piece. Spans count from the beginning of the stream. Cancel-unsafe: a dropped
    /// call poisons the stream, and the next call says so.
    ///
    /// # Errors
    /// The guest failed, or lies about spans: the stream is over and further calls are
    /// [`CallError::Poisoned`]. [`CallError::InputTooLarge`] and [`CallError::Busy`] leave it whole.
    pub async fn push(&mut self, delta: &str) -> Result<Vec<PolicyViolation>, CallError> {
        let guest = self.take()?;
        let got = guest.len().saturating_add(delta.len());
        if got > MAX_TEXT_BYTES {
            self.guest = Some(guest);
            let plugin = self.plugin.manifest.name.clone();
            return Err(CallError::InputTooLarge { plugin, what: "the stream", got, limit: MAX_TEXT_BYTES });
        }
        let (plugin, limits, delta) = (Arc::clone(&self.plugin), self.host.limits.clone(), delta.to_owned());
        // The guest travels with the call; a call that could not be queued gives it back.
        let parked = Arc::new(parking_lot::Mutex::new(None));
        let back = Arc::clone(&parked);
        *parked.lock() = Some(guest);
        let result = self
            .host
            .call(&self.plugin, "push", (self.admission, Proof::Later), move || {
                let Some(mut guest) = back.lock().take() else {
                    return Err(CallError::Poisoned { plugin: plugin.manifest.name.clone() });
                };
                guest.push(&plugin, &limits, &delta).map(|found| (found, guest))
            })
            .await;
        match result {
            Ok((found, guest)) => {
                self.guest = Some(guest);
                Ok(found)
            }
            Err(error) => {
                self.guest = parked.lock().take();
                Err(error)
            }
        }
    }

    /// Ends the reply.
    ///
    /// # Errors
    /// As for [`PolicyStream::push`].
    pub async fn finish(mut self) -> Result<Vec<PolicyViolation>, CallError> {
        let guest = self.take()?;
        let (plugin, limits) = (Arc::clone(&self.plugin), self.host.limits.clone());
        self.host
            .call(&self.plugin, "finish", (self.admission, Proof::Whole), move || guest.finish(&plugin, &limits))
            .await
    }

    fn take(&mut self) -> Result<Box<StreamGuest>, CallError> {
        self.guest.take().ok_or_else(|| CallError::Poisoned { plugin: self.plugin.manifest.name.clone() })
    }
}

impl Drop for PolicyStream {
    /// A reply that was given up in good order: what was judged of it counts.
    fn drop(&mut self) {
        if let Some(guest) = &self.guest {
            let outcome = if guest.len() > 0 { Outcome::Good } else { Outcome::Unknown };
            self.plugin.breaker.lock().record(clock::breaker(), self.admission, outcome);
        }
    }
}

impl fmt::Debug for PolicyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyStream")
            .field("plugin", &self.plugin.manifest.name)
            .field("open", &self.guest.is_some())
            .finish_non_exhaustive()
    }
}

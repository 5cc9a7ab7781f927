use std::fmt;
use std::sync::Arc;

use crate::config::MAX_TEXT_BYTES;
use crate::guest::StreamGuest;
use crate::host::Inner;
use crate::plugin::Plugin;
use crate::{CallError, PolicyViolation};

/// One reply's judgement, growing. Dropping it frees the instance.
pub struct PolicyStream {
    host: Arc<Inner>,
    plugin: Arc<Plugin>,
    /// Away while a call runs; gone for good when the call failed or was dropped.
    guest: Option<Box<StreamGuest>>,
}

impl PolicyStream {
    pub(crate) fn new(host: Arc<Inner>, plugin: Arc<Plugin>, guest: StreamGuest) -> Self {
        Self { host, plugin, guest: Some(Box::new(guest)) }
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
            .call(&self.plugin, "push", None, move || {
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
        self.host.call(&self.plugin, "finish", None, move || guest.finish(&plugin, &limits)).await
    }

    fn take(&mut self) -> Result<Box<StreamGuest>, CallError> {
        self.guest.take().ok_or_else(|| CallError::Poisoned { plugin: self.plugin.manifest.name.clone() })
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

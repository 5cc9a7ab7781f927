use std::fmt;
use std::sync::Arc;

use crate::breaker::{Admission, Outcome};
use crate::config::MAX_TEXT_BYTES;
use crate::guest::{ConstraintGuest, StreamGuest};
use crate::host::{Inner, Proof};
use crate::plugin::Plugin;
use crate::warm::{Leave, Owner, Warm};
use crate::{CallError, Context, Limits, PolicyViolation, clock};

/// One reply's judgement, growing. Dropping it frees the instance.
pub struct PolicyStream {
    host: Arc<Inner>,
    limits: Limits,
    plugin: Arc<Plugin>,
    /// What the stream was opened with. The breaker hears of it when the stream ends, well or not.
    admission: Admission,
    /// Away while a call runs; gone for good when the call failed or was dropped.
    progress: Option<Progress>,
}

/// How far a stream has come.
pub(crate) enum Progress {
    /// On an instance of its own, which may wait for its session's next call afterwards.
    Held(Box<StreamGuest>, Option<Leave>),
    /// Without one, for want of a place: each call makes one and takes it there.
    Replayed(Box<Replay>),
}

/// What takes a fresh instance to where the stream is.
pub(crate) struct Replay {
    params: String,
    context: Context,
    text: String,
    /// In so many pieces, each of which had its time.
    pieces: u32,
}

impl Progress {
    /// Opens the stream, unless the policy has none. It gets its place now, not when the call was queued.
    pub(crate) fn begin(
        plugin: &Arc<Plugin>,
        limits: &Limits,
        (warm, session): (&Warm, Option<&Arc<str>>),
        params: String,
        context: Context,
    ) -> Result<Option<Self>, CallError> {
        let owner = Owner::of(plugin, session, &params);
        if let Some((mut guest, leave)) = owner.as_ref().and_then(|owner| warm.take(plugin, owner)) {
            guest.again(limits);
            match guest.open_stream(plugin, limits, &context) {
                Ok(guest) => return Ok(guest.map(|guest| Self::Held(Box::new(guest), Some(leave)))),
                Err(error) => {
                    tracing::warn!(%error, "an instance that waited for its session failed; a fresh one is asked");
                }
            }
        }
        let permit = warm.permit(plugin);
        let is_held = permit.is_some();
        let guest = ConstraintGuest::create_with(plugin, limits, &params, permit)?;
        let Some(guest) = guest.open_stream(plugin, limits, &context)? else { return Ok(None) };
        Ok(Some(if is_held {
            Self::Held(Box::new(guest), owner.map(Leave::first))
        } else {
            Self::Replayed(Box::new(Replay { params, context, text: String::new(), pieces: 0 }))
        }))
    }

    /// Bytes judged so far.
    fn len(&self) -> usize {
        match self {
            Self::Held(guest, _) => guest.len(),
            Self::Replayed(replay) => replay.text.len(),
        }
    }

    fn push(self, plugin: &Plugin, limits: &Limits, delta: &str) -> Result<(Vec<PolicyViolation>, Self), CallError> {
        match self {
            Self::Held(mut guest, leave) => Ok((guest.push(plugin, limits, delta)?, Self::Held(guest, leave))),
            Self::Replayed(mut replay) => {
                let found = replay.guest(plugin, limits)?.push(plugin, limits, delta)?;
                replay.text.push_str(delta);
                replay.pieces = replay.pieces.saturating_add(1);
                Ok((found, Self::Replayed(replay)))
            }
        }
    }

    fn finish(self, plugin: &Arc<Plugin>, limits: &Limits, warm: &Warm) -> Result<Vec<PolicyViolation>, CallError> {
        match self {
            Self::Held(mut guest, leave) => {
                let found = guest.finish(plugin, limits)?;
                if let Some(leave) = leave {
                    keep(*guest, leave, plugin, limits, warm);
                }
                Ok(found)
            }
            Self::Replayed(replay) => replay.guest(plugin, limits)?.finish(plugin, limits),
        }
    }
}

/// Lets the instance of a stream that is over wait. The judgement is there: one that fails now is not kept, and that
/// is all.
fn keep(guest: StreamGuest, leave: Leave, plugin: &Arc<Plugin>, limits: &Limits, warm: &Warm) {
    match guest.into_policy(plugin, limits) {
        Ok(guest) => warm.put(plugin, limits, guest, leave),
        Err(error) => tracing::warn!(%error, "an instance is not kept for its session"),
    }
}

impl Replay {
    fn guest(&self, plugin: &Plugin, limits: &Limits) -> Result<StreamGuest, CallError> {
        let guest = ConstraintGuest::create(plugin, limits, &self.params)?;
        let mut guest = guest.open_stream(plugin, limits, &self.context)?.ok_or_else(|| CallError::Internal {
            plugin: plugin.manifest.name.clone(),
            export: "open-stream",
            message: "the policy opened a stream once and not again".into(),
        })?;
        if !self.text.is_empty() {
            guest.replay(plugin, limits, limits.check.max(limits.push.saturating_mul(self.pieces)), &self.text)?;
        }
        Ok(guest)
    }
}

impl PolicyStream {
    pub(crate) fn new(
        host: Arc<Inner>,
        limits: Limits,
        (plugin, admission): (Arc<Plugin>, Admission),
        progress: Progress,
    ) -> Self {
        Self { host, limits, plugin, admission, progress: Some(progress) }
    }

    /// Whether it holds an instance between calls, and not only during them. A stream that is over, or
    /// whose call runs, holds none.
    #[must_use]
    pub fn holds_instance(&self) -> bool {
        matches!(self.progress, Some(Progress::Held(..)))
    }

    /// Judges the next piece. Spans count from the beginning of the stream. Cancel-unsafe: a dropped
    /// call poisons the stream, and the next call says so.
    ///
    /// # Errors
    /// The guest failed, or lies about spans: the stream is over and further calls are
    /// [`CallError::Poisoned`]. [`CallError::InputTooLarge`] and [`CallError::Busy`] leave it whole.
    pub async fn push(&mut self, delta: &str) -> Result<Vec<PolicyViolation>, CallError> {
        let progress = self.take()?;
        let got = progress.len().saturating_add(delta.len());
        if got > MAX_TEXT_BYTES {
            self.progress = Some(progress);
            let plugin = self.plugin.manifest.name.clone();
            return Err(CallError::InputTooLarge { plugin, what: "the stream", got, limit: MAX_TEXT_BYTES });
        }
        let (plugin, limits, delta) = (Arc::clone(&self.plugin), self.limits.clone(), delta.to_owned());
        // The guest travels with the call; a call that was not run gives it back.
        let parked = Arc::new(parking_lot::Mutex::new(None));
        let back = Arc::clone(&parked);
        *parked.lock() = Some(progress);
        let result = self
            .host
            .call(&self.plugin, "push", (self.admission, Proof::Later), move || {
                let Some(progress) = back.lock().take() else {
                    return Err(CallError::Poisoned { plugin: plugin.manifest.name.clone() });
                };
                progress.push(&plugin, &limits, &delta)
            })
            .await;
        match result {
            Ok((found, progress)) => {
                self.progress = Some(progress);
                Ok(found)
            }
            Err(error) => {
                self.progress = parked.lock().take();
                Err(error)
            }
        }
    }

    /// Ends the reply.
    ///
    /// # Errors
    /// As for [`PolicyStream::push`].
    pub async fn finish(mut self) -> Result<Vec<PolicyViolation>, CallError> {
        let progress = self.take()?;
        let (plugin, limits, warm) = (Arc::clone(&self.plugin), self.limits.clone(), Arc::clone(&self.host.warm));
        let finish = move || progress.finish(&plugin, &limits, &warm);
        self.host.call(&self.plugin, "finish", (self.admission, Proof::Whole), finish).await
    }

    fn take(&mut self) -> Result<Progress, CallError> {
        self.progress.take().ok_or_else(|| CallError::Poisoned { plugin: self.plugin.manifest.name.clone() })
    }
}

impl Drop for PolicyStream {
    /// A reply that was given up in good order: what was judged of it counts, and the instance may wait for the
    /// session's next one. A reply whose end was judged as a whole ends so.
    fn drop(&mut self) {
        let Some(progress) = self.progress.take() else { return };
        let outcome = if progress.len() > 0 { Outcome::Good } else { Outcome::Unknown };
        self.plugin.breaker.lock().record(clock::breaker(), self.admission, outcome);
        if let Progress::Held(guest, Some(leave)) = progress {
            let (plugin, limits, warm) = (Arc::clone(&self.plugin), self.limits.clone(), Arc::clone(&self.host.warm));
            // Giving the stream back runs the guest.
            self.host.afterwards(&self.plugin, move || keep(*guest, leave, &plugin, &limits, &warm));
        }
    }
}

impl fmt::Debug for PolicyStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PolicyStream")
            .field("plugin", &self.plugin.manifest.name)
            .field("open", &self.progress.is_some())
            .finish_non_exhaustive()
    }
}

//! When a session's waiting messages are delivered.

use std::future::{self, Future};
use std::pin::Pin;
use std::time::Duration;

use tokio::time::{Sleep, sleep};

use super::{WINDOW, Window};
use crate::store::StoreError;

/// How long messages are gathered while a client is there.
const GATHER: Duration = Duration::from_millis(300);

type Assembling = Pin<Box<dyn Future<Output = Result<Window, StoreError>> + Send>>;

/// The delivery of one session. At most one window is under way, from the reading of the inbox to the
/// commit that empties it; otherwise a message could be taken twice.
#[derive(Default)]
pub(crate) struct Courier {
    phase: Phase,
    /// Messages came while a window was under way.
    again: bool,
}

#[derive(Default)]
enum Phase {
    #[default]
    Idle,
    Gathering {
        until: Pin<Box<Sleep>>,
        count: usize,
    },
    Due,
    Assembling(Assembling),
    Committing,
}

impl Courier {
    /// A client attached: what waits is due at once.
    pub(crate) fn attached(&mut self) {
        match self.phase {
            Phase::Idle | Phase::Gathering { .. } => self.phase = Phase::Due,
            Phase::Due => {}
            Phase::Assembling(_) | Phase::Committing => self.again = true,
        }
    }

    /// A message was posted while a client is attached.
    pub(crate) fn posted(&mut self, urgent: bool) {
        match &mut self.phase {
            Phase::Idle if urgent => self.phase = Phase::Due,
            Phase::Idle => self.phase = Phase::Gathering { until: Box::pin(sleep(GATHER)), count: 1 },
            Phase::Gathering { count, .. } => {
                *count = count.saturating_add(1);
                if urgent || *count >= WINDOW {
                    self.phase = Phase::Due;
                }
            }
            Phase::Due => {}
            Phase::Assembling(_) | Phase::Committing => self.again = true,
        }
    }

    /// The client is gone. A window whose commit is under way is still delivered.
    pub(crate) fn detached(&mut self) {
        if !matches!(self.phase, Phase::Committing) {
            self.phase = Phase::Idle;
        }
        self.again = false;
    }

    /// Whether nothing is under way or gathered.
    pub(crate) fn is_idle(&self) -> bool {
        matches!(self.phase, Phase::Idle)
    }

    /// Waits for the next window, which `assemble` makes. Cancel-safe.
    pub(crate) async fn next(&mut self, assemble: impl FnOnce() -> Assembling) -> Result<Window, StoreError> {
        if let Phase::Gathering { until, .. } = &mut self.phase {
            until.as_mut().await;
            self.phase = Phase::Due;
        }
        if matches!(self.phase, Phase::Due) {
            self.phase = Phase::Assembling(assemble());
        }
        match &mut self.phase {
            Phase::Assembling(assembling) => {
                let outcome = assembling.await;
                self.phase = Phase::Committing;
                self.again |= outcome.as_ref().is_ok_and(|window| window.more);
                outcome
            }
            _ => future::pending().await,
        }
    }

    /// Nothing of a window waits for its commit any more.
    pub(crate) fn settled(&mut self) {
        if matches!(self.phase, Phase::Committing) {
            self.phase = if std::mem::take(&mut self.again) { Phase::Due } else { Phase::Idle };
        }
    }
}

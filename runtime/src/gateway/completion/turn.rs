//! A turn that is being answered for a request.

use std::panic::AssertUnwindSafe;
use std::pin::Pin;
use std::task::{Context, Poll};

use futures_util::FutureExt;
use tokio::runtime::Handle;
use tokio::sync::{OwnedSemaphorePermit, mpsc};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::session::turn::{TurnEvent, TurnRequest};
use crate::shutdown::Shutdown;

/// Events of one reply that may wait for the client to read; its turn waits when they are that many.
const EVENTS: usize = 32;

/// A turn and what it tells. It runs within the task that reads it until [`detach`](Self::detach)ed: every
/// change of task costs the first character some microseconds, and most of all where it wakes a processor.
/// From then on, or once it is dropped, it runs in a task of its own, so that it keeps its time when nobody
/// reads it, and its account when its reader has gone.
pub(super) struct Turn {
    events: mpsc::Receiver<TurnEvent>,
    running: Option<Pin<Box<dyn Future<Output = ()> + Send>>>,
    shutdown: Shutdown,
}

impl Turn {
    /// A turn that holds its place until it is over.
    pub(super) fn new(app: &App, request: TurnRequest, place: OwnedSemaphorePermit, cancel: CancellationToken) -> Self {
        let (sender, events) = mpsc::channel(EVENTS);
        let turns = app.turns.clone();
        let last_moment = last_moment(app);
        let running = async move {
            let mut answering = std::pin::pin!(turns.run(request, sender, cancel.clone()));
            tokio::select! {
                () = answering.as_mut() => {}
                () = last_moment => {
                    cancel.cancel();
                    answering.await;
                }
            }
            drop(place);
        };
        // A panic ends the turn without an end, wherever it runs, and not the connection that reads it.
        let running = AssertUnwindSafe(running).catch_unwind().map(drop);
        Self { events, running: Some(Box::pin(running)), shutdown: app.shutdown.clone() }
    }

    /// What happens next; `None` when the turn is over.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<TurnEvent>> {
        if let Some(running) = &mut self.running
            && running.as_mut().poll(cx).is_ready()
        {
            self.running = None;
        }
        self.events.poll_recv(cx)
    }

    /// Lets it run by itself.
    pub(super) fn detach(&mut self) {
        if let Some(running) = self.running.take() {
            self.shutdown.spawn(running);
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        // Without a runtime the process is ending, and the turn with it.
        if Handle::try_current().is_ok() {
            self.detach();
        }
    }
}

impl std::fmt::Debug for Turn {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("detached", &self.running.is_none()).finish_non_exhaustive()
    }
}

/// When a reply must end because the process does: it may take most of the shutdown's patience, and
/// the rest is for telling the caller.
fn last_moment(app: &App) -> impl Future<Output = ()> + Send + use<> {
    let stop = app.shutdown.signal();
    let grace = app.config.shutdown_patience * 3 / 4;
    async move {
        stop.cancelled().await;
        tokio::time::sleep(grace).await;
    }
}

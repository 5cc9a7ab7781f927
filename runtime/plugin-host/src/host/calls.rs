//! The way of a call: past the breaker, through the plugin's queue, to a worker and back.

use std::sync::Arc;

use arc_swap::ArcSwap;
use parking_lot::Mutex;
use tokio::sync::oneshot;

use super::{Observer, PluginHost};
use crate::breaker::{Admission, Outcome};
use crate::folder::Folder;
use crate::load::Loader;
use crate::plugin::{Plugin, Set};
use crate::ticker::Ticker;
use crate::warm::Warm;
use crate::workers::{Turn, Workers};
use crate::{CallError, Limits, World, clock};

/// What all clones of a host share.
pub(crate) struct Inner {
    /// In force now.
    pub(super) live: ArcSwap<Set>,
    pub(super) locked: bool,
    pub(super) folder: Mutex<Folder>,
    pub(super) loader: Loader,
    pub(super) ticker: Ticker,
    pub(super) workers: Workers,
    pub(crate) warm: Arc<Warm>,
    pub(crate) limits: Limits,
    pub(super) observer: Arc<dyn Observer>,
}

/// What the good end of a call says of its plugin. A bad one always counts.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Proof {
    /// The plugin is well.
    Whole,
    /// What follows tells: a stream is judged when it ends.
    Later,
    /// Nothing: a policy that can be made may still fail at its work.
    Nothing,
}

impl PluginHost {
    /// Finds the plugin, asks its breaker, and says what the call may use.
    pub(super) fn enter(
        &self,
        plugins: &Set,
        name: &str,
        export: &'static str,
        world: Option<World>,
    ) -> Result<(Arc<Plugin>, Admission, Limits), CallError> {
        let mut limits = self.inner.limits.clone();
        limits.trial |= self.trial;
        let entered = admit(plugins, limits.trial, name, world);
        if let Err(error) = &entered {
            self.inner.observer.call(name, export, 0.0, Some(error.reason()));
        }
        entered.map(|(plugin, admission)| (plugin, admission, limits))
    }
}

impl Inner {
    pub(super) fn fits(
        &self,
        name: &str,
        export: &'static str,
        what: &'static str,
        got: usize,
        limit: usize,
    ) -> Result<(), CallError> {
        if got <= limit {
            return Ok(());
        }
        let error = CallError::InputTooLarge { plugin: name.to_owned(), what, got, limit };
        self.observer.call(name, export, 0.0, Some(error.reason()));
        Err(error)
    }

    /// Runs on a worker what nobody waits for. What there is no room for is not run.
    pub(crate) fn afterwards(&self, plugin: &Plugin, run: impl FnOnce() + Send + 'static) {
        let job = move |turn| {
            if turn != Turn::TooLate {
                run();
            }
        };
        let _no_room = self.workers.submit(plugin.seat.id(), Box::new(job));
    }

    /// Runs a call on a worker. A call that nobody waits for any more is not begun; one that was
    /// begun is counted to its end.
    pub(crate) async fn call<T: Send + 'static>(
        &self,
        plugin: &Arc<Plugin>,
        export: &'static str,
        (admission, proof): (Admission, Proof),
        run: impl FnOnce() -> Result<T, CallError> + Send + 'static,
    ) -> Result<T, CallError> {
        let (answer, answered) = oneshot::channel();
        let (judged, observer, asked) = (Arc::clone(plugin), Arc::clone(&self.observer), clock::breaker());
        let wait = self.limits.wait;
        let job = move |turn| {
            if answer.is_closed() {
                judged.breaker.lock().record(asked, admission, Outcome::Unknown);
                return;
            }
            if turn == Turn::TooLate {
                judged.breaker.lock().record(asked, admission, Outcome::Unknown);
                let waiting = usize::try_from(wait.as_millis()).unwrap_or(usize::MAX);
                let error = busy(&judged, waiting, "ms were spent waiting for a worker");
                observer.call(&judged.manifest.name, export, 0.0, Some(error.reason()));
                drop(answer.send(Err(error)));
                return;
            }
            let began = clock::now();
            let result = run();
            let seconds = began.elapsed().as_secs_f64();
            if let Some(outcome) = proof.outcome(&result) {
                judged.breaker.lock().record(asked, admission, outcome);
            }
            let failure = result.as_ref().err().map(CallError::reason);
            observer.call(&judged.manifest.name, export, seconds, failure);
            // The asker may have gone meanwhile; what it asked for goes with it.
            drop(answer.send(result));
        };
        if let Err(full) = self.workers.submit(plugin.seat.id(), Box::new(job)) {
            plugin.breaker.lock().record(asked, admission, Outcome::Unknown);
            let error = busy(plugin, full.0, "calls wait");
            self.observer.call(&plugin.manifest.name, export, 0.0, Some(error.reason()));
            return Err(error);
        }
        answered.await.unwrap_or_else(|_| Err(CallError::Aborted { plugin: plugin.manifest.name.clone() }))
    }
}

fn admit(plugins: &Set, trial: bool, name: &str, world: Option<World>) -> Result<(Arc<Plugin>, Admission), CallError> {
    let plugin = plugins.get(name).ok_or_else(|| CallError::Missing(name.to_owned()))?;
    match world {
        Some(World::ConstraintPolicy) => plugin.constraint().map(drop)?,
        Some(World::DeliveryPolicy) => plugin.delivery().map(drop)?,
        None => {}
    }
    if trial {
        return Ok((Arc::clone(plugin), Admission::Untold));
    }
    let admission = plugin
        .breaker
        .lock()
        .admit(clock::breaker())
        .map_err(|retry_in| CallError::BreakerOpen { plugin: name.to_owned(), retry_in })?;
    Ok((Arc::clone(plugin), admission))
}

fn busy(plugin: &Plugin, waiting: usize, what: &'static str) -> CallError {
    CallError::Busy { plugin: plugin.manifest.name.clone(), waiting, what }
}

impl Proof {
    /// What the breaker hears; `None` if it hears of it later.
    fn outcome<T>(self, result: &Result<T, CallError>) -> Option<Outcome> {
        match (result, self) {
            (Err(error), _) if error.is_plugin_fault() => Some(Outcome::Failed),
            (Ok(_), Self::Whole) => Some(Outcome::Good),
            (Ok(_), Self::Later) => None,
            (Ok(_), Self::Nothing) | (Err(_), _) => Some(Outcome::Unknown),
        }
    }
}

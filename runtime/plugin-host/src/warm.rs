//! Instances that wait for the next call of their session: for policies that wish it and may
//! ([`crate::Isolation::Session`]), and whose instances are dear to make.
//!
//! One waits for each session, policy and parameters; it holds a place like a stream, and never serves
//! another session. A call that finds none makes one, so that nothing depends on what waits here.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::guest::ConstraintGuest;
use crate::plugin::{Plugin, Set};
use crate::{CallError, Isolation, Limits, clock};

/// Instances that wait.
const MOST: usize = 256;
/// How long one waits at most: it is dropped when another comes to wait.
const IDLE: Duration = Duration::from_mins(10);
/// Calls that one serves: what a guest forgets to free is freed then.
const CALLS: u32 = 1_000;

/// Which calls an instance may serve.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    pub(crate) session: Arc<str>,
    pub(crate) params: String,
}

/// What waits. Plugins are told apart by where they are, which nothing else is while they are held.
#[derive(Default)]
pub(crate) struct Warm(Mutex<BTreeMap<(usize, Owner), Waiting>>);

struct Waiting {
    plugin: Arc<Plugin>,
    guest: ConstraintGuest,
    calls: u32,
    since: Instant,
}

/// Leave to wait after a call: so many it has served.
#[derive(Debug, Clone)]
pub(crate) struct Leave {
    owner: Owner,
    calls: u32,
}

impl Warm {
    /// An instance that waits for this owner, if there is one.
    pub(crate) fn take(&self, plugin: &Arc<Plugin>, owner: &Owner) -> Option<(ConstraintGuest, Leave)> {
        let waiting = self.0.lock().remove(&(place(plugin), owner.clone()))?;
        Some((waiting.guest, Leave { owner: owner.clone(), calls: waiting.calls + 1 }))
    }

    /// Lets an instance wait that has served a call well. It goes if it has served enough of them, if
    /// another waits already, or if there is no place for it.
    pub(crate) fn put(&self, plugin: &Arc<Plugin>, mut guest: ConstraintGuest, leave: Leave) {
        if leave.calls >= CALLS || !guest.hold(|| plugin.permit()) {
            return;
        }
        let now = clock::now();
        let waiting = Waiting { plugin: Arc::clone(plugin), guest, calls: leave.calls, since: now };
        let mut all = self.0.lock();
        let mut gone: Vec<_> =
            all.extract_if(.., |_, waiting| now.duration_since(waiting.since) > IDLE).map(|(_, gone)| gone).collect();
        if all.len() >= MOST {
            let oldest = all.iter().min_by_key(|(_, waiting)| waiting.since).map(|(key, _)| key.clone());
            gone.extend(oldest.and_then(|key| all.remove(&key)));
        }
        gone.extend(all.insert((place(plugin), leave.owner), waiting));
        drop(all);
        // What frees memory is not done under the lock.
        drop(gone);
    }

    /// Calls a policy on the instance that waits for the session, or on a fresh one, and lets it wait
    /// afterwards where it may.
    pub(crate) fn check<T>(
        &self,
        plugin: &Arc<Plugin>,
        limits: &Limits,
        (session, params): (Option<Arc<str>>, String),
        judge: impl FnOnce(&mut ConstraintGuest) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let owner = Owner::of(plugin, session.as_ref(), &params);
        let waiting = owner.as_ref().and_then(|owner| self.take(plugin, owner));
        let (mut guest, leave) = match waiting {
            Some((mut guest, leave)) => {
                guest.again(limits);
                (guest, Some(leave))
            }
            None => (ConstraintGuest::create(plugin, limits, &params)?, owner.map(Leave::first)),
        };
        let judged = judge(&mut guest)?;
        if let Some(leave) = leave {
            self.put(plugin, guest, leave);
        }
        Ok(judged)
    }

    /// Makes room: nothing waits any more.
    pub(crate) fn clear(&self) {
        let gone = std::mem::take(&mut *self.0.lock());
        drop(gone);
    }

    /// Drops what waits for plugins that are no longer in force.
    pub(crate) fn keep(&self, plugins: &Set) {
        let in_force = |plugin: &Arc<Plugin>| plugins.values().any(|other| Arc::ptr_eq(plugin, other));
        let gone: Vec<_> = self.0.lock().extract_if(.., |_, waiting| !in_force(&waiting.plugin)).collect();
        drop(gone);
    }
}

impl Owner {
    /// Of a session's call; `None` where instances serve one call only.
    pub(crate) fn of(plugin: &Plugin, session: Option<&Arc<str>>, params: &str) -> Option<Self> {
        let session = session.filter(|_| plugin.isolation() == Isolation::Session)?;
        Some(Self { session: Arc::clone(session), params: params.to_owned() })
    }
}

impl Leave {
    /// Of an instance that serves its first call.
    pub(crate) fn first(owner: Owner) -> Self {
        Self { owner, calls: 1 }
    }
}

fn place(plugin: &Arc<Plugin>) -> usize {
    Arc::as_ptr(plugin).addr()
}

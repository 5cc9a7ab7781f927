//! Instances that wait for the next call of their session: for policies that wish it and may
//! ([`crate::Isolation::Session`]), and whose instances are dear to make.
//!
//! One waits for each session, policy and parameters; it holds a place like a stream, and never serves
//! another session. Together they hold a part of what streams may hold, and a call that finds none makes one,
//! so that nothing depends on what waits here. What has grown, served often or waited long goes.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

use crate::guest::ConstraintGuest;
use crate::instances::InstancePermit;
use crate::plugin::Plugin;
use crate::{CallError, Isolation, Limits, clock};

/// Instances that wait.
const MOST: usize = 256;
/// How long one waits at most.
const IDLE: Duration = Duration::from_mins(10);
/// Calls that one serves: what a guest forgets to free is freed then.
const CALLS: u32 = 100;
/// The part of the memory of all streams that those who wait may hold together: one of so many.
const SHARE: usize = 4;

/// Which calls an instance may serve.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Owner {
    session: Arc<str>,
    params: String,
}

/// What waits. Plugins are told apart by where they are, which nothing else is while they are held.
#[derive(Default)]
pub(crate) struct Warm(Mutex<Waiting>);

type Key = (usize, Owner);
type Waiting = BTreeMap<Key, Instance>;

struct Instance {
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

    /// Lets an instance wait that has served a call well. It goes if it has served enough of them, if it has
    /// grown to more than half of what it may, if its plugin may not let it wait any more, or if there is no
    /// room beside those of other plugins.
    pub(crate) fn put(&self, plugin: &Arc<Plugin>, limits: &Limits, mut guest: ConstraintGuest, leave: Leave) {
        let bytes = guest.memory();
        if leave.calls >= CALLS || bytes > limits.memory_bytes / 2 {
            return;
        }
        let now = clock::now();
        let mut gone = Vec::new();
        let mut all = self.0.lock();
        // Asked under the lock: whoever takes the leave away sets it first, and clears up afterwards.
        if !plugin.lets_wait() {
            return;
        }
        gone.extend(expired(&mut all, now));
        let room = limits.stream_bytes / SHARE;
        while all.len() >= MOST || all.values().map(|other| other.guest.memory()).sum::<usize>() + bytes > room {
            let Some(oldest) = oldest(&mut all, |_| true) else { return };
            gone.push(oldest);
        }
        while !guest.hold(|| plugin.permit()) {
            let Some(oldest) = oldest(&mut all, |other| Arc::ptr_eq(other, plugin)) else { return };
            drop(oldest);
        }
        let waiting = Instance { plugin: Arc::clone(plugin), guest, calls: leave.calls, since: now };
        gone.extend(all.insert((place(plugin), leave.owner), waiting));
        drop(all);
        // What frees memory is not done under the lock.
        drop(gone);
    }

    /// Calls a policy on the instance that waits for the session, or on a fresh one, and lets it wait
    /// afterwards where it may. One that waited and fails is not the last word: what it forgot to free, or has
    /// broken, is no fault of this call.
    pub(crate) fn check<T>(
        &self,
        plugin: &Arc<Plugin>,
        limits: &Limits,
        (session, params): (Option<Arc<str>>, String),
        judge: impl Fn(&mut ConstraintGuest) -> Result<T, CallError>,
    ) -> Result<T, CallError> {
        let owner = Owner::of(plugin, session.as_ref(), &params);
        let waiting = owner.as_ref().and_then(|owner| self.take(plugin, owner));
        if let Some((mut guest, leave)) = waiting {
            // For a call nothing is counted, so that it cannot fail for what others hold.
            guest.release();
            guest.again(limits);
            match judge(&mut guest) {
                Ok(judged) => {
                    self.put(plugin, limits, guest, leave);
                    return Ok(judged);
                }
                Err(error) if error.is_plugin_fault() => {
                    tracing::warn!(%error, "an instance that waited for its session failed; a fresh one is asked");
                }
                Err(error) => return Err(error),
            }
        }
        let mut guest = ConstraintGuest::create(plugin, limits, &params)?;
        let judged = judge(&mut guest)?;
        if let Some(owner) = owner {
            self.put(plugin, limits, guest, Leave::first(owner));
        }
        Ok(judged)
    }

    /// A place for one who speaks now, at the cost of those of the same plugin who may speak again: the others
    /// leave it no more room by going.
    pub(crate) fn permit(&self, plugin: &Arc<Plugin>) -> Option<InstancePermit> {
        loop {
            if let Some(permit) = plugin.permit() {
                return Some(permit);
            }
            let oldest = oldest(&mut self.0.lock(), |other| Arc::ptr_eq(other, plugin));
            drop(oldest?);
        }
    }

    /// Drops what has waited too long, and what may not wait any more.
    pub(crate) fn clear_up(&self) {
        let now = clock::now();
        let mut all = self.0.lock();
        let mut gone: Vec<Instance> = expired(&mut all, now).collect();
        gone.extend(all.extract_if(.., |_, waiting| !waiting.plugin.lets_wait()).map(|(_, gone)| gone));
        drop(all);
        drop(gone);
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.0.lock().len()
    }
}

fn expired(all: &mut Waiting, now: Instant) -> impl Iterator<Item = Instance> + '_ {
    all.extract_if(.., move |_, waiting| now.saturating_duration_since(waiting.since) > IDLE).map(|(_, gone)| gone)
}

fn oldest(all: &mut Waiting, of: impl Fn(&Arc<Plugin>) -> bool) -> Option<Instance> {
    let ours = all.iter().filter(|(_, waiting)| of(&waiting.plugin));
    let key = ours.min_by_key(|(_, waiting)| waiting.since).map(|(key, _)| key.clone())?;
    all.remove(&key)
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

//! Sessions that are given back behind the backs of connections that are gone.
//!
//! A network that fails ends all its connections at once. So one task gives back what they held, a few sessions at a time,
//! however many they are.

use std::collections::VecDeque;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;

use super::registry::Deps;
use crate::ids::SessionId;
use crate::store::Fence;

/// Sessions given back at once; others wait.
const AT_ONCE: usize = 64;
/// How many may wait. What is more stays claimed until another process asks for it, or this one needs it again.
const WAITING: usize = 100_000;

/// The sessions that wait to be given back.
#[derive(Debug, Default)]
pub(super) struct Releases(Mutex<Waiting>);

#[derive(Debug, Default)]
struct Waiting {
    claims: VecDeque<(SessionId, Fence)>,
    /// A task sees to them.
    under_way: bool,
}

impl Releases {
    /// Says whether a task must begin to see to them.
    fn add(&self, id: &SessionId, fence: Fence) -> bool {
        let mut waiting = self.0.lock();
        if waiting.claims.len() >= WAITING {
            tracing::debug!(session = %id, "a session stays claimed: too many are being given back");
            return false;
        }
        waiting.claims.push_back((id.clone(), fence));
        !std::mem::replace(&mut waiting.under_way, true)
    }

    fn next(&self) -> Option<(SessionId, Fence)> {
        self.0.lock().claims.pop_front()
    }

    /// Whether none is left. Then the task is over.
    fn are_over(&self) -> bool {
        let mut waiting = self.0.lock();
        let over = waiting.claims.is_empty();
        if over {
            // What a peak took is not kept.
            *waiting = Waiting::default();
        }
        over
    }
}

impl Deps {
    /// Gives a session back soon, in nobody's time.
    pub(super) fn release_soon(self: &Arc<Self>, id: &SessionId, fence: Fence) {
        if !self.releases.add(id, fence) {
            return;
        }
        let deps = Arc::clone(self);
        self.shutdown.spawn(async move {
            let deps = &*deps;
            // The next ones begin when these have all ended: a store that does not answer never has more of them at once.
            while !deps.releases.are_over() {
                let claims = stream::iter(std::iter::from_fn(|| deps.releases.next()));
                claims.for_each_concurrent(AT_ONCE, |(id, fence)| async move { deps.release(&id, fence).await }).await;
            }
        });
    }
}

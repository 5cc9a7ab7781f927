//! What a process looks at because it may have missed something that it was told.

use std::collections::HashSet;
use std::mem;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use parking_lot::Mutex;
use rolecall_wire::close;
use tokio::sync::Notify;

use super::event::Command;
use super::places::Found;
use super::registry::Deps;
use crate::clock;
use crate::ids::SessionId;
use crate::store::StoreError;

/// Sessions looked at at once.
const AT_ONCE: usize = 64;
/// Sessions that could not be looked at and are remembered one by one; where there are more, all are looked at.
const AGAIN: usize = 1_024;

/// What is to be looked at.
#[derive(Debug, Default)]
pub(super) struct Looks {
    wanted: Mutex<Wanted>,
    due: Notify,
}

#[derive(Debug, Default)]
struct Wanted {
    now: Which,
    /// When the store is known to answer.
    later: Which,
}

#[derive(Debug)]
enum Which {
    These(HashSet<SessionId>),
    All,
}

impl Default for Which {
    fn default() -> Self {
        Self::These(HashSet::new())
    }
}

impl Which {
    fn are_none(&self) -> bool {
        matches!(self, Self::These(ids) if ids.is_empty())
    }

    fn add(&mut self, other: Self) {
        match (&mut *self, other) {
            (Self::These(ids), Self::These(others)) if ids.len().saturating_add(others.len()) <= AGAIN => {
                ids.extend(others);
            }
            _ => *self = Self::All,
        }
    }
}

impl Looks {
    /// Every session must be looked at. A look that is under way does not count: it may have passed what is meant.
    pub(super) fn all(&self) {
        self.wanted.lock().now = Which::All;
        self.due.notify_one();
    }

    /// A session could not be looked at.
    pub(super) fn again(&self, id: &SessionId) {
        self.wanted.lock().later.add(Which::These(HashSet::from([id.clone()])));
    }

    /// The store answers: what could not be looked at is looked at now.
    pub(super) fn store_answers(&self) {
        let mut wanted = self.wanted.lock();
        let later = mem::take(&mut wanted.later);
        if !later.are_none() {
            wanted.now.add(later);
            self.due.notify_one();
        }
    }

    fn take(&self) -> Which {
        mem::take(&mut self.wanted.lock().now)
    }
}

impl Deps {
    /// Looks at what must be looked at, one look after the other.
    pub(super) async fn keep_looking(self: &Arc<Self>) {
        let looks = &self.standing.looks;
        loop {
            looks.due.notified().await;
            let ids: Vec<SessionId> = match looks.take() {
                Which::These(ids) => ids.into_iter().collect(),
                Which::All => self.places.lock().ids(),
            };
            tracing::info!(sessions = ids.len(), "looking which sessions are this server's still");
            stream::iter(ids).for_each_concurrent(AT_ONCE, |id| async move { self.look_at(&id).await }).await;
        }
    }

    /// Looks whether a session is this process's still, and whether messages wait for it. Where the store does not say,
    /// it is looked at again.
    pub(super) async fn look_at(self: &Arc<Self>, id: &SessionId) {
        if let Err(error) = self.try_look(id).await {
            tracing::debug!(session = %id, %error, "a session cannot be looked at now");
            self.look_again(id, &error);
        }
    }

    /// Remembers a session that the store did not let be looked at. What is damaged does not get better.
    pub(super) fn look_again(&self, id: &SessionId, error: &StoreError) {
        if self.store.nodes().is_some() && matches!(error, StoreError::Redis(_)) {
            self.standing.looks.again(id);
        }
    }

    async fn try_look(self: &Arc<Self>, id: &SessionId) -> Result<(), StoreError> {
        loop {
            let found = self.places.lock().find(id);
            match found {
                Found::Awake(mailbox) => {
                    // Otherwise it fell asleep, or ended, just then.
                    if mailbox.send(Command::Look).await.is_ok() {
                        return Ok(());
                    }
                }
                Found::Asleep(_) => {
                    let Some(row) = self.store.session(id).await? else {
                        self.is_gone(id).await;
                        return Ok(());
                    };
                    let lost = self.places.lock().take_asleep(id, |_, asleep| !asleep.is_of(&row));
                    if let Some(asleep) = lost {
                        asleep.let_go(&self.metrics, close::HANDOVER, "another server has the session now");
                    } else if !self.store.inbox(id, clock::unix_ms(), 1).await?.is_empty() {
                        self.hand_over(id, Command::Posted(false)).await;
                    }
                    return Ok(());
                }
                Found::Nowhere => return Ok(()),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    // Fails when what is to be looked at is forgotten, grows without bound, or is looked at before the store answers; or when
    // many wishes to look at everything become as many looks.
    #[test]
    fn looks_are_remembered_within_bounds() {
        let looks = Looks::default();
        let is_due = || looks.due.notified().now_or_never().is_some();
        looks.store_answers();
        assert!(!is_due(), "there is nothing to look at");
        let id = SessionId::random().unwrap();
        looks.again(&id);
        looks.again(&id);
        assert!(!is_due() && looks.take().are_none());
        looks.store_answers();
        assert!(is_due() && matches!(looks.take(), Which::These(ids) if ids.iter().eq([&id])));
        for _ in 0..=AGAIN {
            looks.again(&SessionId::random().unwrap());
        }
        looks.store_answers();
        assert!(is_due() && matches!(looks.take(), Which::All));
        looks.all();
        looks.all();
        assert!(is_due() && !is_due());
        assert!(matches!(looks.take(), Which::All));
        // Asked for while one is under way: another one follows.
        looks.all();
        assert!(is_due());
        looks.store_answers();
        assert!(matches!(looks.take(), Which::All));
    }
}

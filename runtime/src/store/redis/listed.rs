//! What this process has on the list of unfinished replies.
//!
//! In a cluster the list's part and the session may be on two servers. Where a server takes over that has not got the
//! listing (its copy was behind, and no more was asked for), the session's mark stays and nobody finds it. So the owner of
//! a session remembers in which line of copies it was listed, looks at each renewal of its lease whether the part is in
//! another one by now, and lists it again. What is left: an owner that dies before it looks, too.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Semaphore;

use super::keys::Keys;
use super::route::Servers;
use super::{Fence, RedisStore, running};
use crate::ids::SessionId;
use crate::store::StoreError;

/// Sessions that are remembered. Further ones are not listed again; that many replies are not made at once.
const MOST: usize = 100_000;
/// Sessions that are struck off at once. Beyond it they stay on the list, where whoever looks next finds them.
const STRIKES: usize = 1_024;

/// What is listed, and who may change the list behind an answer.
pub(super) struct Listed {
    sessions: Mutex<HashMap<SessionId, Listing>>,
    strikes: Arc<Semaphore>,
    /// One goes through the list at a time.
    turn: Arc<Semaphore>,
}

#[derive(Clone)]
struct Listing {
    /// The claim of the owner.
    fence: Option<Fence>,
    /// The mark; `None` where another process has listed the session, and its state has the mark.
    mark: Option<String>,
    /// The line of copies that the part was in; empty where that is not known.
    line: String,
}

impl Listing {
    /// Whether they say the same of one reply, wherever it is listed.
    fn is_of(&self, other: &Self) -> bool {
        self.fence == other.fence && self.mark == other.mark
    }
}

impl Default for Listed {
    fn default() -> Self {
        let (strikes, turn) = (Arc::new(Semaphore::new(STRIKES)), Arc::new(Semaphore::new(1)));
        Self { sessions: Mutex::default(), strikes, turn }
    }
}

impl Listed {
    fn note(&self, id: &SessionId, listing: Listing) {
        let mut sessions = self.sessions.lock();
        if sessions.len() < MOST || sessions.contains_key(id) {
            sessions.insert(id.clone(), listing);
        }
    }

    /// The session has no unfinished reply any more.
    fn forget(&self, id: &SessionId) {
        self.sessions.lock().remove(id);
    }

    /// A claim is over, with what was listed under it. Its end may come behind the beginning of the next one.
    pub(super) fn leave(&self, id: &SessionId, fence: Fence) {
        let mut sessions = self.sessions.lock();
        if sessions.get(id).is_some_and(|listing| listing.fence == Some(fence)) {
            sessions.remove(id);
        }
    }

    /// A session had no unfinished reply when it was listed so. One may have begun meanwhile: that listing stays.
    fn forget_as(&self, id: &SessionId, listing: &Listing) {
        let mut sessions = self.sessions.lock();
        if sessions.get(id).is_some_and(|now| now.is_of(listing)) {
            sessions.remove(id);
        }
    }

    /// Notes that a listing is in another line now, if it is still the one that was put there.
    fn moved(&self, id: &SessionId, listing: &Listing, line: String) {
        if let Some(now) = self.sessions.lock().get_mut(id).filter(|now| now.is_of(listing)) {
            now.line = line;
        }
    }

    /// What was put into another line than its part is in now, and that one. A part whose server is away is left for later.
    fn outdated(&self, servers: &Servers, keys: &Keys) -> Vec<(SessionId, Listing, String)> {
        let sessions = self.sessions.lock();
        let now = sessions.iter().filter_map(|(id, listing)| {
            let part =
                listing.mark.as_ref().map_or_else(|| keys.running_of(id), |mark| running::listed_in(keys, id, mark));
            let line = servers.lineage(&part).ok()?.id;
            (line != listing.line).then(|| (id.clone(), listing.clone(), line))
        });
        now.collect()
    }

    /// Lists what is outdated again. What is finished meanwhile is left over then, and found by who looks. What cannot be
    /// listed now is outdated the next time, too; it keeps no other from it.
    async fn renew(&self, servers: &Servers, keys: &Keys) {
        for (id, listing, line) in self.outdated(servers, keys) {
            if let Err(error) = self.list_anew(servers, keys, &id, &listing, line).await {
                tracing::debug!(session = %id, %error, "an unfinished reply cannot be listed again now");
            }
        }
    }

    async fn list_anew(
        &self,
        servers: &Servers,
        keys: &Keys,
        id: &SessionId,
        listing: &Listing,
        line: String,
    ) -> Result<(), StoreError> {
        let mark = match &listing.mark {
            Some(mark) => Some(mark.clone()),
            None => {
                let state = keys.state(id);
                servers.ask(&state, &redis::cmd("HGET").arg(&state).arg("running").take()).await?
            }
        };
        let Some(mark) = mark else {
            self.forget_as(id, listing);
            return Ok(());
        };
        let part = running::listed_in(keys, id, &mark);
        servers.write(&part, &running::list(keys, id, &mark)).await?;
        self.moved(id, listing, line);
        Ok(())
    }
}

impl RedisStore {
    /// The mark for a step that leaves a reply unfinished. Where the step cannot list the session, that is done here.
    pub(super) async fn list(&self, id: &SessionId, fence: Option<Fence>) -> Result<String, StoreError> {
        let mark = self.marks.make(&self.servers, &self.keys, id, self.clock.now_ms());
        if !self.lists_in_step() {
            let (key, command) = (running::listed_in(&self.keys, id, &mark), running::list(&self.keys, id, &mark));
            // Asked for first: where the part is in another line by then, it is listed once more.
            let line = self.servers.lineage(&key).map(|lineage| lineage.id).unwrap_or_default();
            self.listed.note(id, Listing { fence, mark: Some(mark.clone()), line });
            // What becomes of the list alone changes nothing: this fails like a read.
            self.servers.write(&key, &command).await?;
        }
        Ok(mark)
    }

    /// Sees to the listing of a session that another process has listed, or this one before it let it go.
    pub(super) fn adopt(&self, id: &SessionId, fence: Fence) {
        if self.servers.are_many() {
            self.listed.note(id, Listing { fence: Some(fence), mark: None, line: String::new() });
        }
    }

    /// Lists again, behind the caller, what a server may have lost that another one took over from.
    pub(super) fn list_again(&self) {
        if !self.servers.are_many() {
            return;
        }
        let Ok(turn) = Arc::clone(&self.listed.turn).try_acquire_owned() else { return };
        let (listed, servers, keys) = (Arc::clone(&self.listed), Arc::clone(&self.servers), self.keys.clone());
        self.calls.spawn(async move {
            listed.renew(&servers, &keys).await;
            drop(turn);
        });
    }

    /// Strikes a session off, whose mark is gone, behind the answer: the list's part may be on a server that is away. What
    /// stays listed is found by the next who looks.
    pub(super) fn strike(&self, id: &SessionId, mark: String) {
        self.listed.forget(id);
        let Ok(place) = Arc::clone(&self.listed.strikes).try_acquire_owned() else { return };
        let (id, servers, keys) = (id.clone(), Arc::clone(&self.servers), self.keys.clone());
        self.calls.spawn(async move {
            if let Err(fault) = running::strike(&servers, &keys, &id, &mark).await {
                tracing::debug!(session = %id, %fault, "a finished reply stays on the list for now");
            }
            drop(place);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when what the store said of an idle session strikes off a reply that began behind that look: after a failover it
    // would never be listed again.
    #[test]
    fn a_reply_that_began_meanwhile_stays_listed() {
        let (listed, id) = (Listed::default(), SessionId::random().unwrap());
        let of = |fence, mark: Option<&str>| Listing {
            fence: Some(Fence::certain(fence)),
            mark: mark.map(str::to_owned),
            line: String::new(),
        };
        let looked_at = of(1, None);
        for began in [of(1, Some("mark")), of(2, None)] {
            listed.note(&id, began);
            listed.forget_as(&id, &looked_at);
            listed.moved(&id, &looked_at, "line".to_owned());
            assert_eq!(listed.sessions.lock().get(&id).map(|now| now.line.as_str()), Some(""));
        }
        listed.note(&id, looked_at.clone());
        listed.forget_as(&id, &looked_at);
        assert!(listed.sessions.lock().is_empty());
    }
}

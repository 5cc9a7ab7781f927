//! The steps of a session, as calls of scripts.

use super::answer;
use super::keys::padded;
use super::scripts::{ADVANCE, CLAIM, COMMIT, CREATE, Call, ENQUEUE, RELEASE, TOUCH};
use super::{
    Commit, DONE_KEPT_MS, DONE_LIMIT, Fence, INBOX_LIMIT, InboxItem, LOG_LIMIT, Leap, NewSession, Node, RedisStore,
    StoreError,
};
use crate::ids::{Epoch, SessionId};

impl RedisStore {
    pub(super) fn claim_call(&self, id: &SessionId, from: Option<&Node>, fence: Fence) -> Call {
        let mut call = Call::of(&CLAIM, self.keys.all(id))
            .arg(self.keys.node().to_string())
            .arg(fence.to_string())
            .arg(from.map_or_else(String::new, Node::to_string))
            .number(self.life_ms())
            .number(DONE_KEPT_MS);
        for field in answer::ROW {
            call = call.arg(field);
        }
        call
    }

    pub(super) fn commit_call(&self, id: &SessionId, epoch: Epoch, commit: Commit, mark: &str) -> Call {
        let mut keys = self.keys.all(id).to_vec();
        if self.lists_in_step() {
            keys.push(self.keys.running_of(id));
        }
        let mut call = Call::of(&COMMIT, keys)
            .number(epoch)
            .arg(padded(self.clock.now_ms()))
            .arg(commit.after.map(padded).unwrap_or_default())
            .arg(mark.to_owned())
            .arg(if commit.state.is_some() { "1" } else { "" })
            .arg(commit.state.unwrap_or_default())
            .number(LOG_LIMIT)
            .number(DONE_LIMIT)
            .number(DONE_KEPT_MS)
            .arg(named(commit.fence))
            .arg(id.to_string())
            .number(self.life_ms())
            .number(commit.entries.len());
        for entry in commit.entries {
            call = call.arg(entry);
        }
        for delivered in commit.delivered {
            call = call.arg(delivered.biz_id).number(delivered.entry);
        }
        call
    }

    pub(super) fn enqueue_call(&self, id: &SessionId, item: InboxItem) -> Call {
        Call::of(&ENQUEUE, self.keys.all(id))
            .arg(padded(self.clock.now_ms()))
            .arg(item.biz_id)
            .arg(item.bytes)
            .arg(padded(item.expires_ms))
            .number(INBOX_LIMIT)
            .number(DONE_KEPT_MS)
            .number(self.life_ms())
    }

    pub(super) fn advance_call(&self, id: &SessionId, epoch: Epoch, leap: &Leap) -> Call {
        Call::of(&ADVANCE, self.keys.all(id))
            .number(epoch)
            .number(leap.beyond)
            .arg(padded(leap.resume_at.saturating_sub(1)))
            .arg(named(leap.fence))
            .arg(leap.after.map(padded).unwrap_or_default())
            .number(self.life_ms())
            .number(DONE_KEPT_MS)
    }

    /// In the line of copies that the server is in now; should another one take over first, the session is doubted for
    /// nothing.
    pub(super) fn create_call(&self, new: NewSession) -> Result<Call, StoreError> {
        let line = self.servers.lineage(&self.keys.state(&new.id))?.id;
        let call = Call::of(&CREATE, self.keys.all(&new.id)).arg(new.role).arg(new.user).number(new.created_ms);
        Ok(call.arg(line).number(self.life_ms()).number(DONE_KEPT_MS))
    }

    pub(super) fn release_call(&self, id: &SessionId, fence: Fence) -> Call {
        let call = Call::of(&RELEASE, self.keys.all(id)).arg(fence.to_string());
        call.number(self.life_ms()).number(DONE_KEPT_MS)
    }

    pub(super) fn touch_call(&self, id: &SessionId) -> Call {
        Call::of(&TOUCH, self.keys.all(id)).number(self.life_ms()).number(DONE_KEPT_MS)
    }

    fn life_ms(&self) -> u64 {
        self.lifetime.ms().unwrap_or(0)
    }
}

/// A fence as scripts take it.
fn named(fence: Option<Fence>) -> String {
    fence.map_or_else(String::new, |fence| fence.to_string())
}

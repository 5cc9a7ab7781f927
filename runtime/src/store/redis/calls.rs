//! The steps of a session, as calls of scripts.

use super::answer;
use super::keys::padded;
use super::scripts::{ADVANCE, CLAIM, COMMIT, Call, ENQUEUE};
use super::{Commit, DONE_KEPT_MS, DONE_LIMIT, Fence, INBOX_LIMIT, InboxItem, LOG_LIMIT, Leap, Node, RedisStore};
use crate::ids::{Epoch, SessionId};

impl RedisStore {
    pub(super) fn claim_call(&self, id: &SessionId, from: Option<&Node>, fence: Fence) -> Call {
        let mut call = Call::of(&CLAIM, [self.keys.state(id)])
            .arg(self.keys.node().to_string())
            .arg(fence.to_string())
            .arg(from.map_or_else(String::new, Node::to_string));
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
        let keys = &self.keys;
        Call::of(&ENQUEUE, [keys.state(id), keys.inbox(id), keys.waits(id), keys.due(id), keys.done(id)])
            .arg(padded(self.clock.now_ms()))
            .arg(item.biz_id)
            .arg(item.bytes)
            .arg(padded(item.expires_ms))
            .number(INBOX_LIMIT)
            .number(DONE_KEPT_MS)
    }

    pub(super) fn advance_call(&self, id: &SessionId, epoch: Epoch, leap: Leap) -> Call {
        Call::of(&ADVANCE, [self.keys.state(id)])
            .number(epoch)
            .number(leap.beyond)
            .arg(padded(leap.resume_at.saturating_sub(1)))
            .arg(named(leap.fence))
            .arg(leap.after.map(padded).unwrap_or_default())
    }
}

/// A fence as scripts take it.
fn named(fence: Option<Fence>) -> String {
    fence.map_or_else(String::new, |fence| fence.to_string())
}

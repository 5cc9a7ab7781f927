//! What became of a message.

use super::{Session, is_remembered};
use crate::store::Receipt;

impl Session {
    pub(super) fn receipt(&self, biz_id: &str, now_ms: u64) -> Receipt {
        match self.done.get(biz_id) {
            Some((seq, at_ms)) if is_remembered(*at_ms, now_ms) => {
                return Receipt::Delivered { seq: *seq, entry: self.log.get(seq).cloned() };
            }
            _ => {}
        }
        let waits = self.inbox.iter().any(|item| item.biz_id == biz_id && item.expires_ms > now_ms);
        if waits { Receipt::Waiting } else { Receipt::Unknown }
    }
}

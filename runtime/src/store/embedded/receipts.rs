//! What became of a message.

use super::plan::is_remembered;
use super::record::Mark;
use super::tables::View;
use crate::ids::SessionId;
use crate::store::{Receipt, SessionRow, StoreError};

pub(super) fn receipt(
    view: &View,
    id: &SessionId,
    biz_id: &str,
    now_ms: u64,
) -> Result<(SessionRow, Receipt), StoreError> {
    let row = view.session(id)?.ok_or_else(|| StoreError::NoSession(id.clone()))?;
    let receipt = match view.mark(id, biz_id)? {
        Some(Mark::Waiting { expires_ms, .. }) if expires_ms > now_ms => Receipt::Waiting,
        Some(Mark::Done { seq, at_ms }) if is_remembered(at_ms, now_ms) => {
            let entry = view.read(id, seq, 1)?.into_iter().find(|entry| entry.seq == seq);
            Receipt::Delivered { seq, entry: entry.map(|entry| entry.bytes) }
        }
        Some(Mark::Waiting { .. } | Mark::Done { .. }) | None => Receipt::Unknown,
    };
    Ok((row, receipt))
}

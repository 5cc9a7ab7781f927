//! Messages as the inbox keeps them.

use crate::plugin::OfflineMessage;
use crate::store::{InboxItem, StoreError};

/// Bytes of an id, a role or an intent.
pub(crate) const NAME_BYTES: usize = 128;
/// Bytes of a text, as much as a frame's text may have.
pub(super) const TEXT_BYTES: usize = rolecall_wire::limits::MAX_TEXT;
/// Version of the encoding: the first byte.
const VERSION: u8 = 1;

/// Checks a message's fields.
///
/// # Errors
/// What is wrong with it, for its sender.
pub fn validate(message: &OfflineMessage) -> Result<(), &'static str> {
    if message.biz_id.is_empty() || message.biz_id.len() > NAME_BYTES {
        return Err("`biz_id` has 1 to 128 bytes");
    }
    if message.role.len() > NAME_BYTES || message.intent.len() > NAME_BYTES {
        return Err("`role` and `intent` have at most 128 bytes");
    }
    if message.text.trim().is_empty() {
        return Err("`text` is empty; say something");
    }
    if message.text.len() > TEXT_BYTES {
        return Err("`text` has at most 65536 bytes");
    }
    Ok(())
}

/// A message as the inbox keeps it.
#[must_use]
pub fn encode(message: &OfflineMessage, expires_ms: u64) -> InboxItem {
    let mut bytes = vec![VERSION];
    // Strings and numbers only, and a vector grows: this cannot fail.
    let _ = serde_json::to_writer(&mut bytes, message);
    InboxItem { biz_id: message.biz_id.clone(), bytes: bytes.into(), expires_ms }
}

/// The inverse of [`encode`].
///
/// # Errors
/// [`StoreError::Corrupt`] when the item holds no message.
pub fn decode(item: &InboxItem) -> Result<OfflineMessage, StoreError> {
    let damaged = |detail: String| StoreError::Corrupt { what: format!("inbox item `{}`", item.biz_id), detail };
    match item.bytes.split_first() {
        Some((&VERSION, rest)) => serde_json::from_slice(rest).map_err(|error| damaged(error.to_string())),
        Some((other, _)) => Err(damaged(format!("format {other} is not known; it may be of a newer release"))),
        None => Err(damaged("it is empty".to_owned())),
    }
}

//! Messages for people who are away: queued durably, merged, judged, delivered exactly once.
//!
//! ```text
//! post ─► inbox (store) ─► window ─► merge plugin ─► contract ─► one commit: entries + delivered ids
//! ```
//!
//! A posted message waits in the store's inbox until a client is attached: all that waits at a resume
//! is taken at once; while a client is there, a [`Courier`] gathers for 300 ms, or until 50 messages or
//! an urgent one. A window is merged by the plugin that the contract names; a plugin that fails leaves
//! it unmerged, which the plugin's own metrics and the log show.
//!
//! The contract judges every text before it is said, by its rules about what is said; those about the
//! shape of a reply do not bind a notice ([`Contract::for_notices`](rolecall_dsl::Contract::for_notices)). A merged text that breaks it falls back to its
//! single messages. A single message that breaks it is withheld: the contract's fallback is said in
//! its place and names the message's id, so that both the user and the application see that something
//! came; without a fallback the message is dropped, with a log line and the outcome `refused` in the
//! metrics. Where no plugin merges, the text posted is the text delivered, and a message that breaks
//! the contract is refused when it is posted, which tells the sender at once.
//!
//! Rejected: judging single messages at the post whatever happens to them later, because a policy may
//! allow the merged text alone.

mod age;
mod assembly;
mod courier;
mod item;
#[cfg(test)]
mod tests;

use async_trait::async_trait;
use serde_json::{Map, Value};

pub use age::bucket;
pub use assembly::{Assembly, Count, Outgoing, Window};
pub(crate) use courier::Courier;
pub(crate) use item::NAME_BYTES;
pub use item::{decode, encode, validate};

use crate::plugin::{CallError, MergedGroup, OfflineMessage, PluginHost};

/// Messages in one window.
pub const WINDOW: usize = 50;

/// Merges windows of messages: the plugin host, or a double in tests.
#[async_trait]
pub trait Merger: Send + Sync {
    /// Lets a delivery policy merge a window.
    ///
    /// # Errors
    /// When the policy gave no judgement.
    async fn merge(
        &self,
        policy: &str,
        params: &Map<String, Value>,
        window: &[OfflineMessage],
    ) -> Result<Vec<MergedGroup>, CallError>;
}

#[async_trait]
impl Merger for PluginHost {
    async fn merge(
        &self,
        policy: &str,
        params: &Map<String, Value>,
        window: &[OfflineMessage],
    ) -> Result<Vec<MergedGroup>, CallError> {
        Self::merge(self, policy, params, window).await
    }
}

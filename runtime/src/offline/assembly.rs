//! One window of waiting messages, made ready to be said.

use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_wire::frame::Hit;

use super::item::{self, TEXT_BYTES};
use super::{Merger, WINDOW};
use crate::clock;
use crate::enforce::Permitted;
use crate::ids::SessionId;
use crate::plugin::{MergedGroup, OfflineMessage};
use crate::session::turn::Turns;
use crate::store::{InboxItem, Store, StoreError};
use crate::telemetry::Metrics;

/// Bytes of text in one window, so that a merge stays within a plugin's limits.
const WINDOW_BYTES: usize = 256 * 1_024;

/// A message ready to be delivered.
#[derive(Debug)]
pub struct Outgoing {
    /// What is said; `None` for a message that is withheld without a word.
    pub text: Option<Permitted<String>>,
    /// The intent it was posted with, or who speaks where none was given.
    pub intent: String,
    /// The ids it stands for, in order.
    pub parts: Vec<String>,
    /// What becomes of them, to be counted when it is committed.
    pub counts: Vec<Count>,
}

/// A posted message and what became of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Count {
    /// When it was posted, ms since the Unix epoch.
    pub created_ms: u64,
    /// `merged`, `delivered` or `refused`.
    pub outcome: &'static str,
}

/// What one window became.
#[derive(Debug, Default)]
pub struct Window {
    /// Ready to be said, in order.
    pub messages: Vec<Outgoing>,
    /// Whether more waited than fits a window.
    pub more: bool,
}

/// What makes windows ready. Cloning shares it.
#[derive(Clone)]
pub struct Assembly {
    /// Where messages wait.
    pub store: Arc<dyn Store>,
    /// Whoever merges.
    pub merger: Arc<dyn Merger>,
    /// Whoever judges.
    pub turns: Turns,
    /// What is counted.
    pub metrics: Metrics,
}

impl std::fmt::Debug for Assembly {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Assembly").finish_non_exhaustive()
    }
}

impl Assembly {
    /// Makes the oldest waiting messages ready. Nothing leaves the inbox here: that is part of the
    /// commit that says them, so this may be dropped and repeated at will.
    ///
    /// # Errors
    /// When the inbox cannot be read.
    pub async fn window(&self, id: &SessionId, contract: &Arc<Contract>) -> Result<Window, StoreError> {
        let items = self.store.inbox(id, clock::unix_ms(), WINDOW.saturating_add(1)).await?;
        let waiting = items.len();
        let (messages, mut ready) = take(items);
        let taken = messages.len().saturating_add(ready.len());
        for group in self.merge(contract, &messages).await {
            self.admit(contract, &messages, group, &mut ready).await;
        }
        Ok(Window { messages: ready, more: taken < waiting })
    }

    /// The groups of a window; each message alone where nothing merges them.
    async fn merge(&self, contract: &Contract, messages: &[OfflineMessage]) -> Vec<MergedGroup> {
        let alone = || (0..messages.len()).map(|index| MergedGroup { members: vec![index], text: None }).collect();
        let Some(policy) = &contract.delivery.policy else { return alone() };
        if messages.is_empty() {
            return Vec::new();
        }
        match self.merger.merge(&policy.plugin, &policy.params, messages).await {
            Ok(groups) if is_partition(&groups, messages.len()) => groups,
            Ok(_) => {
                tracing::error!(
                    plugin = policy.plugin,
                    "a merge left messages out or repeated some; delivering unmerged"
                );
                alone()
            }
            Err(error) => {
                tracing::warn!(plugin = policy.plugin, %error, "a merge failed; delivering unmerged");
                alone()
            }
        }
    }

    async fn admit(
        &self,
        contract: &Arc<Contract>,
        messages: &[OfflineMessage],
        group: MergedGroup,
        ready: &mut Vec<Outgoing>,
    ) {
        let members: Vec<&OfflineMessage> = group.members.iter().filter_map(|index| messages.get(*index)).collect();
        if let Some(text) = group.text {
            match self.admit_merged(contract, &text).await {
                Ok(text) => {
                    let counts = counts(&members, if members.len() > 1 { "merged" } else { "delivered" });
                    let parts = members.iter().map(|message| message.biz_id.clone()).collect();
                    ready.push(Outgoing { text: Some(text), intent: intent(&members), parts, counts });
                    return;
                }
                Err(reason) => {
                    tracing::warn!(role = contract.name, reason, "a merged text is not said; delivering its parts");
                }
            }
        }
        for message in members {
            ready.push(self.admit_single(contract, message).await);
        }
    }

    async fn admit_merged(&self, contract: &Arc<Contract>, text: &str) -> Result<Permitted<String>, String> {
        if text.trim().is_empty() || text.len() > TEXT_BYTES {
            return Err(format!("it has {} bytes, of 1 to {TEXT_BYTES}", text.len()));
        }
        self.turns.admit_delivery(contract, text).await.map_err(|hits| rules(&hits))
    }

    async fn admit_single(&self, contract: &Arc<Contract>, message: &OfflineMessage) -> Outgoing {
        let intent = intent(&[message]);
        let parts = vec![message.biz_id.clone()];
        let hits = match self.turns.admit_delivery(contract, &message.text).await {
            Ok(text) => {
                return Outgoing { text: Some(text), intent, parts, counts: counts(&[message], "delivered") };
            }
            Err(hits) => hits,
        };
        tracing::warn!(
            role = contract.name,
            biz_id = message.biz_id,
            rules = rules(&hits),
            "a posted message is withheld"
        );
        let fallback = match &contract.fallback {
            Some(fallback) => self.turns.admit_delivery(contract, &fallback.value).await.ok(),
            None => None,
        };
        Outgoing { text: fallback, intent, parts, counts: counts(&[message], "refused") }
    }
}

fn counts(messages: &[&OfflineMessage], outcome: &'static str) -> Vec<Count> {
    messages.iter().map(|message| Count { created_ms: message.created_at_ms, outcome }).collect()
}

/// The messages of the window, and those that cannot be read, which are given up.
fn take(items: Vec<InboxItem>) -> (Vec<OfflineMessage>, Vec<Outgoing>) {
    let (mut messages, mut unreadable) = (Vec::new(), Vec::new());
    let mut bytes = 0usize;
    for item in items.into_iter().take(WINDOW) {
        match item::decode(&item) {
            Ok(message) => {
                bytes = bytes.saturating_add(message.text.len());
                if bytes > WINDOW_BYTES && !messages.is_empty() {
                    break;
                }
                messages.push(message);
            }
            Err(error) => {
                tracing::error!(%error, "a waiting message cannot be read and is given up");
                unreadable.push(Outgoing {
                    text: None,
                    intent: String::new(),
                    parts: vec![item.biz_id],
                    counts: Vec::new(),
                });
            }
        }
    }
    (messages, unreadable)
}

/// Whether every message is in exactly one group.
fn is_partition(groups: &[MergedGroup], count: usize) -> bool {
    let mut members: Vec<usize> = groups.iter().flat_map(|group| group.members.iter().copied()).collect();
    members.sort_unstable();
    members.into_iter().eq(0..count)
}

fn intent(members: &[&OfflineMessage]) -> String {
    members.first().map_or_else(String::new, |first| {
        if first.intent.is_empty() { first.role.clone() } else { first.intent.clone() }
    })
}

fn rules(hits: &[Hit]) -> String {
    let rules: Vec<&str> = hits.iter().map(|hit| hit.rule.as_str()).collect();
    rules.join(", ")
}

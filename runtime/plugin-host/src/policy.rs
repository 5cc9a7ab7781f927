use std::ops::Range;

use serde::{Deserialize, Serialize};

/// A reply's surroundings, passed to constraint policies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The role.
    pub role: String,
    /// Its first language, `zh` or `en`.
    pub language: String,
}

/// A violation that a plugin found. Spans lie on character boundaries inside the text judged; for a
/// stream they count from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyViolation {
    /// The plugin's own rule name.
    pub rule: String,
    /// One sentence for people.
    pub message: String,
    /// The bytes it is about, in the order of the text.
    pub spans: Vec<Range<usize>>,
    /// What to write instead.
    pub suggestion: Option<String>,
}

/// A message waiting for somebody who is away.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OfflineMessage {
    /// The sender's id.
    pub biz_id: String,
    /// Who speaks: `support`, `coach`, …
    pub role: String,
    /// The intent.
    pub intent: String,
    /// 0 low, 1 normal, 2 high.
    pub priority: u8,
    /// The turn it belongs to.
    pub turn_id: u64,
    /// The text.
    pub text: String,
    /// When it was made, ms since the Unix epoch.
    pub created_at_ms: u64,
}

/// Messages that a merge policy put together. Groups partition the window; members ascend, and
/// groups are ordered by their first member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergedGroup {
    /// Indices into the window.
    pub members: Vec<usize>,
    /// The merged text; `None` leaves a single message as it is.
    pub text: Option<String>,
}

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

/// How much a violation weighs for its policy. The contract's rule bounds it: the milder one counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The reply must not go out so.
    Error,
    /// The reply goes out; the violation is reported.
    Warning,
}

/// A violation that a plugin found. Spans lie on character boundaries inside the text judged; for a
/// stream they count from its beginning.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyViolation {
    /// The plugin's own rule name.
    pub rule: String,
    /// One sentence for people.
    pub message: String,
    /// How much it weighs.
    pub severity: Severity,
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

/// What the host has computed about the texts of two messages, `a` and `b`, as they are. The exact
/// definitions are those of the record `features` in `plugins/wit/v1/types.wit`.
#[derive(Debug, Clone, PartialEq)]
pub struct Features {
    /// Characters (Unicode scalar values) of `a`.
    pub a_chars: u32,
    /// Characters of `b`.
    pub b_chars: u32,
    /// 1 - Levenshtein distance / characters of the longer text; 1 when both are empty.
    pub edit_similarity: f64,
    /// The cosine of the texts' embeddings; `None` when they were not embedded.
    pub embedding_similarity: Option<f64>,
    /// The numbers of `a`: each longest run of decimal digits, written with the digits 0 to 9.
    pub a_numbers: Vec<String>,
    /// The numbers of `b`.
    pub b_numbers: Vec<String>,
}

/// How two messages, `a` and `b`, relate by what they say.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// Each says all that the other says: one of them is enough.
    Same,
    /// `a` says all that `b` says, and more.
    Contains,
    /// `b` says all that `a` says, and more.
    Contained,
    /// Each says something that the other does not.
    Different,
    /// The policy does not know.
    Unsure,
}

use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What a plugin says of itself, and what its file shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// Its name, which is its file's stem.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line of documentation.
    pub doc: String,
    /// The worlds it implements: its exports.
    pub worlds: Vec<World>,
    /// JSON Schema of its parameters.
    pub params_schema: Value,
    /// Whether a constraint policy judges a stream piece by piece, or whole replies only.
    pub streaming: bool,
    /// BLAKE3 of the file, in hex.
    pub digest: String,
}

/// The kinds of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Judges replies.
    ConstraintPolicy,
    /// Merges offline messages.
    DeliveryPolicy,
}

impl fmt::Display for World {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ConstraintPolicy => "constraint-policy",
            Self::DeliveryPolicy => "delivery-policy",
        })
    }
}

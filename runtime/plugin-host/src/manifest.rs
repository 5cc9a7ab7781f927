use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::{AbiVersion, Capability};

/// What a plugin says of itself, and what its file shows.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Manifest {
    /// Its name, which is its file's stem.
    pub name: String,
    /// Its version.
    pub version: String,
    /// One line of documentation.
    pub doc: String,
    /// The version of the ABI that it is spoken to in: the newest of those that it exports and that
    /// this host speaks.
    pub abi: AbiVersion,
    /// The worlds it implements: its exports.
    pub worlds: Vec<World>,
    /// JSON Schema of its parameters.
    pub params_schema: Value,
    /// Whether a constraint policy judges a stream piece by piece, or whole replies only.
    pub streaming: bool,
    /// How it wishes its instances to be isolated; a stream counts as one call.
    pub isolation: Isolation,
    /// What it needs of the host besides its log: what its file imports.
    pub capabilities: BTreeSet<Capability>,
    /// BLAKE3 of the file, in hex.
    pub digest: String,
}

/// How long a policy would have its instances live.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Isolation {
    /// For one call, or one stream.
    #[default]
    Call,
    /// For the calls of one session.
    Session,
}

impl fmt::Display for Isolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Call => "call",
            Self::Session => "session",
        })
    }
}

/// The kinds of policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum World {
    /// Judges replies.
    ConstraintPolicy,
    /// Merges offline messages and tells which are the same.
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

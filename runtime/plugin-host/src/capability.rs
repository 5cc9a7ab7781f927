use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

/// The package whose interfaces are granted one by one: `plugins/wit/host`.
const PACKAGE: &str = "rolecall:host/";
/// Its version.
const VERSION: &str = "1.0.0";

/// What a plugin may use of the host besides its log, if the operator grants it. What it needs is what its
/// file imports.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Capability {
    /// The time of day.
    Clock,
    /// A small store of its own, shared by all sessions.
    Kv,
    /// How alike two texts are written, by the host.
    Similarity,
    /// Texts as vectors, by the operator's embedder.
    Embed,
}

impl Capability {
    /// All there are.
    pub const ALL: [Self; 4] = [Self::Clock, Self::Kv, Self::Similarity, Self::Embed];

    /// As it stands in the file of grants and in the interface's name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Kv => "kv",
            Self::Similarity => "similarity",
            Self::Embed => "embed",
        }
    }

    /// The one that a component asks for with this import, if it is one of ours.
    pub(crate) fn of_import(import: &str) -> Option<Self> {
        let (name, version) = import.strip_prefix(PACKAGE)?.split_once('@')?;
        Self::ALL.into_iter().find(|capability| capability.name() == name && version == VERSION)
    }

    /// All of them.
    #[must_use]
    pub fn all() -> BTreeSet<Self> {
        Self::ALL.into()
    }
}

impl fmt::Display for Capability {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

use std::fmt;

use serde::{Serialize, Serializer};

/// A version of the ABI that this host speaks. Each is frozen: what is new comes as a further one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AbiVersion {
    /// `rolecall:policy@0.9.0`. Its violations are all errors, its isolation is by call, and it cannot
    /// say whether messages are the same.
    V0,
    /// `rolecall:policy@1.0.0`.
    V1,
}

impl AbiVersion {
    /// All of them, oldest first.
    pub const HOSTED: [Self; 2] = [Self::V0, Self::V1];

    /// As it stands in the names of interfaces.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::V0 => "0.9.0",
            Self::V1 => "1.0.0",
        }
    }

    /// The version of this name, which must be the very one: 1.0.1 would be another package, and nobody
    /// knows what is in it.
    pub(crate) fn of(name: &str) -> Option<Self> {
        Self::HOSTED.into_iter().find(|version| version.as_str() == name)
    }
}

impl fmt::Display for AbiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for AbiVersion {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

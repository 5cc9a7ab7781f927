//! Values that are never shown.

use std::fmt;

/// A key, or a URL that may carry a password. It cannot be printed: `Debug` gives asterisks and there is no `Display`.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Box<str>);

impl Secret {
    /// Wraps a key.
    #[must_use]
    pub fn new(value: &str) -> Self {
        Self(value.into())
    }

    /// The key itself, for the one place that needs it.
    #[must_use]
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl From<String> for Secret {
    fn from(value: String) -> Self {
        Self(value.into())
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

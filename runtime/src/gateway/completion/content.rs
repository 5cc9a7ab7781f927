//! What a message says, as every API has it: a text, or a list of parts.

use serde_json::Value;

use super::Fields;
use crate::gateway::error::ApiError;

/// The content of a message.
#[derive(Debug)]
pub(crate) enum Content {
    /// A text.
    Text(String),
    /// Parts, each with its place.
    Parts(Vec<(String, Value)>),
}

impl Content {
    /// Reads the field `at`; `parts` is what its API calls them.
    pub(crate) fn read(at: &str, value: Value, parts: &str) -> Result<Self, ApiError> {
        match value {
            Value::String(text) => Ok(Self::Text(text)),
            Value::Array(items) => {
                let placed = items.into_iter().enumerate().map(|(index, item)| (format!("{at}[{index}]"), item));
                Ok(Self::Parts(placed.collect()))
            }
            other => Err(Fields::mistyped(at, &other, &format!("a string or an array of {parts}"))),
        }
    }
}

/// Whether a message of this role is a caller's instruction in OpenAI's APIs.
pub(crate) fn instructs(role: &str) -> bool {
    matches!(role, "system" | "developer")
}

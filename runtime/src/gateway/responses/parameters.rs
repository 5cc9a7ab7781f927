//! Parameters of the Responses API beyond those that roles carry out.

use serde_json::Value;

use crate::gateway::completion::{Fields, Neutral};
use crate::gateway::error::ApiError;

/// Parameters about the caller, accounting and caches, which change no reply. The limit on calls of
/// built-in tools is among them because there are none.
pub(super) const HARMLESS: &[&str] = &[
    "user",
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "prompt_cache_options",
    "max_tool_calls",
];

/// Parameters that would change the reply, with the values that ask for nothing.
pub(super) const NEUTRAL: &[Neutral] = &[
    ("background", |value| *value == Value::Bool(false)),
    ("truncation", |value| value == "disabled"),
    ("include", |value| {
        // Roles show no reasoning, so there is none to be encrypted.
        value.as_array().is_some_and(|all| all.iter().all(|one| one == "reasoning.encrypted_content"))
    }),
    ("text", |value| {
        all(value, |name, value| match name {
            "format" => value.get("type").and_then(Value::as_str) == Some("text"),
            "verbosity" => value == "medium",
            _ => false,
        })
    }),
    ("reasoning", |value| all(value, |_, _| false)),
    ("stream_options", |value| all(value, |name, _| name == "include_obfuscation")),
    ("top_logprobs", |value| value.as_u64() == Some(0)),
    ("top_p", |value| value.as_f64() == Some(1.0)),
    ("service_tier", |value| matches!(value.as_str(), Some("auto" | "default"))),
];

/// Refuses what would need an earlier response.
pub(super) fn refuse_references(fields: &mut Fields) -> Result<(), ApiError> {
    for name in ["previous_response_id", "conversation"] {
        if fields.optional::<Value>(name)?.is_some() {
            let message = format!("`{name}`: responses are not stored; send the whole dialogue as `input`");
            return Err(ApiError::invalid("unsupported_parameter", message).param(name));
        }
    }
    Ok(())
}

/// Whether each field of an object that is not null asks for nothing.
fn all(value: &Value, neutral: fn(&str, &Value) -> bool) -> bool {
    value.as_object().is_some_and(|fields| fields.iter().all(|(name, value)| value.is_null() || neutral(name, value)))
}

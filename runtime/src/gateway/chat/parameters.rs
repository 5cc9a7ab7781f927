//! Parameters beyond those that roles carry out: accepted where they are known to change nothing in
//! the reply, refused otherwise. What is not known is refused too: servers have many parameters of
//! their own, and a `guided_json` or `stop_token_ids` that passes silently is a reply of another shape.

use serde_json::{Map, Value};

use crate::gateway::error::ApiError;

/// Parameters about the caller, accounting and caches, which change no reply.
const HARMLESS: &[&str] = &[
    "user",
    "metadata",
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "parallel_tool_calls",
];

/// What is repeated of a parameter's name, in characters.
const MAX_SHOWN: usize = 64;

/// Whether a value asks for nothing.
type Neutral = fn(&Value) -> bool;

/// Parameters that would change the reply, with the values that ask for nothing. Clients send these
/// by default; what is not in the list asks for something whatever its value.
const NEUTRAL: &[(&str, Neutral)] = &[
    ("n", |value| value.as_u64() == Some(1)),
    ("tools", is_empty),
    ("functions", is_empty),
    ("tool_choice", |value| matches!(value.as_str(), Some("none" | "auto"))),
    ("function_call", |value| matches!(value.as_str(), Some("none" | "auto"))),
    ("logprobs", |value| *value == Value::Bool(false)),
    ("top_logprobs", |value| value.as_u64() == Some(0)),
    ("response_format", |value| value.get("type").and_then(Value::as_str) == Some("text")),
    ("logit_bias", is_empty),
    ("stop", is_empty),
    ("top_p", |value| value.as_f64() == Some(1.0)),
    ("min_p", |value| value.as_f64() == Some(0.0)),
    ("presence_penalty", |value| value.as_f64() == Some(0.0)),
    ("frequency_penalty", |value| value.as_f64() == Some(0.0)),
    ("repetition_penalty", |value| value.as_f64() == Some(1.0)),
    ("modalities", |value| value.as_array().is_some_and(|all| all.iter().all(|one| one == "text"))),
    ("service_tier", |value| matches!(value.as_str(), Some("auto" | "default"))),
];

/// Refuses what is left of a request unless it is known to change nothing.
pub(super) fn refuse_unsupported(rest: &Map<String, Value>) -> Result<(), ApiError> {
    for (name, value) in rest {
        let neutral = || NEUTRAL.iter().any(|(known, neutral)| known == name && neutral(value));
        if !value.is_null() && !HARMLESS.contains(&name.as_str()) && !neutral() {
            let shown: String = name.chars().take(MAX_SHOWN).collect();
            let message = format!("`{shown}` is not supported for roles; leave it out");
            return Err(ApiError::invalid("unsupported_parameter", message).param(shown));
        }
    }
    Ok(())
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

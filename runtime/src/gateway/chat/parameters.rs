//! Parameters of chat completions beyond those that roles carry out.

use serde_json::Value;

use crate::gateway::completion::Neutral;

/// Parameters about the caller, accounting and caches, which change no reply.
pub(super) const HARMLESS: &[&str] = &[
    "user",
    "metadata",
    "store",
    "safety_identifier",
    "prompt_cache_key",
    "prompt_cache_retention",
    "parallel_tool_calls",
];

/// Parameters that would change the reply, with the values that ask for nothing. Clients send these
/// by default; what is not in the list asks for something whatever its value. Where a reply ends is
/// the contract's to say, so `stop` is among them.
pub(super) const NEUTRAL: &[Neutral] = &[
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

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Array(items) => items.is_empty(),
        Value::Object(fields) => fields.is_empty(),
        _ => false,
    }
}

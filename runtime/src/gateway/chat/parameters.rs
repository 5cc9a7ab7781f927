//! Parameters of OpenAI's API that roles do not have: accepted where they change nothing, refused
//! where they would.

use serde_json::{Map, Value};

use crate::gateway::error::ApiError;

/// Parameters that describe the caller and change no reply.
const INDIFFERENT: &[&str] =
    &["user", "metadata", "safety_identifier", "prompt_cache_key", "prompt_cache_retention", "parallel_tool_calls"];

/// Whether a value asks for nothing.
type Neutral = fn(&Value) -> bool;

/// Parameters that would change the reply, each with the values that ask for nothing.
const UNSUPPORTED: &[(&str, Neutral)] = &[
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
    ("seed", |_| false),
    ("top_p", |value| value.as_f64() == Some(1.0)),
    ("top_k", |_| false),
    ("min_p", |value| value.as_f64() == Some(0.0)),
    ("presence_penalty", |value| value.as_f64() == Some(0.0)),
    ("frequency_penalty", |value| value.as_f64() == Some(0.0)),
    ("repetition_penalty", |value| value.as_f64() == Some(1.0)),
    ("modalities", |value| value.as_array().is_some_and(|all| all.iter().all(|one| one == "text"))),
    ("audio", |_| false),
    ("prediction", |_| false),
    ("reasoning_effort", |_| false),
    ("verbosity", |_| false),
    ("web_search_options", |_| false),
    ("service_tier", |value| matches!(value.as_str(), Some("auto" | "default"))),
    ("store", |value| *value == Value::Bool(false)),
];

/// Refuses what is left of a request when it would change the reply. Names that are no parameters
/// of OpenAI's API are extras of some clients, and are passed over.
pub(super) fn refuse_unsupported(rest: &Map<String, Value>) -> Result<(), ApiError> {
    for (name, value) in rest {
        if value.is_null() || INDIFFERENT.contains(&name.as_str()) {
            continue;
        }
        let asks = UNSUPPORTED.iter().find(|(known, _)| known == name).is_some_and(|(_, neutral)| !neutral(value));
        if asks {
            let message = format!("`{name}` is not supported for roles; leave it out");
            return Err(ApiError::invalid("unsupported_parameter", message).param(name.as_str()));
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

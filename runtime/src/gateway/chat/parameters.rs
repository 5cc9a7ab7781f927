//! Parameters of chat completions beyond those that roles carry out.

use rolecall_dsl::Contract;
use rolecall_dsl::contract::Rule;
use rolecall_dsl::diagnostic::Severity;
use serde_json::Value;

use crate::gateway::completion::{Fields, Neutral, is_empty};
use crate::gateway::error::ApiError;

/// Parameters about the caller, accounting and caches, which change no reply.
pub(super) const HARMLESS: &[&str] =
    &["user", "metadata", "store", "safety_identifier", "prompt_cache_key", "prompt_cache_retention"];

/// What changes no reply among `stream_options`: whether a stream is padded is up to who writes it.
const HARMLESS_TO_STREAMS: &[&str] = &["include_obfuscation"];

/// Parameters that would change the reply, with the values that ask for nothing. Clients send these
/// by default; what is not in the list asks for something whatever its value. Where a reply ends is
/// the contract's to say, so `stop` is among them.
pub(super) const NEUTRAL: &[Neutral] = &[
    ("functions", is_empty),
    ("function_call", |value| matches!(value.as_str(), Some("none" | "auto"))),
    ("logprobs", |value| *value == Value::Bool(false)),
    ("top_logprobs", |value| value.as_u64() == Some(0)),
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

/// Whether the caller wants the usage behind a stream.
pub(super) fn wants_usage(fields: &mut Fields, stream: bool) -> Result<bool, ApiError> {
    let Some(mut options) = fields.members("stream_options")? else { return Ok(false) };
    let usage = options.optional("include_usage")?.unwrap_or(false);
    options.refuse_rest(HARMLESS_TO_STREAMS, &[])?;
    if !stream {
        return Err(Fields::wrong("stream_options", "needs `stream: true`"));
    }
    Ok(usage)
}

/// Whether the caller wants JSON. A schema of the caller's own is refused: two would have to agree.
pub(super) fn wants_json(fields: &mut Fields) -> Result<bool, ApiError> {
    let Some(format) = fields.optional::<Value>("response_format")? else { return Ok(false) };
    match format.get("type").and_then(Value::as_str) {
        Some("text") => Ok(false),
        Some("json_object") => Ok(true),
        _ => {
            let message = "`response_format` is not supported for roles but as `text` and `json_object`; the \
                           contract's `format json` takes a schema";
            Err(ApiError::invalid("unsupported_parameter", message).param("response_format"))
        }
    }
}

/// JSON is promised where the contract demands it of every reply.
pub(super) fn require_json(contract: &Contract) -> Result<(), ApiError> {
    let binding = |rule: &&Rule| rule.guard.is_none() && rule.severity == Severity::Error;
    if contract.rules.iter().filter(binding).any(|rule| rule.constraint.keyword() == "format") {
        return Ok(());
    }
    let message = "`response_format` asks for JSON, and the contract has no `format json` that would enforce it";
    Err(ApiError::invalid("unsupported_parameter", message).param("response_format"))
}

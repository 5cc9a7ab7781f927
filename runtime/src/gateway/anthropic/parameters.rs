//! Parameters of the Messages API beyond those that roles carry out.

use serde_json::Value;

use crate::gateway::completion::{Neutral, is_empty};

/// Parameters about the caller, accounting and caches, which change no reply.
pub(super) const HARMLESS: &[&str] = &["metadata", "cache_control", "user_profile_id", "workspace_id", "diagnostics"];

/// Parameters that would change the reply, with the values that ask for nothing.
pub(super) const NEUTRAL: &[Neutral] = &[
    ("stop_sequences", is_empty),
    ("thinking", |value| value.get("type").and_then(Value::as_str) == Some("disabled")),
    ("top_p", |value| value.as_f64() == Some(1.0)),
    ("service_tier", |value| matches!(value.as_str(), Some("auto" | "standard_only"))),
    ("speed", |value| value == "standard"),
    ("output_config", is_empty),
    ("mcp_servers", is_empty),
];

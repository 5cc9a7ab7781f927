//! Tools in Anthropic's words.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use crate::enforce::{Offer, ToolChoice, Tools};
use crate::gateway::completion::{self, Fields};
use crate::gateway::error::ApiError;
use crate::session::turn::ToolCall;

#[derive(Debug, Deserialize)]
struct Definition {
    name: String,
    #[serde(default)]
    description: Option<String>,
    input_schema: Value,
    #[serde(default)]
    strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Choice {
    r#type: String,
    #[serde(default)]
    name: Option<String>,
    #[serde(default)]
    disable_parallel_tool_use: Option<bool>,
}

/// A call that an assistant's message repeats.
#[derive(Debug, Deserialize)]
pub(super) struct Use {
    id: String,
    name: String,
    input: Map<String, Value>,
}

impl From<Use> for ToolCall {
    fn from(used: Use) -> Self {
        Self { id: used.id, name: used.name, arguments: Value::Object(used.input).to_string() }
    }
}

/// Reads `tools` and `tool_choice`.
pub(super) fn tools(fields: &mut Fields) -> Result<Tools, ApiError> {
    let offered: Vec<Value> = fields.optional("tools")?.unwrap_or_default();
    let choice: Option<Choice> = fields.optional("tool_choice")?;
    let parallel = choice.as_ref().and_then(|choice| choice.disable_parallel_tool_use).map(|disabled| !disabled);
    let choice = choice.map_or(Ok(ToolChoice::Auto), wanted)?;
    completion::tools(offered, offer, choice, parallel, ["name", "input_schema"])
}

fn offer(at: &str, value: Value) -> Result<Offer, ApiError> {
    // The others run on Anthropic's servers, or are called in ways that they define.
    let kind = value.get("type").filter(|kind| !kind.is_null());
    if kind.is_some_and(|kind| kind != "custom") {
        let message = format!("`{at}.type` is not supported for roles; describe a tool of your own, without a type");
        return Err(ApiError::invalid("unsupported_parameter", message).param(format!("{at}.type")));
    }
    let Definition { name, description, input_schema, strict } = Fields::read(at, value)?;
    Ok(Offer { name, description, parameters: Some(input_schema), strict })
}

fn wanted(choice: Choice) -> Result<ToolChoice, ApiError> {
    match (choice.r#type.as_str(), choice.name) {
        ("auto", _) => Ok(ToolChoice::Auto),
        ("none", _) => Ok(ToolChoice::Never),
        ("any", _) => Ok(ToolChoice::Required),
        ("tool", Some(name)) => Ok(ToolChoice::Named(name)),
        _ => Err(Fields::wrong("tool_choice", "is of type `auto`, `any`, `none`, or `tool` with a name")),
    }
}

/// Writes a call whole.
pub(super) fn block(call: &ToolCall) -> Value {
    // It was judged as a JSON object before it came here.
    let input: Value = serde_json::from_str(&call.arguments).unwrap_or_else(|_| json!({}));
    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": input})
}

/// Writes the beginning of a call that is streamed; the input follows.
pub(super) fn opening(call: &ToolCall) -> Value {
    json!({"type": "tool_use", "id": call.id, "name": call.name, "input": {}})
}

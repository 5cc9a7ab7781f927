//! Tools in OpenAI's words.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::enforce::{Offer, ToolChoice, Tools};
use crate::gateway::completion::{self, Fields};
use crate::gateway::error::ApiError;
use crate::session::turn::ToolCall;

#[derive(Debug, Deserialize)]
struct Object<T> {
    r#type: String,
    function: T,
}

#[derive(Debug, Deserialize)]
struct Function {
    name: String,
    #[serde(default)]
    description: Option<String>,
    #[serde(default)]
    parameters: Option<Value>,
    #[serde(default)]
    strict: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Named {
    name: String,
}

#[derive(Debug, Deserialize)]
struct Call {
    id: String,
    #[serde(default)]
    r#type: Option<String>,
    function: CalledFunction,
}

#[derive(Debug, Deserialize)]
struct CalledFunction {
    name: String,
    arguments: String,
}

/// Reads `tools`, `tool_choice` and `parallel_tool_calls`.
pub(super) fn tools(fields: &mut Fields) -> Result<Tools, ApiError> {
    let offered: Vec<Value> = fields.optional("tools")?.unwrap_or_default();
    let choice = fields.optional("tool_choice")?.map_or(Ok(ToolChoice::Auto), choice)?;
    let parallel = fields.optional("parallel_tool_calls")?;
    completion::tools(offered, offer, choice, parallel, ["function.name", "function.parameters"])
}

fn offer(at: &str, value: Value) -> Result<Offer, ApiError> {
    // Other kinds, such as `custom`, have no arguments that could be judged.
    let kind = value.get("type").and_then(Value::as_str).unwrap_or_default();
    if kind != "function" {
        let message = format!("`{at}.type` must be `function`");
        return Err(ApiError::invalid("unsupported_parameter", message).param(format!("{at}.type")));
    }
    let Function { name, description, parameters, strict } = Fields::read::<Object<Function>>(at, value)?.function;
    Ok(Offer { name, description, parameters, strict })
}

fn choice(value: Value) -> Result<ToolChoice, ApiError> {
    match value.as_str() {
        Some("auto") => Ok(ToolChoice::Auto),
        Some("none") => Ok(ToolChoice::Never),
        Some("required") => Ok(ToolChoice::Required),
        None if value.is_object() => match Fields::read::<Object<Named>>("tool_choice", value)? {
            Object { r#type, function } if r#type == "function" => Ok(ToolChoice::Named(function.name)),
            _ => Err(Fields::wrong("tool_choice.type", "must be `function`")),
        },
        _ => Err(Fields::wrong("tool_choice", "must be `none`, `auto`, `required` or name a function")),
    }
}

/// Reads a call that an assistant's message repeats.
pub(super) fn call(at: &str, value: Value) -> Result<ToolCall, ApiError> {
    let Call { id, r#type, function } = Fields::read(at, value)?;
    if r#type.is_some_and(|kind| kind != "function") {
        return Err(Fields::wrong(&format!("{at}.type"), "must be `function`"));
    }
    Ok(ToolCall { id, name: function.name, arguments: function.arguments })
}

/// Writes a call; the chunks of a stream number them.
pub(super) fn object(call: &ToolCall, index: Option<usize>) -> Value {
    let mut object = json!({
        "id": call.id,
        "type": "function",
        "function": {"name": call.name, "arguments": call.arguments},
    });
    if let (Some(index), Some(fields)) = (index, object.as_object_mut()) {
        fields.insert("index".to_owned(), json!(index));
    }
    object
}

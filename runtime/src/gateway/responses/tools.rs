//! Tools in the words of the Responses API.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::enforce::{Offer, ToolChoice, Tools};
use crate::gateway::completion::{self, Fields};
use crate::gateway::error::ApiError;
use crate::session::turn::ToolCall;

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
    r#type: String,
    #[serde(default)]
    name: Option<String>,
}

/// What a request says of tools, as it says it: the response repeats it.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Given {
    pub(super) offered: Vec<Value>,
    pub(super) choice: Value,
    pub(super) parallel: Option<bool>,
}

impl Given {
    /// Takes `tools`, `tool_choice` and `parallel_tool_calls`.
    pub(super) fn take(fields: &mut Fields) -> Result<Self, ApiError> {
        Ok(Self {
            offered: fields.optional("tools")?.unwrap_or_default(),
            choice: fields.optional("tool_choice")?.unwrap_or_else(|| json!("auto")),
            parallel: fields.optional("parallel_tool_calls")?,
        })
    }

    /// Reads what was taken.
    pub(super) fn read(&self) -> Result<Tools, ApiError> {
        let choice = choice(&self.choice)?;
        completion::tools(self.offered.clone(), offer, choice, self.parallel, ["name", "parameters"])
    }
}

fn offer(at: &str, value: Value) -> Result<Offer, ApiError> {
    // The others run on OpenAI's servers, or have no arguments that could be judged.
    if value.get("type").and_then(Value::as_str) != Some("function") {
        let message = format!("`{at}.type` is not supported for roles; only `function` is");
        return Err(ApiError::invalid("unsupported_parameter", message).param(format!("{at}.type")));
    }
    let Function { name, description, parameters, strict } = Fields::read(at, value)?;
    Ok(Offer { name, description, parameters, strict })
}

fn choice(value: &Value) -> Result<ToolChoice, ApiError> {
    match value.as_str() {
        Some("auto") => return Ok(ToolChoice::Auto),
        Some("none") => return Ok(ToolChoice::Never),
        Some("required") => return Ok(ToolChoice::Required),
        _ => {}
    }
    let named: Option<Named> = serde_json::from_value(value.clone()).ok();
    match named {
        Some(Named { r#type, name: Some(name) }) if r#type == "function" => Ok(ToolChoice::Named(name)),
        _ => Err(Fields::wrong("tool_choice", "must be `none`, `auto`, `required` or name a function")),
    }
}

/// Writes a call as an item; of one that has only begun the arguments follow.
pub(super) fn item(call: &ToolCall, whole: bool) -> Value {
    let (arguments, status) = if whole { (call.arguments.as_str(), "completed") } else { ("", "in_progress") };
    json!({
        "type": "function_call",
        "id": id(call),
        "call_id": call.id,
        "name": call.name,
        "arguments": arguments,
        "status": status,
    })
}

/// The id of the item; the call has one of its own.
pub(super) fn id(call: &ToolCall) -> String {
    format!("fc_{}", call.id.trim_start_matches("call_"))
}

//! A chat completion request, read field by field so that every error names its field.

use serde::Deserialize;
use serde_json::Value;

use super::parameters::{HARMLESS, NEUTRAL, wants_json, wants_usage};
use super::tools;
use crate::enforce::Tools;
use crate::gateway::completion::{self, Content, Dialogue, Fields, MAX_CHOICES, Said};
use crate::gateway::error::ApiError;
use crate::session::turn::{Line, Overrides, Speaker, ToolCall};

/// A request that a role can answer.
#[derive(Debug, Clone)]
pub(super) struct ChatRequest {
    /// The role.
    pub(super) model: String,
    pub(super) dialogue: Dialogue,
    pub(super) overrides: Overrides,
    pub(super) tools: Tools,
    /// How many replies.
    pub(super) choices: usize,
    /// Whether they must be JSON.
    pub(super) json: bool,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    refusal: Option<String>,
    #[serde(default)]
    tool_calls: Option<Vec<Value>>,
    #[serde(default)]
    function_call: Option<Value>,
    #[serde(default)]
    tool_call_id: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Part {
    r#type: String,
    #[serde(default)]
    text: Option<String>,
    #[serde(default)]
    refusal: Option<String>,
}

impl ChatRequest {
    /// Reads a body.
    pub(super) fn parse(mut fields: Fields) -> Result<Self, ApiError> {
        let model = fields.required("model")?;
        let messages = fields.required("messages")?;
        let stream = fields.optional("stream")?.unwrap_or(false);
        let include_usage = wants_usage(&mut fields, stream)?;
        let temperature = fields.temperature(2.0)?;
        let max_tokens = fields.tokens("max_tokens")?;
        let max_completion_tokens = fields.tokens("max_completion_tokens")?;
        let seed = fields.seed("seed")?;
        let choices = fields.optional("n")?.unwrap_or(1);
        let tools = tools::tools(&mut fields)?;
        let json = wants_json(&mut fields)?;
        fields.refuse_rest(HARMLESS, NEUTRAL)?;
        if !(1..=MAX_CHOICES).contains(&choices) {
            return Err(Fields::wrong("n", &format!("is out of range; write 1 to {MAX_CHOICES}")));
        }
        Ok(Self {
            model,
            dialogue: dialogue(messages)?,
            overrides: Overrides { temperature, max_tokens: max_completion_tokens.or(max_tokens), seed },
            tools,
            choices,
            json,
            stream,
            include_usage,
        })
    }
}

fn dialogue(messages: Vec<Value>) -> Result<Dialogue, ApiError> {
    let mut said = Vec::with_capacity(messages.len());
    for (index, value) in messages.into_iter().enumerate() {
        said.push(line(format!("messages[{index}]"), value)?);
    }
    Dialogue::read("messages", said)
}

fn line(at: String, value: Value) -> Result<Said, ApiError> {
    let message: Message = Fields::read(&at, value)?;
    let speaker = match message.role.as_str() {
        "user" | "system" | "developer" => Speaker::User,
        "assistant" => Speaker::Role,
        "tool" => Speaker::Tool,
        "function" => return Err(Fields::unsupported(&format!("{at}.role"), "messages of legacy functions are")),
        other => {
            let what =
                format!("`{other}` is not a role of a message; write system, developer, user, assistant or tool");
            return Err(ApiError::invalid("invalid_parameter", what).param(format!("{at}.role")));
        }
    };
    if message.function_call.is_some() {
        return Err(Fields::unsupported(&format!("{at}.function_call"), "calls of legacy functions are"));
    }
    let calls = message.tool_calls.unwrap_or_default();
    if !calls.is_empty() && speaker != Speaker::Role {
        return Err(Fields::wrong(&format!("{at}.tool_calls"), "are the assistant's only"));
    }
    if message.refusal.is_some() && speaker != Speaker::Role {
        return Err(Fields::wrong(&format!("{at}.refusal"), "is the assistant's only"));
    }
    if (speaker == Speaker::Tool) != message.tool_call_id.is_some() {
        return Err(Fields::wrong(&format!("{at}.tool_call_id"), "names the call, in messages of tools only"));
    }
    let calls: Result<Vec<ToolCall>, ApiError> = calls
        .into_iter()
        .enumerate()
        .map(|(index, call)| tools::call(&format!("{at}.tool_calls[{index}]"), call))
        .collect();
    let mut text = match message.content {
        Some(content) => text(&format!("{at}.content"), content)?,
        None if speaker == Speaker::Role => String::new(),
        None => return Err(Fields::wrong(&format!("{at}.content"), "is missing; write a text")),
    };
    // Words of the role's as any others, though the model that they came from told them apart.
    text.push_str(&message.refusal.unwrap_or_default());
    let instruction = completion::instructs(&message.role);
    Ok((at, Line { speaker, text, calls: calls?, answers: message.tool_call_id, instruction }))
}

fn text(at: &str, content: Value) -> Result<String, ApiError> {
    let parts = match Content::read(at, content, "parts")? {
        Content::Text(text) => return Ok(text),
        Content::Parts(parts) => parts,
    };
    let mut whole = String::new();
    for (place, part) in parts {
        let part: Part = Fields::read(&place, part)?;
        match (part.r#type.as_str(), part.text, part.refusal) {
            ("text", Some(piece), _) | ("refusal", _, Some(piece)) => whole.push_str(&piece),
            ("text", None, _) => return Err(Fields::wrong(&format!("{place}.text"), "is missing")),
            ("refusal", _, None) => return Err(Fields::wrong(&format!("{place}.refusal"), "is missing")),
            (kind, ..) => return Err(Fields::unsupported(&place, &format!("a content part of type `{kind}` is"))),
        }
    }
    Ok(whole)
}

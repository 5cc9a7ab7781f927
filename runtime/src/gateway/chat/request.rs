//! A chat completion request, read field by field so that every error names its field.

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::parameters::refuse_unsupported;
use crate::enforce::MAX_HISTORY_BYTES;
use crate::gateway::error::ApiError;
use crate::session::turn::{Line, Overrides, Speaker};

/// A request that a role can answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct ChatRequest {
    /// The role.
    pub(super) model: String,
    /// Everything before the last message.
    pub(super) history: Vec<Line>,
    /// The last message.
    pub(super) user: String,
    pub(super) overrides: Overrides,
    pub(super) stream: bool,
    pub(super) include_usage: bool,
}

#[derive(Debug, Default, Deserialize)]
struct StreamOptions {
    #[serde(default)]
    include_usage: Option<bool>,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    #[serde(default)]
    content: Option<Content>,
    #[serde(default)]
    tool_calls: Option<Vec<Value>>,
    #[serde(default)]
    function_call: Option<Value>,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Parts(Vec<Part>),
}

#[derive(Debug, Deserialize)]
struct Part {
    r#type: String,
    #[serde(default)]
    text: Option<String>,
}

impl ChatRequest {
    /// Reads a body.
    pub(super) fn parse(mut body: Map<String, Value>) -> Result<Self, ApiError> {
        let model: String = required(&mut body, "model")?;
        let messages: Vec<Value> = required(&mut body, "messages")?;
        let stream: Option<bool> = optional(&mut body, "stream")?;
        let options: Option<StreamOptions> = optional(&mut body, "stream_options")?;
        let temperature = optional::<f64>(&mut body, "temperature")?;
        let max_tokens = optional::<u32>(&mut body, "max_tokens")?;
        let max_completion_tokens = optional::<u32>(&mut body, "max_completion_tokens")?;
        refuse_unsupported(&body)?;
        let stream = stream.unwrap_or(false);
        if options.is_some() && !stream {
            let message = "`stream_options` needs `stream: true`";
            return Err(ApiError::invalid("invalid_parameter", message).param("stream_options"));
        }
        if temperature.is_some_and(|value| !(0.0..=2.0).contains(&value)) {
            let message = "`temperature` is out of range; write 0 to 2";
            return Err(ApiError::invalid("invalid_parameter", message).param("temperature"));
        }
        let max_tokens = max_completion_tokens.or(max_tokens);
        if max_tokens == Some(0) {
            let message = "`max_tokens` is 0; write 1 or more";
            return Err(ApiError::invalid("invalid_parameter", message).param("max_tokens"));
        }
        let (history, user) = dialogue(messages)?;
        let include_usage = options.unwrap_or_default().include_usage.unwrap_or(false);
        Ok(Self {
            model,
            history,
            user,
            overrides: Overrides { temperature, max_tokens, seed: None },
            stream,
            include_usage,
        })
    }
}

/// The messages as a dialogue that ends with the user.
fn dialogue(messages: Vec<Value>) -> Result<(Vec<Line>, String), ApiError> {
    let mut lines = Vec::with_capacity(messages.len());
    for (index, value) in messages.into_iter().enumerate() {
        lines.push(line(index, value)?);
    }
    match lines.pop() {
        Some(Line { speaker: Speaker::User, text }) => within_bounds(&lines).map(|()| (lines, text)),
        Some(_) => {
            let message = "the last message must be the user's; replies cannot be prefilled";
            Err(ApiError::invalid("last_message_not_user", message).param("messages"))
        }
        None => Err(ApiError::invalid("missing_messages", "`messages` is empty; send at least one").param("messages")),
    }
}

/// What the model would not be sent is refused: here the caller keeps the dialogue, and only the
/// caller knows what may be left out of it. A system message never disappears silently.
fn within_bounds(earlier: &[Line]) -> Result<(), ApiError> {
    let bytes: usize = earlier.iter().map(|line| line.text.len()).sum();
    if bytes <= MAX_HISTORY_BYTES {
        return Ok(());
    }
    let message = format!(
        "the messages before the last one have {bytes} bytes of text, system messages included; at most \
         {MAX_HISTORY_BYTES} are sent to the model, so shorten them or leave out the oldest"
    );
    Err(ApiError::invalid("context_length_exceeded", message).param("messages"))
}

fn line(index: usize, value: Value) -> Result<Line, ApiError> {
    let at = format!("messages[{index}]");
    let message: Message = serde_json::from_value(value).map_err(|error| wrong(&at, &error))?;
    let speaker = match message.role.as_str() {
        "user" | "system" | "developer" => Speaker::User,
        "assistant" => Speaker::Role,
        "tool" | "function" => return Err(unsupported(&format!("{at}.role"), "tool messages are")),
        other => {
            let message = format!("`{other}` is not a role of a message; write system, developer, user or assistant");
            return Err(ApiError::invalid("invalid_parameter", message).param(format!("{at}.role")));
        }
    };
    if message.tool_calls.is_some_and(|calls| !calls.is_empty()) || message.function_call.is_some() {
        return Err(unsupported(&format!("{at}.tool_calls"), "tool calls are"));
    }
    let text = match message.content {
        Some(Content::Text(text)) => text,
        Some(Content::Parts(parts)) => join(&at, parts)?,
        None if speaker == Speaker::Role => String::new(),
        None => {
            let message = format!("`{at}.content` is missing; write a text");
            return Err(ApiError::invalid("invalid_parameter", message).param(format!("{at}.content")));
        }
    };
    Ok(Line { speaker, text })
}

fn join(at: &str, parts: Vec<Part>) -> Result<String, ApiError> {
    let mut text = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        match (part.r#type.as_str(), part.text) {
            ("text", Some(piece)) => text.push_str(&piece),
            (kind, _) => {
                let what = format!("a content part of type `{kind}` is");
                return Err(unsupported(&format!("{at}.content[{index}]"), &what));
            }
        }
    }
    Ok(text)
}

fn required<T: DeserializeOwned>(body: &mut Map<String, Value>, name: &str) -> Result<T, ApiError> {
    optional(body, name)?
        .ok_or_else(|| ApiError::invalid("missing_parameter", format!("`{name}` is missing")).param(name))
}

fn optional<T: DeserializeOwned>(body: &mut Map<String, Value>, name: &str) -> Result<Option<T>, ApiError> {
    match body.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(value) => serde_json::from_value(value).map(Some).map_err(|error| wrong(name, &error)),
    }
}

fn wrong(name: &str, error: &serde_json::Error) -> ApiError {
    ApiError::invalid("invalid_parameter", format!("`{name}`: {error}")).param(name)
}

fn unsupported(param: &str, what: &str) -> ApiError {
    ApiError::invalid("unsupported_content", format!("{what} not supported; send text")).param(param)
}

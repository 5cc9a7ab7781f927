//! A request of the Messages API, read field by field so that every error names its field.

use serde::Deserialize;
use serde_json::Value;

use super::parameters::{HARMLESS, NEUTRAL};
use super::{content, tools};
use crate::enforce::Tools;
use crate::gateway::completion::{Dialogue, Fields, Said};
use crate::gateway::error::ApiError;
use crate::session::turn::{Line, Overrides, Speaker};

/// A request that a role can answer.
#[derive(Debug, Clone)]
pub(super) struct MessagesRequest {
    /// The role.
    pub(super) model: String,
    pub(super) dialogue: Dialogue,
    pub(super) overrides: Overrides,
    pub(super) tools: Tools,
    pub(super) stream: bool,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Value,
}

impl MessagesRequest {
    /// Reads a body.
    pub(super) fn parse(mut fields: Fields) -> Result<Self, ApiError> {
        let model = fields.required("model")?;
        let messages: Vec<Value> = fields.required("messages")?;
        let system: Option<Value> = fields.optional("system")?;
        let stream = fields.optional("stream")?.unwrap_or(false);
        // Theirs ends at 1.
        let temperature = fields.temperature(1.0)?;
        let max_tokens = fields.tokens("max_tokens")?;
        let tools = tools::tools(&mut fields)?;
        fields.refuse_rest(HARMLESS, NEUTRAL)?;
        Ok(Self {
            model,
            dialogue: dialogue(system, messages)?,
            overrides: Overrides { temperature, max_tokens, seed: None },
            tools,
            stream,
        })
    }
}

fn dialogue(system: Option<Value>, messages: Vec<Value>) -> Result<Dialogue, ApiError> {
    let mut said: Vec<Said> = Vec::with_capacity(messages.len() + 1);
    let system = system.map_or_else(|| Ok(String::new()), |system| content::text("system", system))?;
    if !system.is_empty() {
        said.push(("system".to_owned(), Line::said(Speaker::User, system).instructing()));
    }
    for (index, value) in messages.into_iter().enumerate() {
        let at = format!("messages[{index}]");
        let Message { role, content } = Fields::read(&at, value)?;
        match role.as_str() {
            "user" => said.extend(content::heard(&at, content)?),
            "system" => {
                // Results come with the user's words: an instruction answers no call.
                let text = content::text(&format!("{at}.content"), content)?;
                said.push((at, Line::said(Speaker::User, text).instructing()));
            }
            "assistant" => said.push(content::spoken(at, content)?),
            other => {
                let what = format!("`{other}` is not a role of a message; write user or assistant");
                return Err(ApiError::invalid("invalid_parameter", what).param(format!("{at}.role")));
            }
        }
    }
    Dialogue::read("messages", said)
}

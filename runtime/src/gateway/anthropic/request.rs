//! A request of the Messages API, read field by field so that every error names its field.

use serde::Deserialize;
use serde_json::Value;

use super::parameters::{HARMLESS, NEUTRAL};
use crate::gateway::completion::{Dialogue, Fields, Said};
use crate::gateway::error::ApiError;
use crate::session::turn::{Line, Overrides, Speaker};

/// A request that a role can answer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct MessagesRequest {
    /// The role.
    pub(super) model: String,
    pub(super) dialogue: Dialogue,
    pub(super) overrides: Overrides,
    pub(super) stream: bool,
}

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Content,
}

#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Content {
    Text(String),
    Blocks(Vec<Block>),
}

#[derive(Debug, Deserialize)]
struct Block {
    r#type: String,
    #[serde(default)]
    text: Option<String>,
}

impl MessagesRequest {
    /// Reads a body.
    pub(super) fn parse(mut fields: Fields) -> Result<Self, ApiError> {
        let model = fields.required("model")?;
        let messages: Vec<Value> = fields.required("messages")?;
        let system: Option<Content> = fields.optional("system")?;
        let stream = fields.optional("stream")?.unwrap_or(false);
        // Theirs ends at 1.
        let temperature = fields.temperature(1.0)?;
        let max_tokens = fields.tokens("max_tokens")?;
        fields.refuse_rest(HARMLESS, NEUTRAL)?;
        Ok(Self {
            model,
            dialogue: dialogue(system, messages)?,
            overrides: Overrides { temperature, max_tokens, seed: None },
            stream,
        })
    }
}

fn dialogue(system: Option<Content>, messages: Vec<Value>) -> Result<Dialogue, ApiError> {
    let mut said = Vec::with_capacity(messages.len() + 1);
    let system = system.map_or_else(|| Ok(String::new()), |system| text("system", system))?;
    if !system.is_empty() {
        said.push(("system".to_owned(), Line { speaker: Speaker::User, text: system }));
    }
    for (index, value) in messages.into_iter().enumerate() {
        said.push(line(format!("messages[{index}]"), value)?);
    }
    Dialogue::read("messages", said)
}

fn line(at: String, value: Value) -> Result<Said, ApiError> {
    let message: Message = Fields::read(&at, value)?;
    let speaker = match message.role.as_str() {
        "user" | "system" => Speaker::User,
        "assistant" => Speaker::Role,
        other => {
            let what = format!("`{other}` is not a role of a message; write user or assistant");
            return Err(ApiError::invalid("invalid_parameter", what).param(format!("{at}.role")));
        }
    };
    let text = text(&format!("{at}.content"), message.content)?;
    Ok((at, Line { speaker, text }))
}

/// The text of a content; blocks are paragraphs.
fn text(at: &str, content: Content) -> Result<String, ApiError> {
    let blocks = match content {
        Content::Text(text) => return Ok(text),
        Content::Blocks(blocks) => blocks,
    };
    let mut texts = Vec::with_capacity(blocks.len());
    for (index, block) in blocks.into_iter().enumerate() {
        match (block.r#type.as_str(), block.text) {
            ("text", Some(text)) => texts.push(text),
            (kind, _) => return Err(Fields::unsupported(&format!("{at}[{index}]"), &format!("a `{kind}` block is"))),
        }
    }
    Ok(texts.join("\n"))
}

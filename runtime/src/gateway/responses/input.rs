//! The input of the Responses API: a text, or items.

use serde::Deserialize;
use serde_json::Value;

use crate::gateway::completion::{Dialogue, Fields, Said};
use crate::gateway::error::ApiError;
use crate::session::turn::{Line, Speaker};

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Content,
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
    #[serde(default)]
    refusal: Option<String>,
}

/// Reads instructions and input as a dialogue.
pub(super) fn dialogue(instructions: Option<String>, input: Value) -> Result<Dialogue, ApiError> {
    let items: Vec<Value> = match input {
        Value::String(text) => vec![serde_json::json!({"role": "user", "content": text})],
        Value::Array(items) => items,
        _ => return Err(Fields::wrong("input", "is neither a text nor a list of items")),
    };
    let mut said = Vec::with_capacity(items.len() + 1);
    if let Some(text) = instructions.filter(|text| !text.is_empty()) {
        said.push(("instructions".to_owned(), Line { speaker: Speaker::User, text }));
    }
    for (index, value) in items.into_iter().enumerate() {
        said.push(item(format!("input[{index}]"), value)?);
    }
    Dialogue::read("input", said)
}

fn item(at: String, value: Value) -> Result<Said, ApiError> {
    match value.get("type").and_then(Value::as_str) {
        None | Some("message") => message(at, value),
        Some("item_reference") => {
            let message = "responses are not stored, so their items cannot be referred to; send them whole";
            Err(ApiError::invalid("unsupported_content", message).param(format!("{at}.type")))
        }
        Some(kind) => Err(Fields::unsupported(&format!("{at}.type"), &format!("an item of type `{kind}` is"))),
    }
}

fn message(at: String, value: Value) -> Result<Said, ApiError> {
    let message: Message = Fields::read(&at, value)?;
    let speaker = match message.role.as_str() {
        "user" | "system" | "developer" => Speaker::User,
        "assistant" => Speaker::Role,
        other => {
            let what = format!("`{other}` is not a role of a message; write system, developer, user or assistant");
            return Err(ApiError::invalid("invalid_parameter", what).param(format!("{at}.role")));
        }
    };
    let text = text(&at, message.content)?;
    Ok((at, Line { speaker, text }))
}

fn text(at: &str, content: Content) -> Result<String, ApiError> {
    let parts = match content {
        Content::Text(text) => return Ok(text),
        Content::Parts(parts) => parts,
    };
    let mut whole = String::new();
    for (index, part) in parts.into_iter().enumerate() {
        match (part.r#type.as_str(), part.text, part.refusal) {
            ("input_text" | "output_text" | "text", Some(text), _) | ("refusal", _, Some(text)) => {
                whole.push_str(&text);
            }
            (kind, ..) => {
                let what = format!("a content part of type `{kind}` is");
                return Err(Fields::unsupported(&format!("{at}.content[{index}]"), &what));
            }
        }
    }
    Ok(whole)
}

//! The input of the Responses API: a text, or items.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::gateway::completion::{self, Content, Dialogue, Fields, Said};
use crate::gateway::error::ApiError;
use crate::session::turn::{Line, Speaker, ToolCall};

#[derive(Debug, Deserialize)]
struct Message {
    role: String,
    content: Value,
}

#[derive(Debug, Deserialize)]
struct FunctionCall {
    call_id: String,
    name: String,
    arguments: String,
}

#[derive(Debug, Deserialize)]
struct FunctionCallOutput {
    call_id: String,
    output: Value,
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
        Value::String(text) => vec![json!({"role": "user", "content": text})],
        Value::Array(items) => items,
        other => return Err(Fields::mistyped("input", &other, "a string or an array of items")),
    };
    let mut said: Vec<Said> = Vec::with_capacity(items.len() + 1);
    if let Some(text) = instructions.filter(|text| !text.is_empty()) {
        said.push(("instructions".to_owned(), Line::said(Speaker::User, text).instructing()));
    }
    for (index, value) in items.into_iter().enumerate() {
        let at = format!("input[{index}]");
        let line = item(&at, value)?;
        said.push((at, line));
    }
    Dialogue::read("input", said)
}

fn item(at: &str, value: Value) -> Result<Line, ApiError> {
    let kind = value.get("type").and_then(Value::as_str).unwrap_or("message").to_owned();
    match kind.as_str() {
        "message" => message(at, value),
        "function_call" => {
            let FunctionCall { call_id: id, name, arguments } = Fields::read(at, value)?;
            let calls = vec![ToolCall { id, name, arguments }];
            Ok(Line { calls, ..Line::said(Speaker::Role, "") })
        }
        "function_call_output" => {
            let FunctionCallOutput { call_id, output } = Fields::read(at, value)?;
            let said = text(&format!("{at}.output"), output)?;
            Ok(Line { answers: Some(call_id), ..Line::said(Speaker::Tool, said) })
        }
        "item_reference" => {
            let message = "responses are not stored, so their items cannot be referred to; send them whole";
            Err(ApiError::invalid("unsupported_content", message).param(format!("{at}.type")))
        }
        kind => Err(Fields::unsupported(&format!("{at}.type"), &format!("an item of type `{kind}` is"))),
    }
}

fn message(at: &str, value: Value) -> Result<Line, ApiError> {
    let message: Message = Fields::read(at, value)?;
    let speaker = match message.role.as_str() {
        "user" | "system" | "developer" => Speaker::User,
        "assistant" => Speaker::Role,
        other => {
            let what = format!("`{other}` is not a role of a message; write system, developer, user or assistant");
            return Err(ApiError::invalid("invalid_parameter", what).param(format!("{at}.role")));
        }
    };
    let line = Line::said(speaker, text(&format!("{at}.content"), message.content)?);
    Ok(if completion::instructs(&message.role) { line.instructing() } else { line })
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
            ("input_text" | "output_text" | "text", Some(text), _) | ("refusal", _, Some(text)) => {
                whole.push_str(&text);
            }
            ("input_text" | "output_text" | "text", None, _) => {
                return Err(Fields::wrong(&format!("{place}.text"), "is missing"));
            }
            (kind, ..) => return Err(Fields::unsupported(&place, &format!("a content part of type `{kind}` is"))),
        }
    }
    Ok(whole)
}

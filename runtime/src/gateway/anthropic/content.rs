//! The content of messages: a text, or blocks.

use serde::Deserialize;
use serde_json::Value;

use super::tools::Use;
use crate::gateway::completion::{Content, Fields, Said};
use crate::gateway::error::ApiError;
use crate::session::turn::{Line, Speaker};

/// A block that roles read.
#[derive(Debug)]
enum Block {
    Text(String),
    Use(Use),
    Result(ToolResult),
}

#[derive(Debug, Deserialize)]
struct Text {
    text: String,
}

#[derive(Debug, Deserialize)]
struct ToolResult {
    tool_use_id: String,
    #[serde(default)]
    content: Option<Value>,
    #[serde(default)]
    is_error: bool,
}

/// A content that may hold text only; blocks are paragraphs.
pub(super) fn text(at: &str, content: Value) -> Result<String, ApiError> {
    let texts: Result<Vec<String>, ApiError> = blocks(at, content)?
        .into_iter()
        .map(|(place, block)| match block {
            Block::Text(text) => Ok(text),
            Block::Use(_) | Block::Result(_) => Err(Fields::wrong(&place, "is a text here")),
        })
        .collect();
    Ok(texts?.join("\n"))
}

/// What the user says, and the results that come with it.
pub(super) fn heard(at: &str, content: Value) -> Result<Vec<Said>, ApiError> {
    let field = format!("{at}.content");
    let mut said: Vec<Said> = Vec::new();
    let mut texts: Vec<String> = Vec::new();
    for (place, block) in blocks(&field, content)? {
        match block {
            Block::Text(text) => texts.push(text),
            Block::Result(result) => {
                flush(at, &mut texts, &mut said);
                said.push(answer(place, result)?);
            }
            Block::Use(_) => return Err(Fields::wrong(&place, "is a call, which the assistant makes only")),
        }
    }
    if said.is_empty() || !texts.is_empty() {
        said.push((at.to_owned(), Line::said(Speaker::User, texts.join("\n"))));
    }
    Ok(said)
}

fn flush(at: &str, texts: &mut Vec<String>, said: &mut Vec<Said>) {
    if !texts.is_empty() {
        said.push((at.to_owned(), Line::said(Speaker::User, texts.join("\n"))));
        texts.clear();
    }
}

fn answer(place: String, result: ToolResult) -> Result<Said, ApiError> {
    let said = result.content.filter(|content| !content.is_null());
    let said = said.map_or_else(|| Ok(String::new()), |content| text(&format!("{place}.content"), content))?;
    // Models elsewhere know no mark for it.
    let said = if result.is_error { format!("Error: {said}") } else { said };
    let line = Line { answers: Some(result.tool_use_id), ..Line::said(Speaker::Tool, said) };
    Ok((place, line))
}

/// What the role said, and the tools that it called.
pub(super) fn spoken(at: String, content: Value) -> Result<Said, ApiError> {
    let (mut texts, mut calls) = (Vec::new(), Vec::new());
    for (place, block) in blocks(&format!("{at}.content"), content)? {
        match block {
            Block::Text(text) => texts.push(text),
            Block::Use(used) => calls.push(used.into()),
            Block::Result(_) => return Err(Fields::wrong(&place, "is a result, which the user sends only")),
        }
    }
    Ok((at, Line { calls, ..Line::said(Speaker::Role, texts.join("\n")) }))
}

/// The blocks with their places.
fn blocks(at: &str, content: Value) -> Result<Vec<(String, Block)>, ApiError> {
    let items = match Content::read(at, content, "blocks")? {
        Content::Text(text) => return Ok(vec![(at.to_owned(), Block::Text(text))]),
        Content::Parts(items) => items,
    };
    let read = |(place, item): (String, Value)| block(&place, item).map(|block| (place, block));
    items.into_iter().map(read).collect()
}

fn block(place: &str, item: Value) -> Result<Block, ApiError> {
    if !item.is_object() {
        return Err(Fields::mistyped(place, &item, "an object"));
    }
    let Some(kind) = item.get("type").and_then(Value::as_str).map(str::to_owned) else {
        return Err(Fields::wrong(&format!("{place}.type"), "is not the name of a type, such as `text`"));
    };
    match kind.as_str() {
        "text" => Fields::read(place, item).map(|Text { text }| Block::Text(text)),
        "tool_use" => Fields::read(place, item).map(Block::Use),
        "tool_result" => Fields::read(place, item).map(Block::Result),
        kind => Err(Fields::unsupported(place, &format!("a `{kind}` block is"))),
    }
}

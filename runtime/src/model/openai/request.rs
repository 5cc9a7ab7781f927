//! The request's JSON.

use serde_json::{Value, json};

use crate::enforce::{Line, Prompt, Speaker, Tool, ToolCall, ToolChoice, Tools};

/// Contract, dialogue, the part already shown, and what must change.
pub(super) fn body(model: &str, prompt: &Prompt) -> Value {
    let mut said: Vec<Line> = Vec::with_capacity(prompt.lines.len() + prompt.steps.len() + 3);
    prompt.lines.iter().for_each(|line| say(&mut said, line.clone()));
    say(&mut said, Line::said(Speaker::User, &prompt.user));
    prompt.steps.iter().for_each(|line| say(&mut said, line.clone()));
    say(&mut said, Line::said(Speaker::Role, &prompt.already));
    if let Some(instructions) = prompt.instructions() {
        // Behind an assistant message many chat templates accept only a user's.
        say(&mut said, Line::said(Speaker::User, instructions));
    }
    let mut messages = vec![json!({"role": "system", "content": prompt.system})];
    messages.extend(said.iter().map(message));
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if let Some(fields) = body.as_object_mut() {
        prompt.temperature.map(|t| fields.insert("temperature".into(), json!(t)));
        prompt.max_tokens.map(|n| fields.insert("max_tokens".into(), json!(n)));
        // Models take signed seeds.
        prompt.seed.map(|n| fields.insert("seed".into(), json!(n.cast_signed())));
        offer(fields, &prompt.tools);
    }
    body
}

/// Adds a line. Neighbouring lines of one speaker become one message, since many chat templates
/// demand that user and assistant take turns; lines that say nothing are left out.
fn say(said: &mut Vec<Line>, line: Line) {
    let plain = |line: &Line| line.speaker != Speaker::Tool && line.calls.is_empty();
    if plain(&line) && line.text.is_empty() {
        return;
    }
    match said.last_mut() {
        Some(last) if last.speaker == line.speaker && plain(last) && plain(&line) => {
            last.text.push_str("\n\n");
            last.text.push_str(&line.text);
        }
        _ => said.push(line),
    }
}

fn message(line: &Line) -> Value {
    match line.speaker {
        Speaker::User => json!({"role": "user", "content": line.text}),
        Speaker::Role if line.calls.is_empty() => json!({"role": "assistant", "content": line.text}),
        Speaker::Role => {
            let text = Some(&line.text).filter(|text| !text.is_empty());
            let calls: Vec<Value> = line.calls.iter().map(call).collect();
            json!({"role": "assistant", "content": text, "tool_calls": calls})
        }
        Speaker::Tool => json!({"role": "tool", "tool_call_id": line.answers, "content": line.text}),
    }
}

fn call(call: &ToolCall) -> Value {
    let function = json!({"name": call.name, "arguments": call.arguments});
    json!({"id": call.id, "type": "function", "function": function})
}

/// Only what is offered is named: servers that know no tools are not asked for any.
fn offer(fields: &mut serde_json::Map<String, Value>, tools: &Tools) {
    if !tools.any() {
        return;
    }
    fields.insert("tools".into(), tools.offered().iter().map(tool).collect());
    let choice = match tools.choice() {
        ToolChoice::Auto => None,
        ToolChoice::Never => Some(json!("none")),
        ToolChoice::Required => Some(json!("required")),
        ToolChoice::Named(name) => Some(json!({"type": "function", "function": {"name": name}})),
    };
    choice.map(|choice| fields.insert("tool_choice".into(), choice));
    tools.parallel().map(|parallel| fields.insert("parallel_tool_calls".into(), json!(parallel)));
}

fn tool(tool: &Tool) -> Value {
    let mut function = json!({"name": tool.name()});
    if let Some(fields) = function.as_object_mut() {
        tool.description().map(|text| fields.insert("description".into(), json!(text)));
        tool.parameters().map(|schema| fields.insert("parameters".into(), schema.clone()));
        tool.strict().map(|strict| fields.insert("strict".into(), json!(strict)));
    }
    json!({"type": "function", "function": function})
}

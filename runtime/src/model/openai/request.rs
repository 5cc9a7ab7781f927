//! The request's JSON.

use serde_json::{Value, json};

use crate::enforce::{Prompt, Speaker};

/// Contract, dialogue, the part already shown, and what must change.
pub(super) fn body(model: &str, prompt: &Prompt) -> Value {
    let mut said: Vec<(Speaker, String)> = Vec::with_capacity(prompt.lines.len() + 3);
    for line in &prompt.lines {
        say(&mut said, line.speaker, &line.text);
    }
    say(&mut said, Speaker::User, &prompt.user);
    say(&mut said, Speaker::Role, &prompt.already);
    if let Some(instructions) = prompt.instructions() {
        // Behind an assistant message many chat templates accept only a user's.
        say(&mut said, Speaker::User, &instructions);
    }
    let mut messages = vec![json!({"role": "system", "content": prompt.system})];
    messages.extend(said.iter().map(|(speaker, text)| {
        let role = match speaker {
            Speaker::User => "user",
            Speaker::Role => "assistant",
        };
        json!({"role": role, "content": text})
    }));
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if let Some(fields) = body.as_object_mut() {
        prompt.temperature.map(|t| fields.insert("temperature".into(), json!(t)));
        prompt.max_tokens.map(|n| fields.insert("max_tokens".into(), json!(n)));
        prompt.seed.map(|n| fields.insert("seed".into(), json!(n)));
    }
    body
}

/// Adds a line. Neighbouring lines of one speaker become one message, since many chat templates
/// demand that user and assistant take turns; lines that say nothing are left out.
fn say(said: &mut Vec<(Speaker, String)>, speaker: Speaker, text: &str) {
    if text.is_empty() {
        return;
    }
    match said.last_mut() {
        Some((last, before)) if *last == speaker => {
            before.push_str("\n\n");
            before.push_str(text);
        }
        _ => said.push((speaker, text.to_owned())),
    }
}

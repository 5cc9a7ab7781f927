//! The request's JSON.

use serde_json::{Value, json};

use crate::enforce::{Prompt, Speaker};

/// Contract, dialogue, the part already shown, and what must change.
pub(super) fn body(model: &str, prompt: &Prompt) -> Value {
    let mut messages = vec![json!({"role": "system", "content": prompt.system})];
    messages.extend(prompt.lines.iter().map(|line| {
        let role = match line.speaker {
            Speaker::User => "user",
            Speaker::Role => "assistant",
        };
        json!({"role": role, "content": line.text})
    }));
    messages.push(json!({"role": "user", "content": prompt.user}));
    if !prompt.already.is_empty() {
        messages.push(json!({"role": "assistant", "content": prompt.already}));
    }
    if let Some(instructions) = prompt.instructions() {
        // Behind an assistant message many chat templates accept only a user's.
        messages.push(json!({"role": "user", "content": instructions}));
    }
    let mut body = json!({
        "model": model,
        "messages": messages,
        "stream": true,
        "stream_options": {"include_usage": true},
    });
    if let Some(fields) = body.as_object_mut() {
        prompt.temperature.map(|t| fields.insert("temperature".into(), json!(t)));
        prompt.max_tokens.map(|n| fields.insert("max_tokens".into(), json!(n)));
    }
    body
}

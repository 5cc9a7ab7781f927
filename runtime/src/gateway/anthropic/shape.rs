//! Anthropic's response objects and events.

use rolecall_wire::frame::Hit;
use serde_json::{Value, json};

use super::tools;
use crate::gateway::completion::{Completion, End, Finish, Wording, acts, event_line};
use crate::gateway::dialect::Dialect;
use crate::gateway::error::ApiError;
use crate::session::turn::{ToolCall, Usage};

/// What every object of one response has in common.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    id: String,
    model: String,
}

impl Shape {
    pub(super) fn new(completion: &Completion) -> Self {
        Self { id: format!("msg_{}", completion.id), model: completion.contract.name.clone() }
    }

    /// A whole message.
    pub(super) fn message(&self, end: &End) -> Value {
        let text = Some(end.text.get()).filter(|text| !text.is_empty()).map(|text| block(text));
        let calls = end.calls.iter().map(|call| tools::block(call.get()));
        let content: Vec<Value> = text.into_iter().chain(calls).collect();
        let mut message = self.object(&json!(content), &usage(end.usage));
        if let (Some(message), Value::Object(stop)) = (message.as_object_mut(), stop(end)) {
            message.extend(stop);
        }
        message
    }

    fn object(&self, content: &Value, usage: &Value) -> Value {
        json!({
            "id": self.id,
            "type": "message",
            "role": "assistant",
            "model": self.model,
            "content": content,
            "stop_reason": null,
            "stop_sequence": null,
            "stop_details": null,
            "usage": usage,
        })
    }
}

/// The events of a stream.
#[derive(Debug)]
pub(super) struct Events {
    shape: Shape,
    /// Whether the text has begun. A reply without any has no block.
    open: bool,
}

impl Events {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, open: false }
    }
}

impl Wording for Events {
    fn opening(&mut self) -> String {
        // What was counted comes with the end, where it replaces these.
        let message = self.shape.object(&json!([]), &usage(Usage::default()));
        event("message_start", json!({"message": message}))
    }

    fn text(&mut self, _choice: usize, piece: &str) -> String {
        let mut events = String::new();
        if !std::mem::replace(&mut self.open, true) {
            events = event("content_block_start", json!({"index": 0, "content_block": block("")}));
        }
        let delta = json!({"type": "text_delta", "text": piece});
        events.push_str(&event("content_block_delta", json!({"index": 0, "delta": delta})));
        events
    }

    fn ended(&mut self, _choice: usize, end: &End) -> String {
        let mut events = String::new();
        if self.open {
            events = event("content_block_stop", json!({"index": 0}));
        }
        for (index, call) in end.calls.iter().enumerate() {
            events.push_str(&called(index + usize::from(self.open), call.get()));
        }
        events.push_str(&event("message_delta", json!({"delta": stop(end), "usage": usage(end.usage)})));
        events
    }

    fn closing(&mut self, _usage: Usage) -> String {
        event("message_stop", json!({}))
    }

    fn failed(&mut self, error: &ApiError) -> String {
        event_line(Some("error"), &error.body_in(Dialect::Anthropic))
    }
}

/// A call as events. Its input comes in one piece: nothing of it may go out before all of it was judged.
fn called(index: usize, call: &ToolCall) -> String {
    let delta = json!({"type": "input_json_delta", "partial_json": call.arguments});
    event("content_block_start", json!({"index": index, "content_block": tools::opening(call)}))
        + &event("content_block_delta", json!({"index": index, "delta": delta}))
        + &event("content_block_stop", json!({"index": index}))
}

fn event(name: &str, mut data: Value) -> String {
    if let Some(fields) = data.as_object_mut() {
        fields.insert("type".to_owned(), json!(name));
    }
    event_line(Some(name), &data)
}

fn block(text: &str) -> Value {
    json!({"type": "text", "text": text, "citations": null})
}

/// Why a message is over.
fn stop(end: &End) -> Value {
    let (reason, details) = match end.finish {
        Finish::Calls => ("tool_use", Value::Null),
        Finish::Stop => ("end_turn", Value::Null),
        Finish::Length => ("max_tokens", Value::Null),
        Finish::Filtered => ("refusal", refusal(&explanation(&end.hits))),
        Finish::FilteredUpstream => ("refusal", refusal("the model's server filtered the reply")),
    };
    json!({"stop_reason": reason, "stop_sequence": null, "stop_details": details})
}

fn refusal(explanation: &str) -> Value {
    json!({"type": "refusal", "category": null, "explanation": explanation})
}

/// Which rules took the reply away. Their names only: what they found is not for the caller.
fn explanation(hits: &[Hit]) -> String {
    // What warned or redacted before has left the reply where it was.
    let taking = hits.iter().filter(|hit| matches!(hit.action.as_str(), "fallback" | "reject"));
    let rules: Vec<String> = acts(taking).iter().map(|hit| format!("`{}` ({})", hit.rule, hit.action)).collect();
    match rules.as_slice() {
        [] => "the model's reply did not keep the contract".to_owned(),
        rules => format!("the model's reply did not keep the contract: {}", rules.join(", ")),
    }
}

/// Anthropic counts what came from a cache beside the rest of the input.
fn usage(counted: Usage) -> Value {
    json!({
        "input_tokens": counted.prompt_tokens.saturating_sub(counted.cached_tokens),
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": counted.cached_tokens,
        "output_tokens": counted.completion_tokens,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    // Fails when a rule that left the reply alone is blamed, or one that took it away is named twice or not at all.
    #[test]
    fn only_rules_that_took_the_reply_away_are_named() {
        let hit = |rule: &str, action: &str| Hit { rule: rule.into(), action: action.into(), message: "m".into() };
        let hits = [
            hit("length", "warn"),
            hit("secrets", "reject"),
            hit("style", "repair"),
            hit("tone", "fallback"),
            hit("secrets", "redact"),
            hit("secrets", "reject"),
        ];
        let kept = "the model's reply did not keep the contract";
        assert_eq!(explanation(&hits), format!("{kept}: `secrets` (reject), `tone` (fallback)"));
        assert_eq!(explanation(&hits[..1]), kept);
    }
}

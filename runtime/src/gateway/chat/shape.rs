//! OpenAI's response objects.

use serde::Serialize;
use serde_json::{Value, json};

use super::tools;
use crate::clock;
use crate::gateway::completion::{Completion, End, Finish, Wording, event_line};
use crate::gateway::error::ApiError;
use crate::session::turn::Usage;

/// What every object of one response has in common.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    id: String,
    created: u64,
    model: String,
    fingerprint: String,
}

impl Shape {
    pub(super) fn new(completion: &Completion) -> Self {
        let contract = &completion.contract;
        Self {
            id: format!("chatcmpl-{}", completion.id),
            created: clock::unix().as_secs(),
            model: contract.name.clone(),
            fingerprint: format!("fp_{}", contract.digest.chars().take(12).collect::<String>()),
        }
    }

    /// Whole replies.
    pub(super) fn completion(&self, ends: &[End]) -> Value {
        let choices: Vec<Value> = ends.iter().enumerate().map(|(index, end)| whole(index, end)).collect();
        let counted = ends.iter().fold(Usage::default(), |sum, end| sum.and(end.usage));
        json!(self.object("chat.completion", &choices, Some(usage(counted))))
    }

    fn object<'a, C: ?Sized>(&'a self, object: &'static str, choices: &'a C, usage: Option<Value>) -> Object<'a, C> {
        Object {
            id: &self.id,
            object,
            created: self.created,
            model: &self.model,
            system_fingerprint: &self.fingerprint,
            choices,
            usage,
        }
    }
}

/// A whole answer or a chunk of a stream. Written without a [`Value`] in between, for a chunk is written for
/// every few characters.
#[derive(Debug, Serialize)]
struct Object<'a, C: ?Sized> {
    id: &'a str,
    object: &'static str,
    created: u64,
    model: &'a str,
    system_fingerprint: &'a str,
    choices: &'a C,
    #[serde(skip_serializing_if = "Option::is_none")]
    usage: Option<Value>,
}

/// What a chunk says of one choice.
#[derive(Debug, Serialize)]
struct Choice<D> {
    index: usize,
    delta: D,
    logprobs: Option<Value>,
    finish_reason: Option<&'static str>,
}

/// A piece of text.
#[derive(Debug, Serialize)]
struct Text<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    role: Option<&'static str>,
    content: &'a str,
}

/// The chunks of a stream.
pub(super) struct Chunks {
    shape: Shape,
    choices: usize,
    include_usage: bool,
}

impl Chunks {
    pub(super) fn new(shape: Shape, choices: usize, include_usage: bool) -> Self {
        Self { shape, choices, include_usage }
    }

    fn delta(&self, choice: usize, delta: impl Serialize, finish: Option<&'static str>) -> String {
        self.line(&[Choice { index: choice, delta, logprobs: None, finish_reason: finish }], Value::Null)
    }

    fn line<D: Serialize>(&self, choices: &[Choice<D>], counted: Value) -> String {
        let counted = self.include_usage.then_some(counted);
        event_line(None, &self.shape.object("chat.completion.chunk", choices, counted))
    }
}

impl Wording for Chunks {
    fn opening(&mut self) -> String {
        let role = |choice| self.delta(choice, Text { role: Some("assistant"), content: "" }, None);
        (0..self.choices).map(role).collect()
    }

    fn text(&mut self, choice: usize, piece: &str) -> String {
        self.delta(choice, Text { role: None, content: piece }, None)
    }

    fn ended(&mut self, choice: usize, end: &End) -> String {
        let calls = end.calls.iter().enumerate().map(|(index, call)| {
            // Whole: nothing of the arguments may go out before all of it was judged.
            self.delta(choice, json!({"tool_calls": [tools::object(call.get(), Some(index))]}), None)
        });
        calls.chain([self.delta(choice, json!({}), Some(reason(end.finish)))]).collect()
    }

    fn closing(&mut self, counted: Usage) -> String {
        let counted = if self.include_usage { self.line::<Value>(&[], usage(counted)) } else { String::new() };
        format!("{counted}data: [DONE]\n\n")
    }

    /// No `[DONE]` follows, because nothing was done.
    fn failed(&mut self, error: &ApiError) -> String {
        event_line(None, &error.body())
    }
}

fn whole(index: usize, end: &End) -> Value {
    let calls: Vec<Value> = end.calls.iter().map(|call| tools::object(call.get(), None)).collect();
    let text = Some(end.text.get()).filter(|text| calls.is_empty() || !text.is_empty());
    let mut message = json!({"role": "assistant", "content": text, "refusal": null});
    if !calls.is_empty() {
        put(&mut message, "tool_calls", json!(calls));
    }
    json!({"index": index, "message": message, "logprobs": null, "finish_reason": reason(end.finish)})
}

fn reason(finish: Finish) -> &'static str {
    match finish {
        Finish::Calls => "tool_calls",
        Finish::Stop => "stop",
        Finish::Length => "length",
        Finish::Filtered | Finish::FilteredUpstream => "content_filter",
    }
}

fn usage(counted: Usage) -> Value {
    json!({
        "prompt_tokens": counted.prompt_tokens,
        "completion_tokens": counted.completion_tokens,
        "total_tokens": counted.prompt_tokens.saturating_add(counted.completion_tokens),
        "prompt_tokens_details": {"cached_tokens": counted.cached_tokens},
        "completion_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
    })
}

fn put(object: &mut Value, name: &str, value: Value) {
    if let Some(fields) = object.as_object_mut() {
        fields.insert(name.to_owned(), value);
    }
}

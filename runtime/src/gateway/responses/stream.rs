//! A response as events: each lifts the object a client builds one step further, and carries its number.

use serde_json::{Value, json};

use super::shape::{Shape, Status, part, usage};
use super::tools;
use crate::gateway::completion::{End, Finish, Wording, event_line};
use crate::gateway::error::ApiError;
use crate::session::turn::{ToolCall, Usage};

/// The events of a stream.
#[derive(Debug)]
pub(super) struct Events {
    shape: Shape,
    /// The number of the next event.
    sequence: u64,
    /// What was said so far.
    text: String,
    /// The calls behind it.
    calls: Vec<Value>,
    /// How the reply ended, once it has.
    finish: Finish,
}

impl Events {
    pub(super) fn new(shape: Shape) -> Self {
        Self { shape, sequence: 0, text: String::new(), calls: Vec::new(), finish: Finish::Stop }
    }

    fn event(&mut self, name: &str, mut data: Value) -> String {
        if let Some(fields) = data.as_object_mut() {
            fields.insert("type".to_owned(), json!(name));
            fields.insert("sequence_number".to_owned(), json!(self.sequence));
        }
        self.sequence += 1;
        event_line(Some(name), &data)
    }

    /// An event about the whole.
    fn response(&mut self, name: &str, response: &Value) -> String {
        self.event(name, json!({"response": response}))
    }

    /// An event about the one message, which is the first item.
    fn message(&mut self, name: &str, status: Status, content: &Value) -> String {
        let item = self.shape.message(status, content);
        self.item(name, 0, &item)
    }

    /// An event about an item.
    fn item(&mut self, name: &str, index: usize, item: &Value) -> String {
        self.event(name, json!({"output_index": index, "item": item}))
    }

    /// A call. Its arguments come in one piece: nothing of them may go out before all of it was judged.
    fn called(&mut self, index: usize, call: &ToolCall) -> String {
        let (begun, whole) = (tools::item(call, false), tools::item(call, true));
        let (id, arguments) = (tools::id(call), &call.arguments);
        let delta = json!({"item_id": id, "output_index": index, "delta": arguments});
        let done = json!({"item_id": id, "output_index": index, "name": call.name, "arguments": arguments});
        self.item("response.output_item.added", index, &begun)
            + &self.event("response.function_call_arguments.delta", delta)
            + &self.event("response.function_call_arguments.done", done)
            + &self.item("response.output_item.done", index, &whole)
    }

    /// An event about the message's one text.
    fn part(&mut self, name: &str, field: &str, value: Value) -> String {
        let mut data = json!({"item_id": self.shape.message_id(), "output_index": 0, "content_index": 0});
        if let Some(fields) = data.as_object_mut() {
            fields.insert(field.to_owned(), value);
            if name.starts_with("response.output_text") {
                fields.insert("logprobs".to_owned(), json!([]));
            }
        }
        self.event(name, data)
    }

    fn snapshot(&self, status: Status, usage: &Value) -> Value {
        self.shape.response(status, &self.shape.output(status, &self.text, self.calls.iter().cloned()), usage)
    }
}

impl Wording for Events {
    fn opening(&mut self) -> String {
        let response = self.snapshot(Status::InProgress, &Value::Null);
        self.response("response.created", &response) + &self.response("response.in_progress", &response)
    }

    fn text(&mut self, _choice: usize, piece: &str) -> String {
        let mut events = String::new();
        if self.text.is_empty() {
            events = self.message("response.output_item.added", Status::InProgress, &json!([]))
                + &self.part("response.content_part.added", "part", part(""));
        }
        self.text.push_str(piece);
        events + &self.part("response.output_text.delta", "delta", json!(piece))
    }

    fn ended(&mut self, _choice: usize, end: &End) -> String {
        self.finish = end.finish;
        let mut events = String::new();
        let mut index = 0;
        if !self.text.is_empty() {
            let (text, whole) = (json!(self.text), part(&self.text));
            events = self.part("response.output_text.done", "text", text)
                + &self.part("response.content_part.done", "part", whole.clone())
                + &self.message("response.output_item.done", Status::Ended(end.finish), &json!([whole]));
            index = 1;
        }
        for call in &end.calls {
            events.push_str(&self.called(index, call.get()));
            self.calls.push(tools::item(call.get(), true));
            index += 1;
        }
        events
    }

    fn closing(&mut self, counted: Usage) -> String {
        let status = Status::Ended(self.finish);
        let response = self.snapshot(status, &usage(counted));
        self.response(&format!("response.{}", status.name()), &response)
    }

    /// First the response as it stands, for those who keep it, then the error, at which clients raise.
    fn failed(&mut self, error: &ApiError) -> String {
        let mut response = self.snapshot(Status::Failed, &Value::Null);
        if let Some(fields) = response.as_object_mut() {
            fields.insert("error".to_owned(), json!({"code": class(error), "message": error.message()}));
        }
        let failed = self.response("response.failed", &response);
        let mut data = error.body();
        if let Some(fields) = data.as_object_mut() {
            fields.insert("code".to_owned(), json!(error.code()));
            fields.insert("message".to_owned(), json!(error.message()));
            fields.insert("param".to_owned(), Value::Null);
        }
        failed + &self.event("error", data)
    }
}

/// The nearest of the codes that a response's error may have.
fn class(error: &ApiError) -> &'static str {
    match error.status().as_u16() {
        429 => "rate_limit_exceeded",
        400..=499 => "invalid_prompt",
        _ => "server_error",
    }
}

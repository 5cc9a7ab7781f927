//! OpenAI's response objects.

use serde_json::{Value, json};

use super::request::Echo;
use super::tools;
use crate::clock;
use crate::gateway::completion::{Completion, End, Finish};
use crate::session::turn::Usage;

/// What every object of one response has in common.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    id: String,
    created_at: u64,
    model: String,
    echo: Echo,
}

/// How far a response has come.
#[derive(Debug, Clone, Copy)]
pub(super) enum Status {
    InProgress,
    Failed,
    Ended(Finish),
}

impl Status {
    /// The status of a response, and of what is in it.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::InProgress => "in_progress",
            Self::Failed => "failed",
            Self::Ended(Finish::Calls | Finish::Stop) => "completed",
            Self::Ended(Finish::Length | Finish::Filtered | Finish::FilteredUpstream) => "incomplete",
        }
    }

    fn incomplete_because(self) -> Value {
        match self {
            Self::Ended(Finish::Length) => json!({"reason": "max_output_tokens"}),
            Self::Ended(Finish::Filtered | Finish::FilteredUpstream) => json!({"reason": "content_filter"}),
            Self::InProgress | Self::Failed | Self::Ended(Finish::Calls | Finish::Stop) => Value::Null,
        }
    }
}

impl Shape {
    pub(super) fn new(completion: &Completion, echo: Echo) -> Self {
        Self {
            id: completion.id.clone(),
            created_at: clock::unix().as_secs(),
            model: completion.contract.name.clone(),
            echo,
        }
    }

    /// A whole response.
    pub(super) fn ended(&self, end: &End) -> Value {
        let status = Status::Ended(end.finish);
        let calls = end.calls.iter().map(|call| tools::item(call.get(), true));
        self.response(status, &self.output(status, end.text.get(), calls), &usage(end.usage))
    }

    /// The items of a reply: its text, if there is any, and its calls.
    pub(super) fn output(&self, status: Status, text: &str, calls: impl IntoIterator<Item = Value>) -> Value {
        let text = Some(text).filter(|text| !text.is_empty());
        let message = text.map(|text| self.message(status, &json!([part(text)])));
        message.into_iter().chain(calls).collect()
    }

    /// The one message of a reply.
    pub(super) fn message(&self, status: Status, content: &Value) -> Value {
        // A message cannot fail; that of a response that did stays incomplete.
        let status = if matches!(status, Status::Failed) { "incomplete" } else { status.name() };
        json!({"type": "message", "id": self.message_id(), "status": status, "role": "assistant", "content": content})
    }

    pub(super) fn message_id(&self) -> String {
        format!("msg_{}", self.id)
    }

    pub(super) fn response(&self, status: Status, output: &Value, usage: &Value) -> Value {
        let completed_at = (status.name() == "completed").then(|| clock::unix().as_secs());
        json!({
            "id": format!("resp_{}", self.id),
            "object": "response",
            "created_at": self.created_at,
            "completed_at": completed_at,
            "status": status.name(),
            "error": null,
            "incomplete_details": status.incomplete_because(),
            "instructions": self.echo.instructions,
            "metadata": self.echo.metadata,
            "model": self.model,
            "output": output,
            "temperature": self.echo.temperature,
            "max_output_tokens": self.echo.max_output_tokens,
            "tools": self.echo.tools.offered,
            "tool_choice": self.echo.tools.choice,
            "parallel_tool_calls": self.echo.tools.parallel.unwrap_or(true),
            "text": {"format": {"type": "text"}},
            "reasoning": {"effort": null, "summary": null},
            "previous_response_id": null,
            "background": false,
            "service_tier": "default",
            "store": false,
            "top_p": 1.0,
            "truncation": "disabled",
            "usage": usage,
        })
    }
}

/// A text within a message.
pub(super) fn part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}

pub(super) fn usage(counted: Usage) -> Value {
    json!({
        "input_tokens": counted.prompt_tokens,
        "input_tokens_details": {"cached_tokens": counted.cached_tokens, "cache_write_tokens": 0},
        "output_tokens": counted.completion_tokens,
        "output_tokens_details": {"reasoning_tokens": counted.reasoning_tokens},
        "total_tokens": counted.prompt_tokens.saturating_add(counted.completion_tokens),
    })
}

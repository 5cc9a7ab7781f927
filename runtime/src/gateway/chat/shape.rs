//! OpenAI's response objects.

use axum::http::StatusCode;
use rolecall_dsl::Contract;
use serde_json::{Value, json};

use crate::clock;
use crate::gateway::error::ApiError;
use crate::ids::SessionId;
use crate::session::turn::{TurnEnd, Usage};

/// What every object of one response has in common.
#[derive(Debug, Clone)]
pub(super) struct Shape {
    id: String,
    created: u64,
    model: String,
    fingerprint: String,
    pub(super) include_usage: bool,
}

impl Shape {
    pub(super) fn new(contract: &Contract, include_usage: bool) -> Result<Self, ApiError> {
        let random = SessionId::random()
            .map_err(|error| ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "no_randomness", error.to_string()))?;
        let digits = random.as_str().trim_start_matches("s_");
        Ok(Self {
            id: format!("chatcmpl-{digits}"),
            created: clock::unix().as_secs(),
            model: contract.name.clone(),
            fingerprint: format!("fp_{}", contract.digest.chars().take(12).collect::<String>()),
            include_usage,
        })
    }

    /// A whole reply.
    pub(super) fn completion(&self, end: &TurnEnd, finish_reason: &str) -> Value {
        json!({
            "id": self.id,
            "object": "chat.completion",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "choices": [{
                "index": 0,
                "message": {"role": "assistant", "content": end.text.get(), "refusal": null},
                "logprobs": null,
                "finish_reason": finish_reason,
            }],
            "usage": usage(end.usage),
        })
    }

    /// The first chunk of a stream.
    pub(super) fn opening(&self) -> Value {
        self.chunk(&json!([choice(&json!({"role": "assistant", "content": ""}), None)]), None)
    }

    /// A piece of the reply.
    pub(super) fn piece(&self, text: &str) -> Value {
        self.chunk(&json!([choice(&json!({"content": text}), None)]), None)
    }

    /// The last chunk of a reply.
    pub(super) fn closing(&self, finish_reason: &str) -> Value {
        self.chunk(&json!([choice(&json!({}), Some(finish_reason))]), None)
    }

    /// The chunk that carries the usage, when it was asked for.
    pub(super) fn usage(&self, counted: Usage) -> Value {
        self.chunk(&json!([]), Some(usage(counted)))
    }

    fn chunk(&self, choices: &Value, counted: Option<Value>) -> Value {
        let mut chunk = json!({
            "id": self.id,
            "object": "chat.completion.chunk",
            "created": self.created,
            "model": self.model,
            "system_fingerprint": self.fingerprint,
            "choices": choices,
        });
        if self.include_usage
            && let Some(fields) = chunk.as_object_mut()
        {
            fields.insert("usage".to_owned(), counted.unwrap_or(Value::Null));
        }
        chunk
    }
}

fn choice(delta: &Value, finish_reason: Option<&str>) -> Value {
    json!({"index": 0, "delta": delta, "logprobs": null, "finish_reason": finish_reason})
}

fn usage(counted: Usage) -> Value {
    json!({
        "prompt_tokens": counted.prompt_tokens,
        "completion_tokens": counted.completion_tokens,
        "total_tokens": counted.prompt_tokens.saturating_add(counted.completion_tokens),
    })
}

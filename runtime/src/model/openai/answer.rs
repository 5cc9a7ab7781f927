//! A streamed chat completion.

use std::collections::VecDeque;
use std::time::Duration;

use futures_util::{StreamExt, stream};
use reqwest::Response;
use rolecall_wire::sse::Parser;
use serde_json::Value;

use super::refusal;
use crate::clock;
use crate::config::Secret;
use crate::enforce::CallPiece;
use crate::model::{ModelChunk, ModelError, ModelStream};
use crate::session::turn::Usage;

/// The longest line, and the longest data of one event.
pub(super) const MAX_BYTES: usize = 1 << 20;

/// What is read without any text in it, such as comments or a reasoning that is not shown.
const MAX_SILENT_BYTES: usize = 64 << 20;

/// How long, and how far, a body is read behind `[DONE]` for its end: a connection whose body has ended
/// can be used again.
const END_WAIT: Duration = Duration::from_millis(100);
const END_BYTES: usize = 64 << 10;

/// How long behind a `finish_reason` what may still come is waited for: the usage, `[DONE]`, the end of the body.
/// None of them is due.
const REST_WAIT_MS: u64 = 500;

/// Reads an answer: events, or, from servers that do not stream, one JSON document.
pub(super) async fn read(
    response: Response,
    key: Option<&Secret>,
    answer_bytes: usize,
) -> Result<ModelStream, ModelError> {
    if let Some(encoding) = response.headers().get("content-encoding").filter(|v| v.as_bytes() != b"identity") {
        let shown = refusal::quote(&String::from_utf8_lossy(encoding.as_bytes()), key);
        return Err(ModelError::BadStream(format!("it is encoded as {shown}, which was not asked for")));
    }
    let json = response.headers().get("content-type").is_some_and(|v| v.as_bytes().starts_with(b"application/json"));
    if json {
        return whole(response, key, answer_bytes.saturating_mul(2)).await;
    }
    let reader = Reader {
        response: Some(response),
        key: key.cloned(),
        parser: Parser::new(MAX_BYTES),
        chunks: VecDeque::new(),
        finish: None,
        rest_by_ms: None,
        done: false,
        text: false,
        silent_bytes: 0,
    };
    Ok(stream::unfold(reader, |mut reader| async move { reader.next().await.map(|chunk| (chunk, reader)) }).boxed())
}

struct Reader {
    /// `None` when nothing more is read.
    response: Option<Response>,
    /// To be masked where the server repeats it.
    key: Option<Secret>,
    parser: Parser,
    chunks: VecDeque<Result<ModelChunk, ModelError>>,
    /// How the answer ends, once a `finish_reason` came.
    finish: Option<ModelChunk>,
    /// Until when more is waited for, from then on.
    rest_by_ms: Option<u64>,
    /// Whether `[DONE]` came.
    done: bool,
    /// Whether anything that looks like a completion came.
    text: bool,
    /// Bytes read since the last text.
    silent_bytes: usize,
}

impl Reader {
    async fn next(&mut self) -> Option<Result<ModelChunk, ModelError>> {
        loop {
            if let Some(chunk) = self.chunks.pop_front() {
                return Some(chunk);
            }
            if self.done && self.response.is_some() {
                self.read_to_the_end().await;
                self.end();
                continue;
            }
            let read = self.response.as_mut()?.chunk();
            let read = match self.rest_by_ms {
                Some(by) => {
                    let left = Duration::from_millis(by.saturating_sub(clock::monotonic_ms()));
                    tokio::time::timeout(left, read).await.unwrap_or(Ok(None))
                }
                None => read.await,
            };
            match read {
                Ok(Some(bytes)) => self.take(&bytes),
                Ok(None) => self.end(),
                // A server may drop the connection after the last event without ending the body.
                Err(_) if self.finish.is_some() => self.end(),
                Err(error) => {
                    let cause = refusal::transport(&error);
                    self.fail(ModelError::Cut(cause.to_string()));
                }
            }
        }
    }

    fn take(&mut self, bytes: &[u8]) {
        self.silent_bytes = self.silent_bytes.saturating_add(bytes.len());
        match self.parser.push(bytes) {
            Ok(events) => events.iter().for_each(|e| self.event(&e.data)),
            Err(_) => self.fail(ModelError::TooLarge { what: "event", limit: MAX_BYTES }),
        }
        if self.silent_bytes > MAX_SILENT_BYTES {
            self.fail(ModelError::TooLarge { what: "stream without text", limit: MAX_SILENT_BYTES });
        }
    }

    fn event(&mut self, data: &str) {
        // Some servers keep connections alive with events that hold nothing.
        if self.response.is_none() || self.done || data.trim().is_empty() {
            return;
        }
        if data.trim() == "[DONE]" {
            self.done = true;
            return;
        }
        let Ok(json) = serde_json::from_str::<Value>(data) else {
            let shown = refusal::quote(data, self.key.as_ref());
            return self.fail(ModelError::BadStream(format!("an event is not JSON: {shown}")));
        };
        if let Some(error) = refusal::reported(&json, self.key.as_ref()) {
            return self.fail(error);
        }
        self.chunks.extend(usage(&json).map(|u| Ok(ModelChunk::Usage(u))));
        let Some(choice) = Choice::of(&json, "delta") else { return };
        self.text = true;
        if let Some(text) = choice.text.filter(|text| !text.is_empty()) {
            self.silent_bytes = 0;
            self.chunks.push_back(Ok(ModelChunk::Text(text.to_owned())));
        }
        if !choice.calls.is_empty() {
            self.silent_bytes = 0;
        }
        self.chunks.extend(choice.calls.into_iter().map(|piece| Ok(ModelChunk::Call(piece))));
        self.finish = choice.finish.or(self.finish.take());
        if self.finish.is_some() && self.rest_by_ms.is_none() {
            self.rest_by_ms = Some(clock::monotonic_ms().saturating_add(REST_WAIT_MS));
        }
    }

    /// Reads the rest of the body, which nobody wants, unless it does not end soon.
    async fn read_to_the_end(&mut self) {
        let Some(response) = self.response.as_mut() else { return };
        let rest = async {
            let mut read = 0;
            while let Ok(Some(bytes)) = response.chunk().await {
                read += bytes.len();
                if read > END_BYTES {
                    return;
                }
            }
        };
        // Without its end the connection is closed, and the next call opens another.
        let _in_time = tokio::time::timeout(END_WAIT, rest).await;
    }

    /// `[DONE]`, or the end of the body. `[DONE]` itself is optional; a finish reason is not.
    fn end(&mut self) {
        if self.response.is_none() {
            return;
        }
        if let Some(event) = self.parser.finish() {
            self.event(&event.data);
        }
        match self.finish.take() {
            // The last event was an error.
            _ if self.response.is_none() => {}
            Some(finish) => {
                self.response = None;
                self.chunks.push_back(Ok(finish));
            }
            None if self.text => self.fail(ModelError::Cut("it ended without a finish reason".into())),
            None => self.fail(ModelError::BadStream("it holds no chat completion".into())),
        }
    }

    fn fail(&mut self, error: ModelError) {
        if self.response.take().is_some() {
            self.chunks.push_back(Err(error));
        }
    }
}

async fn whole(mut response: Response, key: Option<&Secret>, limit: usize) -> Result<ModelStream, ModelError> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| ModelError::Cut(refusal::transport(&e).to_string()))? {
        if body.len() + chunk.len() > limit {
            return Err(ModelError::TooLarge { what: "answer", limit });
        }
        body.extend_from_slice(&chunk);
    }
    let json: Value =
        serde_json::from_slice(&body).map_err(|e| ModelError::BadStream(format!("the answer is not JSON: {e}")))?;
    if let Some(error) = refusal::reported(&json, key) {
        return Err(error);
    }
    let Some(choice) = Choice::of(&json, "message").filter(Choice::says_anything) else {
        return Err(ModelError::BadStream("the answer holds no message".into()));
    };
    let mut chunks: Vec<_> = choice.text.iter().map(|text| Ok(ModelChunk::Text((*text).to_owned()))).collect();
    chunks.extend(choice.calls.into_iter().map(|piece| Ok(ModelChunk::Call(piece))));
    chunks.extend(usage(&json).map(|u| Ok(ModelChunk::Usage(u))));
    chunks.push(Ok(choice.finish.unwrap_or(ModelChunk::Stop { length: false })));
    Ok(stream::iter(chunks).boxed())
}

/// The first choice of a completion, or of a chunk of one.
struct Choice<'a> {
    text: Option<&'a str>,
    calls: Vec<CallPiece>,
    /// How the answer ends, once there is a finish reason.
    finish: Option<ModelChunk>,
}

impl<'a> Choice<'a> {
    /// `part` is `delta` in chunks and `message` in whole completions.
    fn of(json: &'a Value, part: &str) -> Option<Self> {
        // One was asked for: others that come along, or between its chunks, are not of this answer.
        let first = |choice: &&Value| choice.get("index").is_none_or(|index| index.as_u64() == Some(0));
        let choice = json.get("choices")?.as_array()?.iter().find(first)?;
        let part = choice.get(part);
        let text = part.and_then(|part| part.get("content")).and_then(Value::as_str);
        let calls = part.and_then(|part| part.get("tool_calls")).and_then(Value::as_array);
        let calls = calls.map(|calls| calls.iter().map(piece).collect()).unwrap_or_default();
        let finish = choice.get("finish_reason").and_then(Value::as_str).map(|reason| match reason {
            "content_filter" => ModelChunk::Filtered,
            reason => ModelChunk::Stop { length: reason == "length" },
        });
        Some(Self { text, calls, finish })
    }

    /// Whether there is an answer in it; of one that was filtered, nothing may be left.
    fn says_anything(&self) -> bool {
        self.text.is_some() || !self.calls.is_empty() || self.finish == Some(ModelChunk::Filtered)
    }
}

/// A piece of a call; some servers write the arguments as JSON, not as text.
fn piece(call: &Value) -> CallPiece {
    let text = |path: &str| call.pointer(path).and_then(Value::as_str).map(str::to_owned);
    let written = || call.pointer("/function/arguments").filter(|value| !value.is_null()).map(Value::to_string);
    CallPiece {
        index: call.get("index").and_then(Value::as_u64),
        id: text("/id"),
        name: text("/function/name"),
        arguments: text("/function/arguments").or_else(written).unwrap_or_default(),
    }
}

fn usage(json: &Value) -> Option<Usage> {
    let usage = json.get("usage").filter(|u| u.is_object())?;
    let count = |path: &str| usage.pointer(path).and_then(Value::as_u64).unwrap_or(0);
    Some(Usage {
        prompt_tokens: count("/prompt_tokens"),
        completion_tokens: count("/completion_tokens"),
        cached_tokens: count("/prompt_tokens_details/cached_tokens"),
        reasoning_tokens: count("/completion_tokens_details/reasoning_tokens"),
    })
}

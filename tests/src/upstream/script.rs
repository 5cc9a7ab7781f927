//! What the misbehaving server is told to do.

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::DECENT;

/// One call's behaviour.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Script {
    /// The deltas, in order.
    pub pieces: Vec<String>,
    /// The tools called behind them; their pieces come in turn, as of calls made side by side.
    pub calls: Vec<Call>,
    /// Milliseconds before each of them.
    pub gap_ms: u64,
    /// What follows the last one.
    pub end: End,
    /// The finish reason of a proper end.
    pub finish: String,
    /// Answer with this status and `body` instead of a reply.
    pub status: Option<u16>,
    /// The body of such an answer.
    pub body: Body,
    /// How lines of the event stream end.
    pub line_end: LineEnd,
    /// Bytes per write to the socket; 0 writes each event at once.
    pub write_bytes: usize,
    /// Writes every character of a delta as a JSON `\u` escape.
    pub escape: bool,
    /// Puts comments, empty deltas and unknown fields between the deltas.
    pub noise: bool,
    /// Writes these and nothing else, HTTP included.
    pub raw: Vec<Part>,
}

/// A part of an answer that is written as it stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Part {
    /// A text.
    Text(String),
    /// Bytes that need not be a text.
    Bytes(Vec<u8>),
    /// A text this often.
    Times(usize, String),
    /// A text over and over, whether or not the caller hangs up, until nobody takes it any more.
    Forever(String),
    /// Nothing more is written; the connection stays open until the caller hangs up.
    Hold,
    /// The end of what is written, while the caller is listened to until it hangs up.
    HalfClose,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Call {
    /// The tool.
    pub name: String,
    /// The arguments, one delta each.
    pub pieces: Vec<String>,
}

/// How a stream ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum End {
    /// Finish reason, usage and `[DONE]`.
    #[default]
    Done,
    /// Finish reason, then the end of the body without `[DONE]`.
    NoDone,
    /// The connection is cut in the middle of the stream.
    Cut,
    /// Nothing more ever comes; the connection stays open.
    Stall,
    /// An error object inside the stream.
    ErrorEvent,
    /// An event that is not JSON.
    Garbage,
}

/// What an error answer carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Body {
    /// The API's own error object.
    #[default]
    Json,
    /// A proxy's page.
    Html,
    /// Nothing.
    Empty,
}

/// How the lines of an event stream end; all three are in its standard.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum LineEnd {
    /// `\n`.
    #[default]
    Lf,
    /// `\r\n`.
    CrLf,
    /// `\r`.
    Cr,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            pieces: vec![DECENT.to_owned()],
            calls: Vec::new(),
            gap_ms: 0,
            end: End::default(),
            finish: "stop".to_owned(),
            status: None,
            body: Body::default(),
            line_end: LineEnd::default(),
            write_bytes: 0,
            escape: false,
            noise: false,
            raw: Vec::new(),
        }
    }
}

impl Script {
    /// Says these pieces, one delta each.
    #[must_use]
    pub fn say(pieces: &[&str]) -> Self {
        Self { pieces: pieces.iter().map(|piece| (*piece).to_owned()).collect(), ..Self::default() }
    }

    /// Calls one tool.
    #[must_use]
    pub fn call(name: &str, pieces: &[&str]) -> Self {
        let pieces = pieces.iter().map(|piece| (*piece).to_owned()).collect();
        Self { calls: vec![Call { name: name.to_owned(), pieces }], finish: "tool_calls".to_owned(), ..Self::say(&[]) }
    }

    /// Answers with an error.
    #[must_use]
    pub fn fail(status: u16, body: Body) -> Self {
        Self { status: Some(status), body, ..Self::default() }
    }

    /// Answers with these bytes.
    #[must_use]
    pub fn raw(parts: &[Part]) -> Self {
        Self { raw: parts.to_vec(), ..Self::default() }
    }

    /// The bytes of the event stream up to its end, one item per event.
    pub(super) fn events(&self) -> Vec<Vec<u8>> {
        let mut events = vec![self.event(&chunk(&json!({"role": "assistant", "content": ""}), None))];
        for piece in &self.pieces {
            if self.noise {
                events.push(self.lines(": keep-alive"));
                events
                    .push(self.event(&chunk(&json!({"content": "", "reasoning": "…", "x_vendor": {"a": [1]}}), None)));
            }
            events.push(self.event(&chunk(&json!({"content": piece}), None)));
        }
        events.extend(self.called().iter().map(|call| self.event(&chunk(&json!({"tool_calls": [call]}), None))));
        events
    }

    /// The deltas of the calls, as OpenAI's servers write them.
    fn called(&self) -> Vec<Value> {
        let mut deltas: Vec<Value> = Vec::new();
        for (index, call) in self.calls.iter().enumerate() {
            deltas.push(json!({"index": index, "id": format!("up_{index}"), "type": "function",
                "function": {"name": call.name, "arguments": ""}}));
        }
        let longest = self.calls.iter().map(|call| call.pieces.len()).max().unwrap_or(0);
        for at in 0..longest {
            let pieces = self.calls.iter().enumerate().filter_map(|(index, call)| Some((index, call.pieces.get(at)?)));
            deltas.extend(pieces.map(|(index, piece)| json!({"index": index, "function": {"arguments": piece}})));
        }
        deltas
    }

    /// The bytes behind the last delta.
    pub(super) fn ending(&self) -> Vec<Vec<u8>> {
        let finish = self.event(&chunk(&json!({}), Some(&self.finish)));
        let usage = self
            .event(&json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
            "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}}));
        match self.end {
            End::Done => vec![finish, usage, self.lines("data: [DONE]")],
            End::NoDone => vec![finish],
            End::Cut | End::Stall => Vec::new(),
            End::ErrorEvent => vec![self.event(&error(500))],
            End::Garbage => vec![self.lines("data: {\"choices\": [{\"delta\"")],
        }
    }

    /// Status and body of an error answer.
    pub(super) fn failure(&self) -> Option<(u16, &'static str, String)> {
        let status = self.status?;
        Some(match self.body {
            Body::Json => (status, "application/json", error(status).to_string()),
            Body::Html => (
                status,
                "text/html",
                format!("<html><head><title>{status} Scripted</title></head><body>at secret-host</body></html>"),
            ),
            Body::Empty => (status, "text/plain", String::new()),
        })
    }

    /// The un-streamed answer.
    pub(super) fn whole(&self) -> Value {
        let calls: Vec<Value> = (self.calls.iter().enumerate())
            .map(|(index, call)| {
                let function = json!({"name": call.name, "arguments": call.pieces.concat()});
                json!({"id": format!("up_{index}"), "type": "function", "function": function})
            })
            .collect();
        json!({"id": "c1", "object": "chat.completion", "created": 1, "model": "scripted",
            "choices": [{"index": 0, "finish_reason": self.finish,
                "message": {"role": "assistant", "content": self.pieces.concat(), "tool_calls": calls}}],
            "usage": {"prompt_tokens": 7, "completion_tokens": 11, "total_tokens": 18}})
    }

    fn event(&self, data: &Value) -> Vec<u8> {
        let text = data.to_string();
        let text = if self.escape { escape(&text) } else { text };
        self.lines(&format!("data: {text}"))
    }

    fn lines(&self, line: &str) -> Vec<u8> {
        let end = match self.line_end {
            LineEnd::Lf => "\n",
            LineEnd::CrLf => "\r\n",
            LineEnd::Cr => "\r",
        };
        format!("{line}{end}{end}").into_bytes()
    }
}

/// A user message that tells the upstream what to do, call by call.
#[must_use]
pub fn directive(scripts: &[Script]) -> String {
    format!("@upstream{}", json!(scripts))
}

/// The scripts in a user message and the text that names them; `None` when there are none.
pub(super) fn read(message: &str) -> Option<(String, Result<Vec<Script>>)> {
    let at = message.find("@upstream")?;
    let text = message.get(at + "@upstream".len()..)?;
    // What a caller wrote behind the list is not ours.
    let mut values = serde_json::Deserializer::from_str(text).into_iter::<Vec<Script>>();
    let scripts = values.next().context("no script").and_then(|scripts| scripts.context("a script is malformed"));
    let name = text.get(..values.byte_offset()).unwrap_or(text);
    Some((name.to_owned(), scripts))
}

fn chunk(delta: &Value, finish: Option<&str>) -> Value {
    json!({"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "scripted",
        "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]})
}

pub(super) fn error(status: u16) -> Value {
    let kind = match status {
        400 => "invalid_request_error",
        401 => "authentication_error",
        429 => "rate_limit_error",
        _ => "server_error",
    };
    json!({"error": {"message": format!("scripted {status} from secret-host"), "type": kind, "code": null, "param": null}})
}

/// JSON with everything beyond ASCII as `\u` escapes, surrogate pairs included.
fn escape(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    for c in json.chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            let mut units = [0u16; 2];
            for unit in c.encode_utf16(&mut units) {
                out.push_str(&format!("\\u{unit:04x}"));
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_directive_is_read_back_from_any_surroundings() {
        let scripts = vec![Script::say(&["算", "法"]), Script::fail(429, Body::Html)];
        let message = format!("please {} and then some", directive(&scripts));
        let (name, read) = read(&message).unwrap();
        assert_eq!(read.unwrap(), scripts);
        assert!(name.ends_with(']'));
    }

    #[test]
    fn escapes_decode_to_the_same() {
        let text = json!({"a": "算法😀"}).to_string();
        assert!(escape(&text).is_ascii());
        assert_eq!(serde_json::from_str::<Value>(&escape(&text)).unwrap(), json!({"a": "算法😀"}));
    }
}

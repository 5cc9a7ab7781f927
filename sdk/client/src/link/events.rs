use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use rolecall_wire::close;
use rolecall_wire::limits::MAX_SERVER_PAYLOAD;

use super::Incoming;
use super::http::{Close, Connection};

/// What the server says as server-sent events (WHATWG HTML §9.2.6, as far as the server uses it: an event is at most
/// two lines, its name and its data).
pub(super) struct Events {
    body: BoxStream<'static, Result<Bytes, reqwest::Error>>,
    /// Behind the last whole line.
    rest: Vec<u8>,
    name: String,
    ready: VecDeque<Event>,
}

#[derive(Debug, PartialEq, Eq)]
struct Event {
    name: String,
    data: String,
}

impl fmt::Debug for Events {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").field("ready", &self.ready.len()).finish_non_exhaustive()
    }
}

impl Events {
    /// The connection's name, and what follows; `None` when the answer is none of ours.
    pub(super) async fn open(response: reqwest::Response) -> Option<(String, Self)> {
        let body = response.bytes_stream().boxed();
        let mut events = Self { body, rest: Vec::new(), name: String::new(), ready: VecDeque::new() };
        let first = events.event().await?;
        let opened: Connection = serde_json::from_str(&first.data).ok().filter(|_| first.name == "open")?;
        Some((opened.connection, events))
    }

    /// The next thing that comes. Cancel-safe: what was read is kept.
    pub(super) async fn next(&mut self) -> Incoming {
        let Some(Event { name, data }) = self.event().await else { return Incoming::Gone };
        match name.as_str() {
            "" => Incoming::Text(data),
            "close" => {
                let close = serde_json::from_str::<Close>(&data);
                Incoming::Closed(close.map_or(close::NO_STATUS, |close| close.code))
            }
            // Of a later version.
            _ => Incoming::Nothing,
        }
    }

    async fn event(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.ready.pop_front() {
                return Some(event);
            }
            let piece = self.body.next().await?.ok()?;
            self.rest.extend_from_slice(&piece);
            if self.rest.len() > 2 * MAX_SERVER_PAYLOAD {
                return None;
            }
            self.split();
        }
    }

    fn split(&mut self) {
        let mut from = 0;
        while let Some(length) = self.rest.get(from..).and_then(|rest| rest.iter().position(|byte| *byte == b'\n')) {
            let line = self.rest.get(from..from + length).unwrap_or_default();
            let line = String::from_utf8_lossy(line.strip_suffix(b"\r").unwrap_or(line)).into_owned();
            if let Some(data) = line.strip_prefix("data:") {
                let data = data.strip_prefix(' ').unwrap_or(data).to_owned();
                self.ready.push_back(Event { name: std::mem::take(&mut self.name), data });
            } else if let Some(name) = line.strip_prefix("event:") {
                name.trim().clone_into(&mut self.name);
            }
            from += length + 1;
        }
        self.rest.drain(..from);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Fails when a cut within a line, a comment or a character loses or doubles an event.
    #[test]
    fn events_come_whole_however_they_are_cut() {
        let text = ":\n\nevent: open\r\ndata: {\"connection\":\"c\"}\n\ndata: 你好\n\n:\n\nevent: close\ndata: {}\n\n";
        let expected = [("open", "{\"connection\":\"c\"}"), ("", "你好"), ("close", "{}")];
        for size in 1..text.len() {
            let mut events = Events {
                body: futures_util::stream::empty().boxed(),
                rest: Vec::new(),
                name: String::new(),
                ready: VecDeque::new(),
            };
            for piece in text.as_bytes().chunks(size) {
                events.rest.extend_from_slice(piece);
                events.split();
            }
            let found: Vec<(&str, &str)> = events.ready.iter().map(|e| (e.name.as_str(), e.data.as_str())).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }
}

use std::collections::VecDeque;
use std::fmt;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use rolecall_wire::close;
use rolecall_wire::limits::MAX_SERVER_PAYLOAD;
use rolecall_wire::sse::{Event, Parser};

use super::Incoming;
use super::http::{Close, Connection};

/// The longest event: JSON may take twice the bytes of what it says.
const MAX_BYTES: usize = 2 * MAX_SERVER_PAYLOAD;

/// What the server says as server-sent events.
pub(super) struct Events {
    body: BoxStream<'static, Result<Bytes, reqwest::Error>>,
    parser: Parser,
    ready: VecDeque<Event>,
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
        let mut events = Self { body, parser: Parser::new(MAX_BYTES), ready: VecDeque::new() };
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
            self.ready.extend(self.parser.push(&piece).ok()?);
        }
    }
}

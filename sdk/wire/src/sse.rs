//! Server-sent events, read as they come (WHATWG HTML §9.2.6, "Interpreting an event stream"): what
//! the server says where no WebSocket gets through (`PROTOCOL.md` §12), and how models answer.

use alloc::string::String;
use alloc::vec::Vec;

/// An event. Ids and `retry` are not kept: whoever reconnects here says where it was.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The `event` line; empty when there is none.
    pub name: String,
    /// The `data` lines, joined by newlines.
    pub data: String,
}

/// A line, or the data of an event, is longer than is taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLong;

/// Cuts bytes into events, however the bytes are chunked.
#[derive(Debug)]
pub struct Parser {
    max_bytes: usize,
    line: Vec<u8>,
    name: Vec<u8>,
    data: Option<Vec<u8>>,
    /// The last byte was a carriage return: a line feed now belongs to it.
    after_cr: bool,
    /// A line was read, so that no byte order mark can follow.
    begun: bool,
}

impl Parser {
    /// Takes lines, and the data of an event, of at most so many bytes.
    #[must_use]
    pub const fn new(max_bytes: usize) -> Self {
        Self { max_bytes, line: Vec::new(), name: Vec::new(), data: None, after_cr: false, begun: false }
    }

    /// Takes the next bytes; gives the events that they end.
    ///
    /// # Errors
    /// More than `max_bytes`; the stream cannot be read on.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<Event>, TooLong> {
        let mut events = Vec::new();
        let mut rest = bytes;
        while !rest.is_empty() {
            let end = rest.iter().position(|byte| matches!(byte, b'\n' | b'\r'));
            let (part, behind) = rest.split_at(end.unwrap_or(rest.len()));
            if self.line.len() + part.len() > self.max_bytes {
                return Err(TooLong);
            }
            self.line.extend_from_slice(part);
            let Some((end, behind)) = behind.split_first() else {
                self.after_cr = false;
                break;
            };
            let after_cr = core::mem::replace(&mut self.after_cr, *end == b'\r') && part.is_empty();
            if !(after_cr && *end == b'\n') {
                events.extend(self.end_line()?);
            }
            rest = behind;
        }
        Ok(events)
    }

    /// The end of the stream: an event whose last line is complete counts although no blank line
    /// follows, for some servers leave it out.
    pub fn finish(&mut self) -> Option<Event> {
        self.line.clear();
        self.dispatch()
    }

    fn end_line(&mut self) -> Result<Option<Event>, TooLong> {
        let line = core::mem::take(&mut self.line);
        let mut line = line.as_slice();
        if !core::mem::replace(&mut self.begun, true) {
            line = line.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(line);
        }
        if line.is_empty() {
            return Ok(self.dispatch());
        }
        let (field, value) = match line.iter().position(|b| *b == b':') {
            Some(colon) => line.split_at(colon),
            None => (line, &b""[..]),
        };
        let value = value.strip_prefix(b":").unwrap_or(value);
        let value = value.strip_prefix(b" ").unwrap_or(value);
        if field == b"event" {
            self.name = value.to_vec();
        } else if field == b"data" {
            let data = match self.data.take() {
                Some(mut data) => {
                    data.push(b'\n');
                    data.extend_from_slice(value);
                    data
                }
                None => value.to_vec(),
            };
            if data.len() > self.max_bytes {
                return Err(TooLong);
            }
            self.data = Some(data);
        }
        Ok(None)
    }

    fn dispatch(&mut self) -> Option<Event> {
        let name = core::mem::take(&mut self.name);
        let data = self.data.take()?;
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Some(Event { name: text(&name), data: text(&data) })
    }
}

#[cfg(test)]
mod tests {
    use alloc::borrow::ToOwned;
    use alloc::format;

    use proptest::prelude::*;

    use super::*;

    const MAX_BYTES: usize = 1 << 10;

    /// The specification read literally, over the whole text at once.
    fn oracle(text: &str) -> Vec<String> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n");
        let (mut events, mut data) = (Vec::new(), None::<String>);
        let complete = text.rfind('\n').map_or("", |end| text.split_at(end + 1).0);
        for line in complete.split_terminator('\n') {
            if line.is_empty() {
                events.extend(data.take());
            } else if let Some(value) = line.strip_prefix("data:").or((line == "data").then_some("")) {
                let value = value.strip_prefix(' ').unwrap_or(value);
                data = Some(data.map_or_else(|| value.to_owned(), |d| format!("{d}\n{value}")));
            }
        }
        events.extend(data);
        events
    }

    fn parse(chunks: impl IntoIterator<Item = Vec<u8>>) -> Vec<String> {
        let mut parser = Parser::new(MAX_BYTES);
        let mut events: Vec<String> = Vec::new();
        for chunk in chunks {
            events.extend(parser.push(&chunk).unwrap().into_iter().map(|e| e.data));
        }
        events.extend(parser.finish().map(|e| e.data));
        events
    }

    /// Fails when a line end, a comment, a field without a colon or a byte order mark is read wrongly.
    #[test]
    fn the_specifications_examples() {
        let cases: [(&str, &[&str]); 8] = [
            ("data: a\n\ndata: b\n\n", &["a", "b"]),
            ("data: a\r\n\r\ndata:b\r\rdata:  c\n\n", &["a", "b", " c"]),
            (": hello\ndata: x\ndata: y\nevent: e\nid: 1\n\n", &["x\ny"]),
            ("data\n\ndata\ndata\n\ndata:", &["", "\n"]),
            ("\u{feff}data: 好\n\n", &["好"]),
            ("data: cut off\nda", &["cut off"]),
            ("data: cut o", &[]),
            ("\n\n:\n\nretry: 3\n\n", &[]),
        ];
        for (text, events) in cases {
            assert_eq!(parse([text.as_bytes().to_vec()]), events, "{text:?}");
        }
    }

    /// Fails when a name is lost, goes to the next event, or outlives one that has no data.
    #[test]
    fn an_event_has_the_name_before_its_end() {
        let text = ":\n\nevent: open\r\ndata: {}\n\ndata: 你好\n\nevent: nothing\n\ndata: x\nevent:close\n\n";
        let expected = [("open", "{}"), ("", "你好"), ("close", "x")];
        for size in 1..=text.len() {
            let mut parser = Parser::new(MAX_BYTES);
            let events: Vec<Event> =
                text.as_bytes().chunks(size).flat_map(|piece| parser.push(piece).unwrap()).collect();
            let found: Vec<_> = events.iter().map(|event| (event.name.as_str(), event.data.as_str())).collect();
            assert_eq!(found, expected, "in pieces of {size}");
        }
    }

    /// Fails when memory for one line or event has no bound.
    #[test]
    fn endless_lines_and_events_are_refused() {
        let mut parser = Parser::new(MAX_BYTES);
        let chunk = vec![b'x'; MAX_BYTES];
        assert_eq!(parser.push(&chunk), Ok(vec![]));
        assert_eq!(parser.push(b"x"), Err(TooLong));
        let mut parser = Parser::new(MAX_BYTES);
        let line = format!("data: {}\n", "x".repeat(MAX_BYTES / 2));
        assert_eq!(parser.push(line.as_bytes()), Ok(vec![]));
        assert_eq!(parser.push(line.as_bytes()), Err(TooLong));
    }

    proptest! {
        /// Fails when the outcome depends on how the bytes were chunked, a split inside a character
        /// or between CR and LF included.
        #[test]
        fn any_chunking_gives_the_same_events(
            parts in prop::collection::vec(prop::sample::select(vec![
                "data: ", "data:", "data", "好", "a", "é", ":", " ", "\n", "\r", "\r\n", "\n\n", "event: x", "\u{feff}", "{\"k\":1}",
            ]), 0..40),
            cuts in prop::collection::vec(1usize..7, 1..20),
        ) {
            let text: String = parts.concat();
            let (mut rest, mut chunks, mut cuts) = (text.as_bytes(), Vec::new(), cuts.iter().cycle());
            while !rest.is_empty() {
                let (chunk, tail) = rest.split_at((*cuts.next().unwrap()).min(rest.len()));
                chunks.push(chunk.to_vec());
                rest = tail;
            }
            prop_assert_eq!(parse(chunks), oracle(&text));
        }
    }
}

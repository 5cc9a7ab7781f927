//! One contract file's text and its line index.

use std::sync::Arc;

use crate::span::Span;

/// The largest contract file that is read, in bytes (1 MiB). Larger ones are a finding.
pub const MAX_SOURCE_BYTES: usize = 1 << 20;

/// A contract file as it was read: its name for messages, its text, and where its lines begin.
#[derive(Debug, Clone)]
pub struct Source {
    name: Arc<str>,
    text: Arc<str>,
    line_starts: Arc<[u32]>,
}

/// A 1-based line and column; the column counts characters, not bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
}

impl Source {
    /// Indexes a text. `name` is what messages call it, usually its path.
    #[must_use]
    pub fn new(name: &str, text: &str) -> Self {
        let starts = std::iter::once(0)
            .chain(text.bytes().zip(1u32..).filter(|(b, _)| *b == b'\n').map(|(_, next)| next))
            .collect();
        Self { name: name.into(), text: text.into(), line_starts: starts }
    }

    /// What messages call this source.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The whole text.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The text of a span; empty when the span does not lie on character boundaries of this source.
    #[must_use]
    pub fn slice(&self, span: Span) -> &str {
        self.text.get(span.range()).unwrap_or("")
    }

    /// Where the line of a byte offset begins.
    #[must_use]
    pub fn line_start(&self, offset: u32) -> u32 {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        self.line_starts.get(line - 1).copied().unwrap_or(0)
    }

    /// Line and column of a byte offset. Offsets past the end count as the end.
    #[must_use]
    pub fn position(&self, offset: u32) -> Position {
        let line = self.line_starts.partition_point(|start| *start <= offset).max(1);
        let start = self.line_starts.get(line - 1).copied().unwrap_or(0);
        let before = self.text.get(start as usize..(offset as usize).min(self.text.len())).unwrap_or("");
        // A byte order mark is no column.
        let before = before.strip_prefix('\u{FEFF}').filter(|_| start == 0).unwrap_or(before);
        let count = |n: usize| u32::try_from(n).unwrap_or(u32::MAX);
        Position { line: count(line), column: count(before.chars().count()) + 1 }
    }
}

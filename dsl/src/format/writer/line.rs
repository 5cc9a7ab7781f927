//! The line being written, and pieces on one line.

use unicode_width::UnicodeWidthStr as _;

use crate::format::tree::{Block, Content, Piece};

/// Text so far, and where its last line stands.
#[derive(Debug, Default)]
pub(super) struct Line {
    text: String,
    column: usize,
    indent: usize,
    row: usize,
    /// Whether the last line has something on it.
    begun: bool,
}

impl Line {
    /// Begins a line; stays on this one while nothing is on it.
    pub(super) fn next(&mut self, indent: usize) {
        if self.begun {
            self.text.push('\n');
            self.row += 1;
        }
        self.begun = false;
        self.column = indent;
        self.indent = indent;
    }

    /// Leaves a line blank, once a line is begun.
    pub(super) fn blank(&mut self) {
        if self.begun {
            self.text.push('\n');
        }
    }

    /// Nothing more comes on this line, which may be empty inside a text between triple quotes.
    pub(super) fn end(&mut self) {
        self.begun = true;
    }

    /// Writes on this line. A text of several lines moves on to its last.
    pub(super) fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        if !self.begun {
            self.text.extend(std::iter::repeat_n(' ', self.indent));
            self.begun = true;
        }
        self.text.push_str(text);
        self.column = match text.rsplit_once('\n') {
            Some((_, last)) => last.width(),
            None => self.column + text.width(),
        };
    }

    /// How many columns are taken.
    pub(super) fn column(&self) -> usize {
        self.column
    }

    /// Columns before the first character of this line.
    pub(super) fn indent(&self) -> usize {
        self.indent
    }

    /// A number that grows with every line.
    pub(super) fn row(&self) -> usize {
        self.row
    }

    /// Whether nothing is on this line.
    pub(super) fn is_fresh(&self) -> bool {
        !self.begun
    }

    /// The whole text, ended by a line break.
    pub(super) fn finish(mut self) -> String {
        if self.begun {
            self.text.push('\n');
        }
        self.text
    }
}

/// Columns of a text; wide characters take two.
pub(super) fn width(text: &str) -> usize {
    text.width()
}

/// Pieces on one line; nothing when one of them needs several.
pub(super) fn inline(pieces: &[Piece]) -> Option<String> {
    let mut out = String::new();
    for piece in pieces {
        if !out.is_empty() && !matches!(piece, Piece::Comma) {
            out.push(' ');
        }
        match piece {
            Piece::Literal(text) if text.contains(['\n', '\r']) => return None,
            Piece::Word(text) | Piece::Joint(text) | Piece::Literal(text) => out.push_str(text),
            Piece::Comma => out.push(','),
            // One of its two spaces; the other is that before every word.
            Piece::Apart => {}
            Piece::List(items) => {
                out.push('[');
                out.push_str(&inline(items)?);
                out.push(']');
            }
            Piece::Block(block) => out.push_str(&inline_block(block)?),
            Piece::BlockString(_) | Piece::Comment(_) => return None,
        }
    }
    Some(out)
}

/// A block on one line: `{ on_violation repair 2  severity warning }`.
pub(super) fn inline_block(block: &Block) -> Option<String> {
    if !block.one_line {
        return None;
    }
    let mut out = "{".to_owned();
    for (index, child) in block.children.iter().enumerate() {
        let Content::Entry(pieces) = &child.content else { return None };
        out.push_str(if index > 0 { child.space } else { " " });
        out.push_str(&inline(pieces)?);
    }
    out.push_str(if block.children.is_empty() { "}" } else { " }" });
    Some(out)
}

//! Opaque stretches: Markdown code and URLs.

use super::word::Word;

/// Fenced code counts as code for at most this many characters.
pub const FENCE_LIMIT: u16 = 2000;

/// Inline code counts as code for at most this many characters, and never over a newline.
const INLINE_LIMIT: u16 = 200;

/// Longer runs of backticks are told apart no more.
const MOST_BACKTICKS: u8 = 7;

/// Markdown code, inline and fenced.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Code {
    mode: Mode,
    /// Backticks read in a row.
    run: u8,
    run_starts_line: bool,
    /// The backticks that opened inline code: as many close it.
    width: u8,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Mode {
    #[default]
    Text,
    /// With the characters left before it is given up.
    Inline(u16),
    Fence(u16),
}

impl Code {
    /// Everything that the future depends on but the characters left.
    pub(super) fn key(&self) -> u64 {
        let mode = match self.mode {
            Mode::Text => 0,
            Mode::Inline(_) => 1,
            Mode::Fence(_) => 2,
        };
        let width = if mode == 1 { u64::from(self.width) } else { 0 };
        mode | u64::from(self.run) << 5 | u64::from(self.run > 0 && self.run_starts_line) << 2 | width << 8
    }

    /// Whether nothing that was read begins code.
    pub(super) fn is_absent(&self) -> bool {
        self.mode == Mode::Text && self.run == 0
    }

    /// Takes the next character and says whether it belongs to code, its backticks included.
    pub(super) fn take(&mut self, c: char, at_line_start: bool) -> bool {
        if c == '`' {
            if self.run == 0 {
                self.run_starts_line = at_line_start;
            }
            self.run = (self.run + 1).min(MOST_BACKTICKS);
            return true;
        }
        if self.run > 0 {
            let fence = self.run >= 3 && self.run_starts_line;
            self.mode = match self.mode {
                Mode::Text if fence => Mode::Fence(FENCE_LIMIT),
                Mode::Text => Mode::Inline(INLINE_LIMIT),
                Mode::Fence(left) if !fence => Mode::Fence(left),
                Mode::Inline(left) if self.run != self.width => Mode::Inline(left),
                Mode::Inline(_) | Mode::Fence(_) => Mode::Text,
            };
            if self.mode == Mode::Inline(INLINE_LIMIT) {
                self.width = self.run;
            }
            self.run = 0;
        }
        self.mode = match self.mode {
            Mode::Inline(_) if matches!(c, '\n' | '\r') => Mode::Text,
            Mode::Inline(left @ 1..) => Mode::Inline(left - 1),
            Mode::Fence(left @ 1..) => Mode::Fence(left - 1),
            Mode::Inline(0) | Mode::Fence(0) | Mode::Text => Mode::Text,
        };
        self.mode != Mode::Text
    }
}

/// Whether the text is inside a URL.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Url {
    #[default]
    Outside,
    /// After `https:`.
    Colon,
    /// After `https:/`.
    Slash,
    /// From `https://` or `www.` on.
    Inside,
}

impl Url {
    /// Takes the next character and says whether it belongs to a URL; `word` is the word before it.
    pub(super) fn take(&mut self, c: char, word: &Word, previous: Option<char>) -> bool {
        *self = match (*self, c) {
            (Self::Inside, _) if c.is_ascii_graphic() && !matches!(c, '"' | '<' | '>' | ')' | ']' | '}') => {
                Self::Inside
            }
            (_, ':') if previous.is_some_and(|p| p.is_ascii_alphabetic()) => Self::Colon,
            (Self::Colon, '/') => Self::Slash,
            (Self::Slash, '/') => Self::Inside,
            (_, '.') if word.is_www() => Self::Inside,
            _ => Self::Outside,
        };
        *self == Self::Inside
    }
}

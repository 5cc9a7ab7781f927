//! The machine's state as a value: what the analysis tells states apart by.

use super::class::{class, is_digit, is_spaced_script};
use super::code::{Code, Url};
use super::line::Line;
use super::pending::{Kind, Pending};
use super::word::Before;
use super::{Class, Sentences};

impl Sentences {
    /// Appends everything that the future depends on, offsets and counts of sentences left out: equal
    /// keys have equal futures. How long a pair or code has been open is left out too; searches that
    /// visit each key by its shortest text never come near those limits.
    pub fn key(&self, out: &mut Vec<u64>) {
        let line = match self.line {
            Line::Start => 0,
            Line::Digits(read) => 1 + u64::from(read),
            Line::Colon => 5,
            Line::Letter => 6,
            Line::Body => 7,
        };
        let url = match self.url {
            Url::Outside => 0,
            Url::Colon => 1,
            Url::Slash => 2,
            Url::Inside => 3,
        };
        let (code, pending) = (code_key(&self.code), self.pending.as_ref().map_or(0, pending_key));
        let flags = u64::from(self.content) | u64::from(self.begun > 0) << 1 | u64::from(self.emphasis) << 2;
        let solid = u64::from(self.solid > 0) << 3;
        out.push(
            flags | solid | line << 4 | url << 8 | previous_kind(self.previous) << 12 | code << 16 | pending << 32,
        );
        out.push(self.pairs.key());
        out.push(self.word.key());
    }
}

/// What the machine asks about the character before.
fn previous_kind(previous: Option<char>) -> u64 {
    match previous {
        None => 0,
        Some('*') => 1,
        Some('_') => 2,
        Some(':') => 3,
        Some(';' | '-' | '=' | '\'') => 4,
        Some('.' | '!' | '?') => 5,
        Some(c) if c.is_ascii_alphabetic() => 6,
        Some(c) if c.is_ascii_digit() => 7,
        Some(c) if is_digit(c) => 8,
        Some(c) if is_spaced_script(c) => 9,
        Some(']') => 11,
        Some(_) => 10,
    }
}

/// Everything about a character that the machine may ask, now or when it is the one before.
#[must_use]
pub fn character_key(c: char) -> u64 {
    let class = match class(c) {
        Class::Newline => 0,
        Class::Space => 1,
        Class::Terminator => 2,
        Class::Period => 3,
        Class::Ellipsis => 4,
        Class::Open(pair) => 16 + pair as u64,
        Class::Close(pair) => 32 + pair as u64,
        Class::Quote => 5,
        Class::Backtick => 6,
        Class::Emphasis => 7,
        Class::Continue => 8,
        Class::Word => 9,
        Class::Symbol => 10,
        Class::Lead => 11,
        Class::Apostrophe => 12,
    };
    let marks = u64::from(c == '/') << 14 | u64::from(c == '：') << 15;
    let case = u64::from(super::class::is_lower(c)) | u64::from(c.is_uppercase()) << 1;
    class | previous_kind(Some(c)) << 8 | case << 12 | marks
}

fn code_key(code: &Code) -> u64 {
    code.key()
}

fn pending_key(pending: &Pending) -> u64 {
    let kind = match pending.kind {
        Kind::Terminator => 1,
        Kind::Ellipsis => 2,
        Kind::Newline => 3,
        Kind::Period(before) => match before {
            Before::Plain => 4,
            Before::Leading => 5,
            Before::Abbreviation => 6,
            Before::Numbering => 7,
            Before::Initial => 8,
            Before::Digit => 9,
        },
        Kind::Closed(pair) => 16 + pair as u64,
    };
    let flags = u64::from(pending.next.is_some()) | u64::from(pending.spaced) << 1 | u64::from(pending.newline) << 2;
    let before = u64::from(pending.follows_spaced_script()) << 3 | u64::from(pending.is_detached()) << 10;
    kind << 4 | flags | before
}

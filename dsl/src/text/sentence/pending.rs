//! A sentence that may have ended, and what decides it.

use super::class::{Class, Pair, class, is_digit, is_lower, is_spaced_script};
use super::word::Before;

/// A sentence that may have ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Pending {
    pub(super) kind: Kind,
    /// Where it would end.
    pub(super) end: usize,
    /// Where the next would begin, once something stands there that begins nothing by itself.
    pub(super) next: Option<usize>,
    pub(super) spaced: bool,
    pub(super) newline: bool,
    /// The character before its terminator.
    after: Option<char>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Terminator,
    Period(Before),
    Ellipsis,
    /// A terminator inside a pair, then its closing mark.
    Closed(Pair),
    Newline,
}

impl Pending {
    pub(super) fn new(kind: Kind, end: usize, after: Option<char>) -> Self {
        Self { kind, end, next: None, spaced: false, newline: false, after }
    }

    /// Whether the character before the terminator belongs to a script with spaces between words.
    pub(super) fn follows_spaced_script(&self) -> bool {
        self.after.is_some_and(is_spaced_script)
    }

    /// Whether the terminator stands apart from any word, as in `.5`, `.NET` and `![image]`.
    pub(super) fn is_detached(&self) -> bool {
        self.after.is_some_and(|c| matches!(class(c), Class::Space | Class::Continue))
    }

    /// Whether it is the `!` before an image, if `[` follows.
    pub(super) fn is_image(&self) -> bool {
        self.kind == Kind::Terminator && self.is_adjacent() && self.is_detached()
    }

    /// Whether what follows at once belongs to the terminator.
    pub(super) fn is_adjacent(&self) -> bool {
        !self.spaced && self.next.is_none()
    }

    /// Whether the sentence ended, given the character that would begin the next one.
    pub(super) fn breaks_before(&self, c: char) -> bool {
        if self.newline {
            return true;
        }
        match self.kind {
            Kind::Terminator | Kind::Newline => true,
            Kind::Ellipsis => !(is_lower(c) || (!self.spaced && c.is_ascii_digit())),
            Kind::Closed(pair) => {
                let capital = self.spaced && c.is_uppercase();
                capital || (pair.is_quote() && opens_quotation(c))
            }
            Kind::Period(_) if self.joins(c) => false,
            Kind::Period(before) => match before {
                Before::Plain | Before::Digit => true,
                Before::Leading | Before::Initial => false,
                Before::Abbreviation => self.spaced && !is_lower(c) && !is_digit(c),
                Before::Numbering => !is_digit(c),
            },
        }
    }

    /// Whether the full stop is a point inside a word or number, or begins one.
    fn joins(&self, c: char) -> bool {
        self.is_adjacent() && (self.follows_spaced_script() || self.is_detached()) && is_spaced_script(c)
    }
}

impl Kind {
    /// A run of terminators counts once; a plain one among them decides, and several full stops are
    /// an ellipsis.
    pub(super) fn then(self, next: Self) -> Self {
        match (self, next) {
            (Self::Terminator, _) | (_, Self::Terminator) => Self::Terminator,
            (Self::Closed(_), next) => next,
            _ => Self::Ellipsis,
        }
    }
}

fn opens_quotation(c: char) -> bool {
    matches!(class(c), Class::Quote) || matches!(class(c), Class::Open(pair) if pair.is_quote())
}

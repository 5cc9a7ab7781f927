//! The beginning of a line or a sentence, where a list marker may stand.

use super::class::{Class, is_digit};

/// How much of a list marker was read since the line or the sentence began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) enum Line {
    #[default]
    Start,
    /// A full-width colon, behind which a list may begin.
    Colon,
    /// This many digits.
    Digits(u8),
    /// One letter.
    Letter,
    Body,
}

impl Line {
    /// Takes the next character.
    pub(super) fn then(self, c: char, class: Class) -> Self {
        let marks = matches!(
            class,
            Class::Space | Class::Symbol | Class::Lead | Class::Apostrophe | Class::Emphasis | Class::Continue
        );
        match self {
            _ if class == Class::Newline => Self::Start,
            _ if c == '：' => Self::Colon,
            Self::Start if marks => Self::Start,
            Self::Colon if class == Class::Space => Self::Colon,
            Self::Start | Self::Colon if is_digit(c) => Self::Digits(1),
            Self::Start if c.is_ascii_alphabetic() => Self::Letter,
            Self::Digits(read @ 1..3) if is_digit(c) => Self::Digits(read + 1),
            _ => Self::Body,
        }
    }
}

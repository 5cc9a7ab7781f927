//! What a character means to the sentence machine.

use unicode_normalization::char::is_combining_mark;

use super::terminators::is_terminator;
use crate::text::fold::is_ignorable;

/// The part a character plays.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::text) enum Class {
    /// Ends the line and with it the sentence.
    Newline,
    /// White space within a line.
    Space,
    /// `。！？!?` and their kin in every script: always ends a sentence.
    Terminator,
    /// `.` and `．`: ends a sentence, a number, an abbreviation or nothing.
    Period,
    /// `…`: ends a sentence unless a lower-case letter follows.
    Ellipsis,
    /// Opens a pair.
    Open(Pair),
    /// Closes a pair.
    Close(Pair),
    /// `"`, which opens and closes.
    Quote,
    /// A backtick: Markdown code.
    Backtick,
    /// `*` and `_`: Markdown emphasis, which opens and closes.
    Emphasis,
    /// A comma, a colon or a dash: the sentence goes on.
    Continue,
    /// A letter or a digit.
    Word,
    /// A symbol that begins what follows (`$`, `#`, `‘`, `•`): attaches to the right.
    Lead,
    /// `'`, which begins what follows behind white space and closes what is before it elsewhere.
    Apostrophe,
    /// Everything else (closers without a pair, symbols, emoji, marks): attaches to the left.
    Symbol,
}

/// A pair inside which no sentence ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::text) enum Pair {
    /// `《》`
    Title,
    /// `〈〉`
    InnerTitle,
    /// `「」`, `｢｣`
    Corner,
    /// `『』`
    InnerCorner,
    /// `“”`
    Curly,
    /// `""`
    Straight,
    /// `（）`
    WideParenthesis,
    /// `()`
    Parenthesis,
    /// `【】`
    Lenticular,
    /// `[]`, `［］`
    Square,
}

impl Pair {
    /// Whether it encloses speech. Titles and brackets do not.
    pub(super) fn is_quote(self) -> bool {
        matches!(self, Self::Corner | Self::InnerCorner | Self::Curly | Self::Straight)
    }
}

/// Classifies a character.
pub(in crate::text) fn class(c: char) -> Class {
    match c {
        'a'..='z' | 'A'..='Z' | '0'..='9' | '\u{4E00}'..='\u{9FFF}' => Class::Word,
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Class::Newline,
        '。' | '！' | '？' | '!' | '?' | '｡' => Class::Terminator,
        '.' | '．' | '﹒' | '․' => Class::Period,
        '…' | '⋯' | '‥' => Class::Ellipsis,
        '《' => Class::Open(Pair::Title),
        '》' => Class::Close(Pair::Title),
        '〈' => Class::Open(Pair::InnerTitle),
        '〉' => Class::Close(Pair::InnerTitle),
        '「' | '｢' => Class::Open(Pair::Corner),
        '」' | '｣' => Class::Close(Pair::Corner),
        '『' => Class::Open(Pair::InnerCorner),
        '』' => Class::Close(Pair::InnerCorner),
        '“' => Class::Open(Pair::Curly),
        '”' => Class::Close(Pair::Curly),
        '（' => Class::Open(Pair::WideParenthesis),
        '）' => Class::Close(Pair::WideParenthesis),
        '(' => Class::Open(Pair::Parenthesis),
        ')' => Class::Close(Pair::Parenthesis),
        '【' => Class::Open(Pair::Lenticular),
        '】' => Class::Close(Pair::Lenticular),
        '[' | '［' => Class::Open(Pair::Square),
        ']' | '］' => Class::Close(Pair::Square),
        '"' | '＂' => Class::Quote,
        '`' => Class::Backtick,
        '*' | '_' => Class::Emphasis,
        ',' | '，' | '、' | '､' | ':' | '：' | ';' | '；' | '–' | '—' | '-' | '－' => Class::Continue,
        '\'' => Class::Apostrophe,
        '#' | '＃' | '@' | '＠' | '&' | '+' | '±' | '$' | '＄' | '€' | '£' | '¥' | '￥' | '₹' | '§' | '№' | '<'
        | '{' | '｛' | '‘' | '«' | '‹' | '„' | '¿' | '¡' | '〔' | '〖' | '※' | '→' | '⇒' | '•' | '‣' | '◦' | '▪'
        | '●' | '■' | '◆' => Class::Lead,
        // The mark of a footnote.
        '⁰' | '¹' | '²' | '³' | '⁴'..='⁹' => Class::Symbol,
        c if c.is_whitespace() => Class::Space,
        // A mark belongs to its letter, even one that Unicode calls alphabetic.
        c if c.is_alphanumeric() && !is_combining_mark(c) && !is_ignorable(c) => Class::Word,
        c if is_terminator(c) => Class::Terminator,
        _ => Class::Symbol,
    }
}

/// Whether a sentence written in a cased script may start with it only in the middle.
pub(super) fn is_lower(c: char) -> bool {
    c.is_ascii_lowercase() || (!c.is_ascii() && c.is_lowercase())
}

/// Whether it is a decimal digit, full width included.
pub(super) fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || matches!(c, '０'..='９')
}

/// Whether it belongs to a script that separates words by spaces, so that a full stop within a word
/// (`Node.js`) ends nothing.
pub(crate) fn is_spaced_script(c: char) -> bool {
    c.is_ascii_alphanumeric() || is_digit(c) || (c.is_alphabetic() && (c.is_lowercase() || c.is_uppercase()))
}

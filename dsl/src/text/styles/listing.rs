//! List markers at the beginning of lines.

/// How much of a list marker was read on this line, and whose it is.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Listing {
    line: Line,
    /// A sentence has begun on this line.
    begun: bool,
    /// The current sentence is the first of this line.
    first: bool,
    /// The current sentence is a list item.
    item: bool,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
enum Line {
    #[default]
    Start,
    /// `-` or `*`, a bullet if a space follows.
    Dash,
    Digits(u8),
    /// The point behind digits, which no digit may follow.
    Point,
    /// Chinese numerals.
    Numerals,
    /// An opening parenthesis, and what stands in it.
    Open,
    OpenDigits(u8),
    OpenNumerals,
    /// A whole marker was read.
    Marker,
    /// There is none.
    Body,
}

/// What a character is to a marker.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::text) enum Sign {
    Newline,
    Space,
    Dash,
    Emphasis,
    Bullet,
    Digit,
    Numeral,
    Point,
    Comma,
    Open,
    Close,
    /// `①` and its kin.
    Whole,
    Other,
}

pub(in crate::text) fn sign(c: char) -> Sign {
    match c {
        '\n' | '\r' | '\u{85}' | '\u{2028}' | '\u{2029}' => Sign::Newline,
        '-' | '+' | '–' => Sign::Dash,
        '*' | '_' => Sign::Emphasis,
        '•' | '·' | '◦' | '‣' | '▪' | '▫' | '●' | '○' | '■' | '□' | '◆' | '◇' => Sign::Bullet,
        '0'..='9' | '０'..='９' => Sign::Digit,
        '一' | '二' | '三' | '四' | '五' | '六' | '七' | '八' | '九' | '十' | '百' => Sign::Numeral,
        '.' | '．' => Sign::Point,
        '、' => Sign::Comma,
        '(' | '（' => Sign::Open,
        ')' | '）' => Sign::Close,
        '\u{2460}'..='\u{249B}' | '\u{24EB}'..='\u{24FF}' | '\u{2776}'..='\u{2793}' | '\u{3220}'..='\u{3229}' => {
            Sign::Whole
        }
        c if c.is_whitespace() => Sign::Space,
        _ => Sign::Other,
    }
}

impl Listing {
    /// The same for the next sentence, which may stand on the same line.
    pub(super) fn next_sentence(self) -> Self {
        Self { first: false, item: false, ..self }
    }

    /// Takes the next character; `begins` says that it gives its sentence the first letter or digit.
    #[inline]
    pub(super) fn push(&mut self, sign: Sign, begins: bool) {
        if sign == Sign::Newline {
            *self = Self { item: self.item, ..Self::default() };
            return;
        }
        if !matches!(self.line, Line::Marker | Line::Body) {
            self.line = self.line.then(sign);
        }
        if begins {
            self.first = !self.begun;
            self.begun = true;
        }
        self.item |= self.first && self.line == Line::Marker;
    }

    pub(super) fn is_item(self) -> bool {
        self.item
    }

    /// Whether the current sentence, which has begun, is a list item; `None` while the marker is read.
    pub(super) fn settled(self) -> Option<bool> {
        let open = self.first && self.line != Line::Body;
        (self.item || !open).then_some(self.item)
    }

    pub(super) fn key(self) -> u64 {
        let line = match self.line {
            Line::Start => 0,
            Line::Dash => 1,
            Line::Point => 2,
            Line::Numerals => 3,
            Line::Open => 4,
            Line::OpenNumerals => 5,
            Line::Marker => 6,
            Line::Body => 7,
            Line::Digits(read) => 8 + u64::from(read),
            Line::OpenDigits(read) => 16 + u64::from(read),
        };
        let flags = u64::from(self.begun) | u64::from(self.first) << 1 | u64::from(self.item) << 2;
        flags | line << 3
    }
}

/// Digits of a marker.
const DIGITS: u8 = 3;

impl Line {
    fn then(self, sign: Sign) -> Self {
        match (self, sign) {
            (Self::Marker | Self::Body, _) => self,
            (Self::Point, Sign::Digit) => Self::Body,
            (Self::Dash, Sign::Space)
            | (Self::Digits(_) | Self::Numerals, Sign::Comma | Sign::Close)
            | (Self::OpenDigits(_) | Self::OpenNumerals, Sign::Close)
            | (Self::Point, _)
            | (Self::Start | Self::Dash, Sign::Bullet | Sign::Whole) => Self::Marker,
            (Self::Start, Sign::Space) | (Self::Dash, Sign::Emphasis) => Self::Start,
            (Self::Start, Sign::Dash | Sign::Emphasis) => Self::Dash,
            (Self::Start | Self::Dash, Sign::Digit) => Self::Digits(1),
            (Self::Start | Self::Dash, Sign::Numeral) | (Self::Numerals, Sign::Numeral) => Self::Numerals,
            (Self::Start | Self::Dash, Sign::Open) => Self::Open,
            (Self::Digits(read), Sign::Digit) if read < DIGITS => Self::Digits(read + 1),
            (Self::Digits(_) | Self::Numerals, Sign::Point) => Self::Point,
            (Self::Open, Sign::Digit) => Self::OpenDigits(1),
            (Self::OpenDigits(read), Sign::Digit) if read < DIGITS => Self::OpenDigits(read + 1),
            (Self::Open | Self::OpenNumerals, Sign::Numeral) => Self::OpenNumerals,
            _ => Self::Body,
        }
    }
}

/// Past the list marker that begins a line, in bytes; `None` without one.
pub(super) fn marker(line: &str) -> Option<usize> {
    let mut state = Line::Start;
    for (at, c) in line.char_indices() {
        let sign = sign(c);
        if sign == Sign::Newline {
            return None;
        }
        let next = state.then(sign);
        if next == Line::Marker {
            // The character behind the point of `1.` only shows that no decimal goes on there.
            return Some(if state == Line::Point { at } else { at + c.len_utf8() });
        }
        state = next;
    }
    None
}

/// What the machine sees of a character.
pub(super) fn letter(c: char) -> u32 {
    sign(c) as u32
}

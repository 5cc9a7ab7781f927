//! Whether a text is one JSON value, character by character.

mod budget;
mod place;
pub mod sample;

pub(crate) use place::place;

/// Values nested deeper than this are not read.
pub const DEPTH: u32 = 64;

/// Reads one JSON value (RFC 8259), with white space around it. Half a surrogate pair is no character,
/// and more than [`DEPTH`] arrays and objects inside each other are refused.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Json {
    state: State,
    depth: u32,
    /// A bit for each container that is open, the innermost lowest: whether it is an object.
    objects: u64,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum State {
    /// A value is expected.
    #[default]
    Value,
    /// A value or the end of the array.
    First,
    /// A key or the end of the object.
    FirstKey,
    Key,
    Colon,
    /// A value has ended: a comma, the end of the container or, outside of all, the end of the text.
    After,
    Text {
        key: bool,
    },
    Escape {
        key: bool,
    },
    /// Hexadecimal digits left, and what was read.
    Hex {
        key: bool,
        left: u8,
        code: u16,
        low: bool,
    },
    /// The second half of a surrogate pair must follow: its backslash or its `u`.
    Low {
        key: bool,
        escaped: bool,
    },
    /// What is left of `true`, `false` or `null`.
    Word(&'static str),
    Minus,
    Zero,
    Digits,
    Point,
    Fraction,
    Exponent,
    Sign,
    Power,
    Dead,
}

impl Json {
    /// Takes the next character.
    pub fn push(&mut self, c: char) {
        self.state = self.next(c);
    }

    /// Whether the text is one JSON value if it ends here.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.depth == 0
            && matches!(self.state, State::After | State::Zero | State::Digits | State::Fraction | State::Power)
    }

    /// Whether it is a whole value behind which only white space may come.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.depth == 0 && self.state == State::After
    }

    /// Whether the next character belongs to a string.
    #[must_use]
    pub fn is_inside_text(&self) -> bool {
        matches!(self.state, State::Text { .. } | State::Escape { .. } | State::Hex { .. } | State::Low { .. })
    }

    /// Whether nothing that follows makes it one.
    #[must_use]
    pub fn is_dead(&self) -> bool {
        self.state == State::Dead
    }

    /// The fewest characters, as `max_chars` counts them, before the value is complete.
    #[must_use]
    pub fn least(&self) -> u64 {
        let value = 1;
        let colon = 1 + value;
        // The mark that closes a string, and behind a key what must follow.
        let close = |key: bool| if key { 1 + colon } else { 1 };
        let here = match self.state {
            State::Value => value,
            State::Key => 1 + close(true),
            State::Colon => colon,
            State::Text { key } => close(key),
            State::Escape { key } => 1 + close(key),
            State::Hex { key, left, .. } => u64::from(left) + close(key),
            State::Low { key, escaped } => 6 - u64::from(escaped) + close(key),
            State::Word(rest) => rest.len() as u64,
            State::Minus | State::Point | State::Exponent | State::Sign => 1,
            _ => 0,
        };
        u64::from(self.depth) + here
    }

    /// Everything that the future depends on.
    #[must_use]
    pub fn key(&self) -> [u64; 3] {
        [self.state.key(), u64::from(self.depth), self.objects]
    }

    fn next(&mut self, c: char) -> State {
        let space = matches!(c, ' ' | '\t' | '\n' | '\r');
        match self.state {
            State::Value | State::First | State::FirstKey | State::Key | State::Colon | State::After if space => {
                self.state
            }
            State::First if c == ']' => self.close(),
            State::Value | State::First => self.value(c),
            State::FirstKey if c == '}' => self.close(),
            State::FirstKey | State::Key if c == '"' => State::Text { key: true },
            State::Colon if c == ':' => State::Value,
            State::After => self.after(c),
            State::Text { key } => match c {
                '"' if key => State::Colon,
                '"' => State::After,
                '\\' => State::Escape { key },
                c if c < ' ' => State::Dead,
                _ => self.state,
            },
            State::Escape { key } => match c {
                '"' | '\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't' => State::Text { key },
                'u' => State::Hex { key, left: 4, code: 0, low: false },
                _ => State::Dead,
            },
            State::Hex { key, left, code, low } => hex(key, left, code, low, c),
            State::Low { key, escaped: false } if c == '\\' => State::Low { key, escaped: true },
            State::Low { key, escaped: true } if c == 'u' => State::Hex { key, left: 4, code: 0, low: true },
            State::Word(rest) => match rest.strip_prefix(c) {
                Some("") => State::After,
                Some(rest) => State::Word(rest),
                None => State::Dead,
            },
            _ => self.number(c, space),
        }
    }

    fn value(&mut self, c: char) -> State {
        match c {
            '{' => self.open(true),
            '[' => self.open(false),
            '"' => State::Text { key: false },
            't' => State::Word("rue"),
            'f' => State::Word("alse"),
            'n' => State::Word("ull"),
            '-' => State::Minus,
            '0' => State::Zero,
            '1'..='9' => State::Digits,
            _ => State::Dead,
        }
    }

    fn open(&mut self, object: bool) -> State {
        if self.depth == DEPTH {
            return State::Dead;
        }
        self.depth += 1;
        self.objects = self.objects << 1 | u64::from(object);
        if object { State::FirstKey } else { State::First }
    }

    fn close(&mut self) -> State {
        self.depth = self.depth.saturating_sub(1);
        self.objects >>= 1;
        State::After
    }

    fn after(&mut self, c: char) -> State {
        let object = self.objects & 1 == 1;
        match c {
            _ if self.depth == 0 => State::Dead,
            ',' if object => State::Key,
            ',' => State::Value,
            '}' if object => self.close(),
            ']' if !object => self.close(),
            _ => State::Dead,
        }
    }

    fn number(&mut self, c: char, space: bool) -> State {
        let digit = c.is_ascii_digit();
        match (self.state, c) {
            (State::Minus, '0') => State::Zero,
            (State::Minus | State::Digits, _) if digit => State::Digits,
            (State::Zero | State::Digits, '.') => State::Point,
            (State::Point | State::Fraction, _) if digit => State::Fraction,
            (State::Zero | State::Digits | State::Fraction, 'e' | 'E') => State::Exponent,
            (State::Exponent, '+' | '-') => State::Sign,
            (State::Exponent | State::Sign | State::Power, _) if digit => State::Power,
            (State::Zero | State::Digits | State::Fraction | State::Power, _) if space => State::After,
            (State::Zero | State::Digits | State::Fraction | State::Power, _) => self.after(c),
            _ => State::Dead,
        }
    }
}

/// The next hexadecimal digit of `\uXXXX`.
fn hex(key: bool, left: u8, code: u16, low: bool, c: char) -> State {
    let Some(digit) = c.to_digit(16).and_then(|digit| u16::try_from(digit).ok()) else { return State::Dead };
    let code = code << 4 | digit;
    match (left, low, code) {
        (2.., ..) => State::Hex { key, left: left - 1, code, low },
        (_, false, 0xD800..=0xDBFF) => State::Low { key, escaped: false },
        (_, false, 0xDC00..=0xDFFF) => State::Dead,
        (_, false, _) | (_, true, 0xDC00..=0xDFFF) => State::Text { key },
        _ => State::Dead,
    }
}

impl State {
    fn key(self) -> u64 {
        match self {
            Self::Value => 0,
            Self::First => 1,
            Self::FirstKey => 2,
            Self::Key => 3,
            Self::Colon => 4,
            Self::After => 5,
            Self::Minus => 6,
            Self::Zero => 7,
            Self::Digits => 8,
            Self::Point => 9,
            Self::Fraction => 10,
            Self::Exponent => 11,
            Self::Sign => 12,
            Self::Power => 13,
            Self::Dead => 14,
            Self::Text { key } => 16 | u64::from(key),
            Self::Escape { key } => 18 | u64::from(key),
            Self::Low { key, escaped } => 20 | u64::from(key) | u64::from(escaped) << 1,
            // The words differ by their first letter and length but for `e` of two of them, which is one future.
            Self::Word(rest) => 32 | rest.bytes().fold(0, |key, byte| key << 8 | u64::from(byte)) << 8,
            Self::Hex { key, left, code, low } => {
                64 | u64::from(key) | u64::from(low) << 1 | u64::from(left) << 8 | u64::from(code) << 16
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Json {
        let mut json = Json::default();
        text.chars().for_each(|c| json.push(c));
        json
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(read(&nested(64)).is_complete());
        assert!(read(&nested(65)).is_dead());
        assert!(read(&format!("{}{}", "{\"a\":[".repeat(32), "]}".repeat(32))).is_complete());
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        /// The machine and `serde_json` must agree on every text, and a dead prefix must have no way on.
        #[test]
        fn the_machine_agrees_with_a_parser(pieces in prop::collection::vec(prop::sample::select(&[
            "{", "}", "[", "]", ",", ":", "\"", "\"a\"", "\\", "\\n", "\\u0041", "\\uD83D", "\\uDE00", "\\u12", "true", "false",
            "null", "nul", "0", "1", "-", ".", "e", "+", "12", " ", "\n", "好", "\u{3000}", "\t",
        ][..]), 0..9)) {
            let text = pieces.concat();
            let parsed = serde_json::from_str::<serde_json::Value>(&text);
            // A number may be too large for a float and is JSON none the less.
            prop_assume!(!matches!(&parsed, Err(error) if error.to_string().contains("out of range")));
            let json = read(&text);
            prop_assert_eq!(json.is_complete(), parsed.is_ok(), "{}", text);
            if let Err(error) = parsed {
                // The parser reads the four digits of an escape at once, and so sees the end first.
                let early = json.is_dead() && error.is_eof() && text.contains("\\u");
                prop_assert!(early || json.is_dead() != error.is_eof(), "{} {}", text, error);
            }
        }
    }
}

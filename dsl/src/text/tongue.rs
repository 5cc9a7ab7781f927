//! Which language a text's words are of.

use unicode_script::{Script, UnicodeScript};

use super::profile::{self, Profile};
use super::words::Words;
use crate::contract::Language;

/// Counts the words of a text by language: a Han character is a word of Chinese, a run of letters
/// whose first is Latin is a word of English. Any other word with a letter (a kana, a run of Cyrillic or
/// Hangul) is a word of neither. Words without a letter (`2024`) do not count at all.
///
/// So `用AI做 3 things` has two words of Chinese and two of English.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Tongue {
    words: Words,
    /// The current word has no letter yet.
    open: bool,
    zh: u64,
    en: u64,
    all: u64,
}

impl Tongue {
    /// Takes the next character.
    pub fn push(&mut self, c: char) {
        self.read(profile::of(c));
    }

    pub(crate) fn read(&mut self, profile: &Profile) {
        let c = profile.c;
        let begins = self.words.read(profile);
        self.open = if begins { true } else { self.open && self.words.key() != 0 };
        let inside = begins || self.open;
        if !inside || !is_letter(c) {
            return;
        }
        self.open = false;
        self.all += 1;
        match c.script() {
            Script::Han => self.zh += 1,
            Script::Latin => self.en += 1,
            _ => {}
        }
    }

    /// Words of a language.
    #[must_use]
    pub fn of(&self, language: Language) -> u64 {
        match language {
            Language::Zh => self.zh,
            Language::En => self.en,
        }
    }

    /// Words that count.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.all
    }

    /// Whether at least this share of the words, in basis points, are of a language. Without words
    /// every share is kept.
    #[must_use]
    pub fn speaks(&self, language: Language, basis_points: u32) -> bool {
        self.of(language) * 10_000 >= u64::from(basis_points) * self.all
    }

    /// The same with further words: `more` in all, `good` of them of the language.
    #[must_use]
    pub(crate) fn with(mut self, language: Language, good: u64, more: u64) -> Self {
        self.all += more;
        match language {
            Language::Zh => self.zh += good,
            Language::En => self.en += good,
        }
        self
    }

    /// Whether the current word has no letter yet, so that a letter makes it count.
    pub(crate) fn is_open(&self) -> bool {
        self.open
    }

    /// Everything that the future depends on, the counts included.
    #[must_use]
    pub fn key(&self) -> [u64; 4] {
        [self.words.key() * 2 + u64::from(self.open), self.zh, self.en, self.all]
    }
}

/// A letter that is seen and counted as a character.
fn is_letter(c: char) -> bool {
    c.is_ascii_alphabetic()
        || (!c.is_ascii()
            && c.is_alphabetic()
            && !super::fold::is_ignorable(c)
            && !unicode_normalization::char::is_combining_mark(c))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(text: &str) -> (u64, u64, u64) {
        let mut tongue = Tongue::default();
        text.chars().for_each(|c| tongue.push(c));
        (tongue.of(Language::Zh), tongue.of(Language::En), tongue.total())
    }

    #[test]
    fn words_are_counted_by_language() {
        assert_eq!(counts("用AI做 3 things"), (2, 2, 4));
        assert_eq!(counts("你好，世界！2024 3.14"), (4, 0, 4));
        assert_eq!(counts("Don't panic, it's 3D"), (0, 4, 4));
        assert_eq!(counts("ラーメン привет 안녕 naïve"), (0, 1, 7));
        assert_eq!(counts(""), (0, 0, 0));
        assert_eq!(counts("e\u{301}te\u{301} ……"), (0, 1, 1));
        assert_eq!(counts("1a2b 2nd-rate 〇"), (1, 2, 3));
    }
}

//! Which language a reply is in, by its words.

use unicode_script::{Script, UnicodeScript};

use super::words::Words;
use crate::contract::Language;

/// Counts the words of either language.
#[derive(Debug, Clone, Copy, Default)]
pub struct Tongue {
    words: Words,
    zh: u64,
    en: u64,
}

impl Tongue {
    /// Takes the next character.
    pub fn push(&mut self, c: char) {
        if self.words.push(c) {
            match c.script() {
                Script::Han => self.zh += 1,
                Script::Latin => self.en += 1,
                _ => {}
            }
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

    /// Words of either.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.zh + self.en
    }

    /// Everything that the future depends on, the counts included.
    #[must_use]
    pub fn key(&self) -> [u64; 3] {
        [self.words.key(), self.zh, self.en]
    }
}

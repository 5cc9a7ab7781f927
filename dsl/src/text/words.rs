//! Counting words as people do.

use unicode_script::{Script, UnicodeScript};

use super::profile::{self, Profile};
use super::sentence::is_spaced_script;

/// Counts words: a run of letters, digits and marks is one, with the apostrophes, hyphens and points
/// inside it (`don't`, `well-known`, `3.14`); a Han character, a kana and the like, which no spaces
/// separate, are one each. So `用AI做 3 things` has five.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
pub struct Words {
    count: u64,
    inside: Inside,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash)]
enum Inside {
    #[default]
    Nothing,
    /// A letter or digit of a word.
    Word,
    /// One of a script without spaced words, behind which a full stop ends a sentence.
    Unspaced,
    /// A joint behind either, which belongs to the word if a letter or digit follows.
    Joint,
    /// A full stop, which does if no sentence ends there.
    Point,
}

/// What a character does to words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    /// It is a word by itself, whatever stands beside it.
    Alone,
    /// A letter or digit of a script with spaced words.
    Spaced,
    /// One of another script.
    Unspaced,
    /// It belongs to the letter before it.
    Mark,
    /// A full stop.
    Point,
    /// It joins what stands beside it to one word.
    Joint,
    /// It ends a word.
    Other,
}

impl Role {
    pub(super) fn of(c: char) -> Self {
        match c {
            c if stands_alone(c) => Self::Alone,
            c if is_spaced_script(c) => Self::Spaced,
            c if c.is_alphanumeric() => Self::Unspaced,
            c if profile::is_mark(c) => Self::Mark,
            '.' => Self::Point,
            '\'' | '\u{2019}' | '-' | '_' | ',' => Self::Joint,
            _ => Self::Other,
        }
    }
}

impl Words {
    /// Takes the next character and says whether it begins a word.
    pub fn push(&mut self, c: char) -> bool {
        self.read(profile::of(c))
    }

    pub(crate) fn read(&mut self, profile: &Profile) -> bool {
        let (inside, begins) = match (self.inside, profile.role) {
            (_, Role::Alone) => (Inside::Nothing, true),
            (Inside::Word | Inside::Unspaced | Inside::Joint | Inside::Point, Role::Spaced) => (Inside::Word, false),
            (_, Role::Spaced) => (Inside::Word, true),
            (Inside::Word | Inside::Unspaced | Inside::Joint, Role::Unspaced) => (Inside::Unspaced, false),
            (_, Role::Unspaced) => (Inside::Unspaced, true),
            (now @ (Inside::Word | Inside::Unspaced), Role::Mark) => (now, false),
            (Inside::Word, Role::Point) => (Inside::Point, false),
            (Inside::Word | Inside::Unspaced, Role::Joint) => (Inside::Joint, false),
            _ => (Inside::Nothing, false),
        };
        self.inside = inside;
        self.count += u64::from(begins);
        begins
    }

    /// How many there were.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// What the next character is read by, without the count.
    #[must_use]
    pub fn key(&self) -> u64 {
        self.inside as u64
    }
}

/// Whether a character is a word by itself, whatever stands beside it.
fn stands_alone(c: char) -> bool {
    !c.is_ascii()
        && c.is_alphanumeric()
        && matches!(
            c.script(),
            Script::Han
                | Script::Hiragana
                | Script::Katakana
                | Script::Thai
                | Script::Lao
                | Script::Khmer
                | Script::Myanmar
        )
}

#[cfg(test)]
mod tests {
    use super::Words;

    #[test]
    fn words_of_both_kinds_of_scripts_are_counted() {
        let count = |text: &str| {
            let mut words = Words::default();
            text.chars().for_each(|c| _ = words.push(c));
            words.count()
        };
        assert_eq!(count("用AI做 3 things"), 5);
        assert_eq!(count("Don't! A well-known 3.14, isn’t it?"), 6);
        assert_eq!((count(""), count("……！"), count("你好，世界。")), (0, 0, 4));
        assert_eq!(count("end. Next, please - now"), 4);
        // Where a sentence ends, a word does: every sentence behind the first has a word of its own.
        assert_eq!((count("ok.א"), count("א.b"), count("e.g."), count("ул.Мира")), (2, 2, 1, 1));
        assert_eq!(count("e\u{301}te\u{301}"), 1);
    }
}

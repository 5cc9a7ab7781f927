//! Finds listed words in a text that arrives in pieces: the longest word at each place, from left to
//! right, without overlaps.
//!
//! For policies that judge by a list. A place is decided about only when no later text can change the
//! decision, so that what is found does not depend on how the text was cut.
//!
//! Words are compared [folded](fold): full-width forms as ASCII, small letters for capitals, curly
//! apostrophes as straight ones, any blank as a space. A word that begins or ends in a letter or digit
//! of a script that writes words apart is found only where no other such character goes on: `hi` is not
//! in `this`, but it is in `说hi。`. Chinese words are found wherever their characters stand. Nothing
//! else is seen through: several spaces are not one, and look-alikes and invisible characters are the
//! business of the contract's `forbidden_terms`.
//!
//! ```
//! use std::rc::Rc;
//!
//! use rolecall_plugin::words::{Scanner, Words};
//!
//! let mut words = Words::default();
//! words.insert("电话", "传音");
//! words.insert("OK", "甚好");
//! words.allow("电话亭");
//!
//! let mut scanner = Scanner::new(Rc::new(words));
//! scanner.push("电话亭的电");
//! assert_eq!(scanner.find(), None, "more text decides whether this is 电话");
//! scanner.push("话，ok");
//! let phone = scanner.find().unwrap();
//! assert_eq!((phone.word, *phone.meaning, phone.span), ("电话", "传音", 12..18));
//! assert_eq!(scanner.find(), None, "it could become “okra”");
//! scanner.end();
//! assert_eq!(scanner.find().unwrap().word, "OK");
//! ```

mod scanner;

use std::collections::BTreeMap;
use std::ops::Range;

use crate::BadParam;

pub use scanner::Scanner;

/// Words that the parameters `extra` and `allow` together may have.
pub const MAX_WORDS: usize = 512;
/// Characters of one such word.
pub const MAX_WORD_CHARS: usize = 32;

/// A list of words, each with what it means to the policy.
#[derive(Debug)]
pub struct Words<T>(Vec<Node<T>>);

/// The words as a tree of folded characters: a node for each beginning of a word.
#[derive(Debug)]
struct Node<T> {
    next: BTreeMap<char, usize>,
    entry: Option<Entry<T>>,
}

#[derive(Debug)]
struct Entry<T> {
    word: String,
    /// None: the word is fine, and hides the words inside it.
    meaning: Option<T>,
}

/// A listed word in a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found<'a, T> {
    /// The word as it is listed.
    pub word: &'a str,
    /// What it means.
    pub meaning: &'a T,
    /// Its UTF-8 bytes in the whole text.
    pub span: Range<usize>,
}

/// What stands at the beginning of a text.
#[derive(Debug, Clone, Copy)]
enum Decision {
    /// More text decides.
    Wait,
    /// No word.
    Nothing,
    /// So many characters are the word of this node.
    Word(usize, usize),
}

impl<T> Default for Words<T> {
    fn default() -> Self {
        Self(vec![Node::default()])
    }
}

impl<T> Default for Node<T> {
    fn default() -> Self {
        Self { next: BTreeMap::new(), entry: None }
    }
}

impl<T> Words<T> {
    /// Adds a word, without the blanks around it; what was said of the same word before is replaced. A
    /// word without characters is none, and left out.
    pub fn insert(&mut self, word: &str, meaning: T) {
        self.set(word, Some(meaning));
    }

    /// Adds a word that is fine, and hides the words inside it: it is never found itself.
    pub fn allow(&mut self, word: &str) {
        self.set(word, None);
    }

    /// Applies the parameters `extra` and `allow`, as policies with a list of words should call them:
    /// further words, then words that are fine after all.
    ///
    /// # Errors
    /// More than [`MAX_WORDS`] of both, a blank word, or one of more than [`MAX_WORD_CHARS`].
    pub fn adjust(&mut self, extra: &[String], allow: &[String], meaning: impl Fn() -> T) -> Result<(), BadParam> {
        if extra.len() + allow.len() > MAX_WORDS {
            return Err(BadParam::new("extra", format!("`extra` and `allow` together have at most {MAX_WORDS} words")));
        }
        for word in extra {
            usable("extra", word)?;
            self.insert(word, meaning());
        }
        for word in allow {
            usable("allow", word)?;
            self.allow(word);
        }
        Ok(())
    }

    /// The longest word that a text begins with; a text that goes on where another ended is not asked
    /// what was before it.
    ///
    /// ```
    /// let mut units = rolecall_plugin::words::Words::default();
    /// units.insert("m", "metre");
    /// units.insert("min", "minute");
    /// assert_eq!(units.begins("min.").map(|unit| *unit.meaning), Some("minute"));
    /// assert_eq!(units.begins("men"), None);
    /// ```
    #[must_use]
    pub fn begins(&self, text: &str) -> Option<Found<'_, T>> {
        let Decision::Word(chars, node) = self.decide(text.chars(), true) else { return None };
        self.found(node, 0..text.chars().take(chars).map(char::len_utf8).sum())
    }

    fn set(&mut self, word: &str, meaning: Option<T>) {
        let word = word.trim();
        if word.is_empty() {
            return;
        }
        let mut at = 0;
        for c in word.chars().map(fold) {
            let fresh = self.0.len();
            let Some(node) = self.0.get_mut(at) else { return };
            at = *node.next.entry(c).or_insert(fresh);
            if at == fresh {
                self.0.push(Node::default());
            }
        }
        if let Some(node) = self.0.get_mut(at) {
            node.entry = Some(Entry { word: word.to_owned(), meaning });
        }
    }

    /// Looks for the longest word that a text begins with. `ended`: no text comes behind it.
    fn decide(&self, text: impl Iterator<Item = char>, ended: bool) -> Decision {
        let (mut at, mut read, mut last) = (0, 0, '\0');
        let mut longest = Decision::Nothing;
        for c in text.map(fold) {
            let Some(node) = self.0.get(at) else { break };
            // A word ends here unless a letter goes on.
            if node.entry.is_some() && !(joins(last) && joins(c)) {
                longest = Decision::Word(read, at);
            }
            let Some(next) = node.next.get(&c) else { return longest };
            (at, read, last) = (*next, read + 1, c);
        }
        match self.0.get(at) {
            Some(node) if !ended && (joins(last) || !node.next.is_empty()) => Decision::Wait,
            Some(node) if node.entry.is_some() => Decision::Word(read, at),
            _ => longest,
        }
    }

    /// The word of a node; `None` where it is fine.
    fn found(&self, node: usize, span: Range<usize>) -> Option<Found<'_, T>> {
        let entry = self.0.get(node)?.entry.as_ref()?;
        Some(Found { word: &entry.word, meaning: entry.meaning.as_ref()?, span })
    }
}

fn usable(param: &str, word: &str) -> Result<(), BadParam> {
    if word.trim().is_empty() {
        return Err(BadParam::new(param, format!("`{param}` has an empty word")));
    }
    if word.chars().count() > MAX_WORD_CHARS {
        return Err(BadParam::new(param, format!("`{word}` is longer than {MAX_WORD_CHARS} characters")));
    }
    Ok(())
}

/// The character by which characters are compared.
///
/// ```
/// use rolecall_plugin::words::fold;
///
/// assert_eq!("ＯK ’É\u{3000}好".chars().map(fold).collect::<String>(), "ok 'é 好");
/// ```
#[must_use]
pub fn fold(c: char) -> char {
    let plain = match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        '\u{2018}' | '\u{2019}' | '\u{2BC}' | '\u{B4}' => '\'',
        c if c.is_whitespace() => ' ',
        c => c,
    };
    let mut small = plain.to_lowercase();
    // A letter whose small form is several characters stays: what is compared are single characters.
    small.next().filter(|_| small.next().is_none()).unwrap_or(plain)
}

/// Whether a character and its neighbour make one word if both are such: letters and digits of the
/// scripts that write words apart, which are those before Thai and two extensions, and the accents
/// upon them. Chinese, Japanese, Korean and Thai text has no such boundary.
fn joins(c: char) -> bool {
    match c {
        '\u{300}'..='\u{36F}' => true,
        '\0'..='\u{DFF}' | '\u{1E00}'..='\u{1FFF}' => c.is_alphanumeric(),
        _ => false,
    }
}

#[cfg(test)]
mod tests;

//! Finds terms while text arrives, and knows exactly how much of it could still become one.
//!
//! An Aho–Corasick automaton over [folded](super::fold) characters: the depth of its state is the
//! number of folded characters that could still be the head of a term, and so what must be held back.
//!
//! **Boundaries.** Letters, digits and marks of scripts that put spaces between words are *word
//! characters*. A match may not cut a run of them: `AI` hits `用AI做` and `AI-assisted`, and neither
//! `said` nor `AI2`; `2024` hits `2024年` and `２０２４`, and neither `120245` nor `v2024`. Han, kana,
//! Hangul, Thai and their kin match as substrings; only a kana sound mark may not follow a match.
//!
//! Every match is reported, nested and overlapping ones too.

mod build;
mod script;

use std::ops::Range;

pub use build::Terms;
use build::{Node, ROOT, Right};
use script::is_sound_mark;
pub(crate) use script::is_word;

use super::fold::{Folded, Folder, is_ignorable};

/// An occurrence of a term.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Index of the term, in the order given to [`Terms::new`].
    pub term: usize,
    /// Its bytes in the text read.
    pub span: Range<usize>,
}

/// The state of one search. Cloning copies a few words per character of the longest term.
#[derive(Debug, Clone, Default)]
pub struct Search {
    folder: Folder,
    walk: Walk,
    at: usize,
}

#[derive(Debug, Clone, Default)]
struct Walk {
    node: u32,
    /// Folded characters read.
    read: usize,
    /// The last folded characters, by their number modulo the length.
    recent: Box<[Recent]>,
    /// The last folded character was a word character.
    word: bool,
    /// Past the last folded character.
    end: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Recent {
    start: usize,
    /// The folded character before it was a word character.
    after_word: bool,
}

impl Terms {
    /// A search at the empty text.
    #[must_use]
    pub fn search(&self) -> Search {
        let longest = if self.is_empty() { 0 } else { self.longest() };
        Search { folder: Folder::default(), walk: Walk::new(longest), at: 0 }
    }

    /// Every occurrence in a whole text, in the order in which they become certain.
    #[must_use]
    pub fn find_all(&self, text: &str) -> Vec<Hit> {
        let mut search = self.search();
        let mut hits = Vec::new();
        for c in text.chars() {
            search.push(self, c, &mut |hit| hits.push(hit));
        }
        search.finish(self, &mut |hit| hits.push(hit));
        hits
    }
}

impl Search {
    /// Takes the next character.
    pub fn push(&mut self, terms: &Terms, c: char, hit: &mut impl FnMut(Hit)) {
        let walk = &mut self.walk;
        self.folder.push(c, self.at, &mut |folded| walk.step(terms, folded, hit));
        self.at += c.len_utf8();
    }

    /// Ends the text, which is a boundary.
    pub fn finish(&mut self, terms: &Terms, hit: &mut impl FnMut(Hit)) {
        let walk = &mut self.walk;
        self.folder.finish(&mut |folded| walk.step(terms, folded, hit));
        self.walk.resolve(terms, None, hit);
        self.walk.node = ROOT;
    }

    /// The first byte that could still become part of a match of a holding term.
    #[must_use]
    pub fn hold(&self, terms: &Terms) -> Option<usize> {
        self.walk.hold(terms)
    }

    /// Everything that the future depends on: equal keys have equal futures.
    #[must_use]
    pub fn key(&self, terms: &Terms) -> [u64; 2] {
        let walk = &self.walk;
        // Within the term being read the neighbours are known; only what stands before it is not.
        let depth = terms.node(walk.node).depth as usize;
        let first = walk.read.checked_sub(depth).map(|first| first % walk.recent.len().max(1));
        let after_word = first.filter(|_| depth > 0).and_then(|first| walk.recent.get(first));
        let after_word = after_word.is_some_and(|recent| recent.after_word);
        [u64::from(walk.node) << 2 | u64::from(walk.word) << 1 | u64::from(after_word), self.folder.key()]
    }

    /// Whether a complete term waits for the character that shows whether it is one.
    #[must_use]
    pub fn is_undecided(&self, terms: &Terms) -> bool {
        terms.outputs(self.walk.node).any(|(_, entry)| entry.right != Right::Anything)
    }
}

impl Walk {
    fn new(longest: usize) -> Self {
        Self { node: ROOT, read: 0, recent: vec![Recent::default(); longest].into(), word: false, end: 0 }
    }

    fn step(&mut self, terms: &Terms, folded: Folded, hit: &mut impl FnMut(Hit)) {
        if self.node != ROOT {
            self.resolve(terms, Some(folded.ch), hit);
        }
        self.node = terms.next(self.node, folded.ch);
        let slot = self.read % self.recent.len().max(1);
        if let Some(recent) = self.recent.get_mut(slot) {
            *recent = Recent { start: folded.start, after_word: self.word };
        }
        self.read += 1;
        self.word = is_word(folded.ch);
        self.end = folded.end;
        if self.node != ROOT {
            self.report(terms, |right| right == Right::Anything, hit);
        }
    }

    /// Decides the terms that end at the last character, given the one behind it.
    fn resolve(&self, terms: &Terms, next: Option<char>, hit: &mut impl FnMut(Hit)) {
        self.report(
            terms,
            |right| match (right, next) {
                (Right::Anything, _) => false,
                (_, None) => true,
                (Right::NoWord, Some(c)) => !is_word(c),
                (Right::NoSoundMark, Some(c)) => !is_sound_mark(c),
            },
            hit,
        );
    }

    fn report(&self, terms: &Terms, decided: impl Fn(Right) -> bool, hit: &mut impl FnMut(Hit)) {
        for (term, entry) in terms.outputs(self.node) {
            let from = self.recent(entry.length);
            if decided(entry.right) && !(entry.word_start && from.after_word) {
                hit(Hit { term, span: from.start..self.end });
            }
        }
    }

    fn hold(&self, terms: &Terms) -> Option<usize> {
        let mut id = self.node;
        while id != ROOT {
            let node: &Node = terms.node(id);
            if node.holds {
                let from = self.recent(node.depth as usize);
                if !(node.word_start && from.after_word) {
                    return Some(from.start);
                }
            }
            id = node.fail;
        }
        None
    }

    /// The folded character `back` places from the end.
    fn recent(&self, back: usize) -> Recent {
        let slot = self.read.saturating_sub(back) % self.recent.len().max(1);
        self.recent.get(slot).copied().unwrap_or_default()
    }
}

/// Why a term cannot be searched for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TermError {
    /// Nothing is left after folding.
    #[error("it is empty or shows nothing")]
    Empty,
    /// It begins with a combining mark.
    #[error("it begins with a combining mark")]
    Mark,
    /// It is longer than [`LONGEST_TERM`] folded characters.
    #[error("it is longer than {LONGEST_TERM} characters")]
    Long,
}

/// The longest term, in folded characters: a match is held back whole.
pub const LONGEST_TERM: usize = 256;

/// A term as it is matched.
///
/// # Errors
/// Says why it cannot be matched.
pub fn fold_term(term: &str) -> Result<String, TermError> {
    let folded = super::fold::folded(term);
    let folded = folded.trim();
    match folded.chars().next() {
        None => Err(TermError::Empty),
        Some(c) if is_ignorable(c) => Err(TermError::Empty),
        Some(c) if unicode_normalization::char::is_combining_mark(c) => Err(TermError::Mark),
        Some(_) if folded.chars().count() > LONGEST_TERM => Err(TermError::Long),
        Some(_) => Ok(folded.to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(terms: &[&str], text: &str) -> Vec<(usize, Range<usize>)> {
        let terms = Terms::new(terms.iter().map(|term| (*term, true)));
        terms.find_all(text).into_iter().map(|hit| (hit.term, hit.span)).collect()
    }

    #[test]
    fn nested_and_overlapping_terms_are_all_found() {
        assert_eq!(found(&["智能", "人工智能", "能体"], "人工智能体"), [(1, 0..12), (0, 6..12), (2, 9..15)]);
        assert_eq!(found(&["red car", "car"], "red\u{3000} car"), [(0, 0..10), (1, 7..10)]);
    }

    #[test]
    fn spans_cover_the_original_characters() {
        assert_eq!(found(&["ai"], "用A\u{200B}\u{FE0F}I做"), [(0, 3..11)]);
        // One character that folds to several is taken whole.
        assert_eq!(found(&["会社"], "㍿の"), [(0, 0..3)]);
    }

    #[test]
    fn a_sound_mark_makes_another_kana() {
        assert_eq!(found(&["か"], "か"), [(0, 0..3)]);
        assert_eq!(found(&["か"], "が"), []);
        assert_eq!(found(&["が"], "か\u{3099}"), [(0, 0..6)]);
        assert_eq!(found(&["ガ"], "ｶﾞ"), [(0, 0..6)]);
    }

    #[test]
    fn terms_that_cannot_be_matched_are_refused() {
        assert_eq!(fold_term(" \u{200B}"), Err(TermError::Empty));
        assert_eq!(fold_term("\u{301}a"), Err(TermError::Mark));
        assert_eq!(fold_term(&"a".repeat(LONGEST_TERM + 1)), Err(TermError::Long));
        assert_eq!(fold_term("  Ａ B "), Ok("a b".to_owned()));
    }

    #[test]
    fn only_terms_that_hold_hold_text_back() {
        let terms = Terms::new([("ab", false), ("ac d", true)]);
        let hold = |text: &str| {
            let mut search = terms.search();
            text.chars().for_each(|c| search.push(&terms, c, &mut |_| {}));
            search.hold(&terms)
        };
        assert_eq!(
            [hold("xyz a"), hold("xyz ab"), hold("xyz ac"), hold("xyzac"), hold("ac d")],
            [Some(4), None, Some(4), None, Some(0)]
        );
    }
}

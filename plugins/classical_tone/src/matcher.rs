//! Leftmost-longest search over text that arrives in pieces.

use std::collections::{BTreeMap, VecDeque};
use std::ops::Range;
use std::rc::Rc;

/// What a word means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Entry {
    /// Fine; hides the modern words inside it.
    Allowed,
    /// Modern, as listed and with what to say instead.
    Modern(String, Option<String>),
}

impl Entry {
    /// A modern word; an empty suggestion is none.
    pub(crate) fn modern(word: &str, suggestion: &str) -> Self {
        Self::Modern(word.to_owned(), (!suggestion.is_empty()).then(|| suggestion.to_owned()))
    }
}

/// A modern word in the text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The word as it is listed.
    pub(crate) word: String,
    /// Its bytes in the whole text.
    pub(crate) span: Range<usize>,
    /// What to say instead.
    pub(crate) suggestion: Option<String>,
}

/// The words as a tree of folded characters.
#[derive(Debug)]
pub(crate) struct Matcher(Vec<Node>);

#[derive(Debug, Default)]
struct Node {
    next: BTreeMap<char, usize>,
    entry: Option<Entry>,
}

impl Default for Matcher {
    fn default() -> Self {
        Self(vec![Node::default()])
    }
}

impl Matcher {
    /// Adds a word; a later entry for the same word replaces the earlier one.
    pub(crate) fn insert(&mut self, word: &str, entry: Entry) {
        let mut at = 0;
        for c in word.trim().chars().map(fold) {
            let fresh = self.0.len();
            let Some(node) = self.0.get_mut(at) else { return };
            at = *node.next.entry(c).or_insert(fresh);
            if at == fresh {
                self.0.push(Node::default());
            }
        }
        if let Some(node) = self.0.get_mut(at) {
            node.entry = Some(entry);
        }
    }

    fn step(&self, at: usize, c: char) -> Option<usize> {
        self.0.get(at)?.next.get(&c).copied()
    }
}

/// Reads one text. Decides about a place only when no later text can change the decision, so the
/// hits do not depend on how the text was cut.
#[derive(Debug)]
pub(crate) struct Scanner {
    matcher: Rc<Matcher>,
    /// What is not decided yet; at most the longest word and one character.
    pending: VecDeque<char>,
    /// Byte offset of `pending` in the whole text.
    at: usize,
    /// Whether the character before `pending` continues a Latin word.
    after_latin: bool,
}

enum Decision<'a> {
    Wait,
    Skip,
    Word(usize, &'a Entry),
}

impl Scanner {
    /// At the beginning of a text.
    pub(crate) fn new(matcher: Rc<Matcher>) -> Self {
        Self { matcher, pending: VecDeque::new(), at: 0, after_latin: false }
    }

    /// More text.
    pub(crate) fn push(&mut self, delta: &str) {
        self.pending.extend(delta.chars());
    }

    /// The next modern word; `None` until there is more text, or at the `end` for good.
    pub(crate) fn next(&mut self, end: bool) -> Option<Hit> {
        let matcher = Rc::clone(&self.matcher);
        while !self.pending.is_empty() {
            match self.decide(&matcher, end) {
                Decision::Wait => return None,
                Decision::Skip => {
                    self.advance(1);
                }
                Decision::Word(chars, entry) => {
                    let span = self.advance(chars);
                    if let Entry::Modern(word, suggestion) = entry {
                        return Some(Hit { word: word.clone(), span, suggestion: suggestion.clone() });
                    }
                }
            }
        }
        None
    }

    /// Looks for the longest word that begins here.
    fn decide<'a>(&self, matcher: &'a Matcher, end: bool) -> Decision<'a> {
        let mut node = 0;
        let mut longest = None;
        let mut last = '\0';
        for (read, c) in self.pending.iter().map(|c| fold(*c)).enumerate() {
            if read == 0 && self.after_latin && is_latin(c) {
                return Decision::Skip;
            }
            // A word ends here unless a Latin letter goes on.
            if let Some(entry) = matcher.0.get(node).and_then(|node| node.entry.as_ref())
                && !(is_latin(last) && is_latin(c))
            {
                longest = Some((read, entry));
            }
            let Some(next) = matcher.step(node, c) else {
                return longest.map_or(Decision::Skip, |(chars, entry)| Decision::Word(chars, entry));
            };
            (node, last) = (next, c);
        }
        if !end {
            return Decision::Wait;
        }
        if let Some(entry) = matcher.0.get(node).and_then(|node| node.entry.as_ref()) {
            longest = Some((self.pending.len(), entry));
        }
        longest.map_or(Decision::Skip, |(chars, entry)| Decision::Word(chars, entry))
    }

    fn advance(&mut self, chars: usize) -> Range<usize> {
        let start = self.at;
        for c in self.pending.drain(..chars.min(self.pending.len())) {
            self.at += c.len_utf8();
            self.after_latin = is_latin(fold(c));
        }
        start..self.at
    }
}

/// Full-width forms as ASCII, ASCII letters small.
fn fold(c: char) -> char {
    let narrow = match c {
        '！'..='～' => char::from_u32(u32::from(c) - 0xFEE0).unwrap_or(c),
        _ => c,
    };
    narrow.to_ascii_lowercase()
}

fn is_latin(c: char) -> bool {
    c.is_ascii_alphanumeric()
}

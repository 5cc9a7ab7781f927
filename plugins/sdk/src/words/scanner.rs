use std::collections::VecDeque;
use std::ops::Range;
use std::rc::Rc;

use super::{Decision, Found, Words, fold, joins};

/// Reads one text and finds the words in it.
#[derive(Debug)]
pub struct Scanner<T> {
    words: Rc<Words<T>>,
    /// What is not decided yet. Between two calls of `push`, when everything was found, at most the
    /// longest word.
    pending: VecDeque<char>,
    /// Byte offset of `pending` in the whole text.
    at: usize,
    /// The folded character before `pending`.
    before: char,
    ended: bool,
}

impl<T> Scanner<T> {
    /// At the beginning of a text.
    #[must_use]
    pub fn new(words: Rc<Words<T>>) -> Self {
        Self { words, pending: VecDeque::new(), at: 0, before: '\0', ended: false }
    }

    /// More text, which may begin and end inside a word. Find what is in it before more is pushed, so
    /// that memory stays bounded.
    pub fn push(&mut self, delta: &str) {
        self.pending.extend(delta.chars());
    }

    /// The end of the text.
    pub fn end(&mut self) {
        self.ended = true;
    }

    /// The next word; `None` until there is more text, or for good behind the end.
    pub fn find(&mut self) -> Option<Found<'_, T>> {
        let (node, span) = self.step()?;
        self.words.found(node, span)
    }

    /// The node and the place of the next word that is not fine.
    fn step(&mut self) -> Option<(usize, Range<usize>)> {
        while let Some(first) = self.pending.front() {
            // No word begins inside another.
            if joins(self.before) && joins(fold(*first)) {
                self.advance(1);
                continue;
            }
            match self.words.decide(self.pending.iter().copied(), self.ended) {
                Decision::Wait => return None,
                Decision::Nothing => {
                    self.advance(1);
                }
                Decision::Word(chars, node) => {
                    let span = self.advance(chars);
                    if self.words.found(node, 0..0).is_some() {
                        return Some((node, span));
                    }
                }
            }
        }
        None
    }

    fn advance(&mut self, chars: usize) -> Range<usize> {
        let start = self.at;
        // Most of a text is passed character by character, for which `drain` is slow.
        for _ in 0..chars {
            let Some(c) = self.pending.pop_front() else { break };
            self.at += c.len_utf8();
            self.before = fold(c);
        }
        start..self.at
    }
}

use std::cell::RefCell;

use super::bindings::exports::rolecall::policy::constraint::{
    Context, GuestPolicy, GuestStreamCheck, Policy, StreamCheck,
};
use super::bindings::rolecall::policy::types::{PolicyError, Span, Violation};

/// Finds a word.
pub(crate) struct Finder {
    word: String,
}

/// Finds it in a reply that grows.
pub(crate) struct Growing {
    word: String,
    /// The reply so far, and how much of it was looked at.
    seen: RefCell<(String, usize)>,
}

impl GuestPolicy for Finder {
    fn create(params: String) -> Result<Policy, PolicyError> {
        Ok(Policy::new(Self { word: super::word(&params)? }))
    }

    fn check(&self, reply: String, _context: Context) -> Result<Vec<Violation>, PolicyError> {
        Ok(find(&reply, 0, &self.word).0)
    }

    fn open_stream(&self, _context: Context) -> Option<StreamCheck> {
        Some(StreamCheck::new(Growing { word: self.word.clone(), seen: RefCell::default() }))
    }
}

impl GuestStreamCheck for Growing {
    fn push(&self, delta: String) -> Result<Vec<Violation>, PolicyError> {
        let (text, from) = &mut *self.seen.borrow_mut();
        text.push_str(&delta);
        let (found, end) = find(text, *from, &self.word);
        *from = end;
        Ok(found)
    }

    fn finish(&self) -> Result<Vec<Violation>, PolicyError> {
        Ok(Vec::new())
    }
}

/// The word's places behind `from`, and the end of the last one.
fn find(text: &str, from: usize, word: &str) -> (Vec<Violation>, usize) {
    let rest = text.get(from..).unwrap_or_default();
    let places = rest.match_indices(word).map(|(at, word)| (from + at, from + at + word.len()));
    let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
    let violation = |(start, end)| Violation {
        rule: "word".to_owned(),
        message: format!("“{word}” was found"),
        spans: vec![Span { start: offset(start), end: offset(end) }],
        suggestion: None,
    };
    (places.clone().map(violation).collect(), places.last().map_or(from, |(_, end)| end))
}

//! Policy `my_policy`: replies do not hold certain words.
//!
//! A word is found whatever the case of its ASCII letters. One that begins or ends with an ASCII
//! letter or digit is found only where it stands alone: `AI` is not in `said`, but it is in `用AI写`.

use std::ops::Range;
use std::rc::Rc;

use rolecall_plugin::{
    BadParam, ConstraintPolicy, Context, Manifest, PolicyError, StreamCheck, Violation,
};
use serde::Deserialize;

/// The policy with its words prepared.
#[derive(Debug)]
pub struct Policy {
    words: Vec<Word>,
    /// Bytes of the longest word.
    longest: usize,
}

#[derive(Debug)]
struct Word {
    /// As the contract says it.
    said: String,
    /// With small ASCII letters. Folding no others keeps every byte in its place.
    folded: Vec<u8>,
}

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    words: Vec<String>,
}

impl ConstraintPolicy for Policy {
    type Params = Params;
    type Stream = Reply;

    fn manifest() -> Manifest {
        Manifest {
            name: "my_policy".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            doc: "Finds forbidden words.".into(),
            params_schema: include_str!("../params.schema.json").into(),
            ..Manifest::default()
        }
    }

    fn create(params: Params) -> Result<Self, BadParam> {
        if params.words.iter().any(String::is_empty) {
            return Err(BadParam::new("words", "a word is empty"));
        }
        let longest = params.words.iter().map(String::len).max().unwrap_or(0);
        let words = params.words.into_iter().map(|said| Word {
            folded: said.to_ascii_lowercase().into_bytes(),
            said,
        });
        Ok(Self {
            words: words.collect(),
            longest,
        })
    }

    // Judging the whole by the stream makes both agree by construction.
    fn check(
        self: &Rc<Self>,
        reply: &str,
        context: &Context,
    ) -> Result<Vec<Violation>, PolicyError> {
        rolecall_plugin::check_by_stream(self, reply, context)
    }

    fn open_stream(self: &Rc<Self>, _context: &Context) -> Option<Reply> {
        Some(Reply {
            policy: Rc::clone(self),
            tail: Vec::new(),
            length: 0,
        })
    }
}

/// One growing reply.
#[derive(Debug)]
pub struct Reply {
    policy: Rc<Policy>,
    /// The end of the reply, folded: what the next delta may make a word of.
    tail: Vec<u8>,
    /// Bytes of the reply so far.
    length: usize,
}

impl StreamCheck for Reply {
    fn push(&mut self, delta: &str) -> Result<Vec<Violation>, PolicyError> {
        let before = self.length;
        self.length += delta.len();
        self.tail
            .extend_from_slice(delta.to_ascii_lowercase().as_bytes());
        let found = self.decided(before + 1..self.length + 1);
        // The longest word that is not yet decided, and the byte before it.
        let done = self.tail.len().saturating_sub(self.policy.longest + 1);
        self.tail.drain(..done);
        Ok(found)
    }

    fn finish(self) -> Result<Vec<Violation>, PolicyError> {
        Ok(self.decided(self.length + 1..self.length + 2))
    }
}

impl Reply {
    /// The words that are certain once the reply has a length within `lengths`, by where they end.
    ///
    /// A word is certain at its own end, or one byte later if more letters could make it another
    /// word. This depends on the text alone, so every cut of the stream gives the same.
    fn decided(&self, lengths: Range<usize>) -> Vec<Violation> {
        let base = self.length - self.tail.len();
        let mut found = Vec::new();
        for word in &self.policy.words {
            for (at, piece) in self.tail.windows(word.folded.len()).enumerate() {
                let (start, end) = (base + at, base + at + piece.len());
                let certain = end + usize::from(ends_in_letter(piece));
                if lengths.contains(&certain) && piece == word.folded && self.alone(at, piece) {
                    found.push((end, start, &word.said));
                }
            }
        }
        found.sort_by_key(|&(end, start, _)| (end, start));
        let violation = |(end, start, said)| {
            Violation::new("forbidden_word", format!("“{said}” is forbidden")).at(start..end)
        };
        found.into_iter().map(violation).collect()
    }

    /// Whether the piece at this place of the tail is no part of a longer word.
    fn alone(&self, at: usize, piece: &[u8]) -> bool {
        let (front, rest) = self.tail.split_at(at);
        let behind = rest.get(piece.len()..).unwrap_or_default();
        let before = begins_with_letter(piece) && ends_in_letter(front);
        let after = ends_in_letter(piece) && begins_with_letter(behind);
        !before && !after
    }
}

fn begins_with_letter(bytes: &[u8]) -> bool {
    bytes.first().is_some_and(u8::is_ascii_alphanumeric)
}

fn ends_in_letter(bytes: &[u8]) -> bool {
    bytes.last().is_some_and(u8::is_ascii_alphanumeric)
}

rolecall_plugin::export_constraint!(Policy);

#[cfg(test)]
mod tests;

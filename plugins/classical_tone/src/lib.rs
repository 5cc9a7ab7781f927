//! Policy `classical_tone`: modern words do not belong into the mouth of a classical Chinese role.
//!
//! Words are found in a bounded list, the longest at each place, without overlaps; a word may be cut
//! anywhere by the stream. Parameters:
//!
//! - `max_modern` (integer, default 0): so many modern words are tolerated; each one more is a violation.
//! - `extra` (strings): further modern words of this world.
//! - `allow` (strings): words that are fine, even where a modern word is part of them.

mod lexicon;

use std::rc::Rc;

use rolecall_plugin::words::{Scanner, Words};
use rolecall_plugin::{BadParam, ConstraintPolicy, Context, Manifest, PolicyError, StreamCheck, Violation};
use serde::Deserialize;

/// What to say instead of a modern word, where something fits.
type Instead = Option<&'static str>;

/// The policy with its words compiled.
#[derive(Debug)]
pub struct ClassicalTone {
    max_modern: u64,
    words: Rc<Words<Instead>>,
}

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(default)]
    max_modern: u64,
    #[serde(default)]
    extra: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
}

impl ConstraintPolicy for ClassicalTone {
    type Params = Params;
    type Stream = Reply;

    fn manifest() -> Manifest {
        Manifest {
            name: "classical_tone".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            doc: "Finds modern words in classical Chinese replies.".into(),
            params_schema: include_str!("../params.schema.json").into(),
            ..Manifest::default()
        }
    }

    fn create(params: Params) -> Result<Self, BadParam> {
        let mut words = Words::default();
        for (word, instead) in lexicon::MODERN {
            words.insert(word, (!instead.is_empty()).then_some(*instead));
        }
        lexicon::CLASSICAL.iter().for_each(|word| words.allow(word));
        words.adjust(&params.extra, &params.allow, || None)?;
        Ok(Self { max_modern: params.max_modern, words: Rc::new(words) })
    }

    fn check(self: &Rc<Self>, reply: &str, context: &Context) -> Result<Vec<Violation>, PolicyError> {
        rolecall_plugin::check_by_stream(self, reply, context)
    }

    fn open_stream(self: &Rc<Self>, _context: &Context) -> Option<Reply> {
        Some(Reply { tolerated: self.max_modern, scanner: Scanner::new(Rc::clone(&self.words)) })
    }
}

/// One growing reply.
#[derive(Debug)]
pub struct Reply {
    tolerated: u64,
    scanner: Scanner<Instead>,
}

impl StreamCheck for Reply {
    fn push(&mut self, delta: &str) -> Result<Vec<Violation>, PolicyError> {
        self.scanner.push(delta);
        Ok(self.drain())
    }

    fn finish(mut self) -> Result<Vec<Violation>, PolicyError> {
        self.scanner.end();
        Ok(self.drain())
    }
}

impl Reply {
    fn drain(&mut self) -> Vec<Violation> {
        let mut found = Vec::new();
        while let Some(modern) = self.scanner.find() {
            if self.tolerated > 0 {
                self.tolerated -= 1;
                continue;
            }
            let message = format!("“{}” is a modern word; this role speaks classically", modern.word);
            let mut violation = Violation::new("modern_word", message).at(modern.span);
            violation.suggestion = modern.meaning.map(str::to_owned);
            found.push(violation);
        }
        found
    }
}

rolecall_plugin::export_constraint!(ClassicalTone);

#[cfg(test)]
mod tests;

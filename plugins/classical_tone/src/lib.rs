//! Policy `classical_tone`: modern words do not belong into the mouth of a classical Chinese role.
//!
//! Words are found in a bounded list, the longest at each place, without overlaps; a word may be cut
//! anywhere by the stream. Parameters:
//!
//! - `max_modern` (integer, default 0): so many modern words are tolerated; each one more is a violation.
//! - `extra` (strings): further modern words of this world.
//! - `allow` (strings): words that are fine, even where a modern word is part of them.

mod lexicon;
mod matcher;

use std::rc::Rc;

use matcher::{Entry, Matcher, Scanner};
use rolecall_plugin::{BadParam, ConstraintPolicy, Context, Manifest, PolicyError, StreamCheck, Violation};
use serde::Deserialize;

/// Entries of `extra` and `allow` together.
const MAX_WORDS: usize = 512;
/// Characters of one word.
const MAX_WORD_CHARS: usize = 32;

/// The policy with its words compiled.
#[derive(Debug)]
pub struct ClassicalTone {
    max_modern: u64,
    matcher: Rc<Matcher>,
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
        if params.extra.len() + params.allow.len() > MAX_WORDS {
            return Err(BadParam::new("extra", format!("`extra` and `allow` together have at most {MAX_WORDS} words")));
        }
        let mut matcher = Matcher::default();
        for (word, suggestion) in lexicon::MODERN {
            matcher.insert(word, Entry::modern(word, suggestion));
        }
        for word in lexicon::CLASSICAL {
            matcher.insert(word, Entry::Allowed);
        }
        for word in &params.extra {
            usable("extra", word)?;
            matcher.insert(word, Entry::modern(word, ""));
        }
        for word in &params.allow {
            usable("allow", word)?;
            matcher.insert(word, Entry::Allowed);
        }
        Ok(Self { max_modern: params.max_modern, matcher: Rc::new(matcher) })
    }

    fn check(self: &Rc<Self>, reply: &str, context: &Context) -> Result<Vec<Violation>, PolicyError> {
        rolecall_plugin::check_by_stream(self, reply, context)
    }

    fn open_stream(self: &Rc<Self>, _context: &Context) -> Option<Reply> {
        Some(Reply { tolerated: self.max_modern, scanner: Scanner::new(Rc::clone(&self.matcher)) })
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

/// One growing reply.
#[derive(Debug)]
pub struct Reply {
    tolerated: u64,
    scanner: Scanner,
}

impl StreamCheck for Reply {
    fn push(&mut self, delta: &str) -> Result<Vec<Violation>, PolicyError> {
        self.scanner.push(delta);
        Ok(self.drain(false))
    }

    fn finish(mut self) -> Result<Vec<Violation>, PolicyError> {
        Ok(self.drain(true))
    }
}

impl Reply {
    fn drain(&mut self, end: bool) -> Vec<Violation> {
        let mut found = Vec::new();
        while let Some(hit) = self.scanner.next(end) {
            if self.tolerated > 0 {
                self.tolerated -= 1;
                continue;
            }
            let mut violation =
                Violation::new("modern_word", format!("“{}” is a modern word; this role speaks classically", hit.word));
            violation.spans.push(hit.span);
            violation.suggestion = hit.suggestion;
            found.push(violation);
        }
        found
    }
}

rolecall_plugin::export_constraint!(ClassicalTone);

#[cfg(test)]
mod tests;

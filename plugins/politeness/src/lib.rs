//! Policy `politeness`: a role is not rude, and says 您 where it is told to.
//!
//! Chinese and English alike, whatever the role's language: words are found in a bounded list, the
//! longest at each place, wherever the stream cuts them. English words have boundaries, capitals and
//! curly apostrophes do not matter; see `rolecall_plugin::words`. Rules:
//!
//! - `rude_word`: a rude word or phrase, with what to say instead where something fits.
//! - `familiar_address`: 你 (or 妳) where 您 is demanded, with 您 as the suggestion. Not in 你们: 您们 is
//!   no word of the written language, and the polite plural (各位, 诸位) depends on who is meant. Not in
//!   set phrases that address nobody, 迷你 or 你死我活 say.
//!
//! Parameters:
//!
//! - `address` (`"any"` or `"nin"`, default `"any"`): whether 您 is demanded.
//! - `extra` (strings): further rude words.
//! - `allow` (strings): words that are fine, even where a rude word or 你 is part of them.
//! - `severity` (`"error"` or `"warning"`, default `"error"`): how much each violation weighs.
//!
//! Rudeness without a rude word (a bare imperative, irony) is not found, and a word is found also where
//! the role only quotes it.

mod lexicon;

use std::rc::Rc;

use rolecall_plugin::words::{Scanner, Words};
use rolecall_plugin::{BadParam, ConstraintPolicy, Context, Manifest, PolicyError, Severity, StreamCheck, Violation};
use serde::Deserialize;

/// What is wrong with a word.
#[derive(Debug, Clone, Copy)]
enum Fault {
    /// It is rude; perhaps with what to say instead.
    Rude(Option<&'static str>),
    /// It addresses somebody as one addresses friends.
    Familiar,
}

/// The policy with its words compiled.
#[derive(Debug)]
pub struct Politeness {
    severity: Severity,
    words: Rc<Words<Fault>>,
}

/// The parameters.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Params {
    #[serde(default)]
    address: Address,
    #[serde(default)]
    extra: Vec<String>,
    #[serde(default)]
    allow: Vec<String>,
    #[serde(default)]
    severity: Severity,
}

/// How people are addressed in Chinese.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Address {
    /// With 你 or 您.
    #[default]
    Any,
    /// With 您.
    Nin,
}

impl ConstraintPolicy for Politeness {
    type Params = Params;
    type Stream = Reply;

    fn manifest() -> Manifest {
        Manifest {
            name: "politeness".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            doc: "Finds rude words in Chinese and English replies, and 你 where 您 is demanded.".into(),
            params_schema: include_str!("../params.schema.json").into(),
            ..Manifest::default()
        }
    }

    fn create(params: Params) -> Result<Self, BadParam> {
        let mut words = Words::default();
        for (word, instead) in lexicon::RUDE_ZH.iter().chain(lexicon::RUDE_EN) {
            words.insert(word, Fault::Rude((!instead.is_empty()).then_some(*instead)));
        }
        lexicon::FINE.iter().for_each(|word| words.allow(word));
        if params.address == Address::Nin {
            lexicon::FAMILIAR.iter().for_each(|word| words.insert(word, Fault::Familiar));
            lexicon::ADDRESSES_NOBODY.iter().for_each(|word| words.allow(word));
        }
        words.adjust(&params.extra, &params.allow, || Fault::Rude(None))?;
        Ok(Self { severity: params.severity, words: Rc::new(words) })
    }

    fn check(self: &Rc<Self>, reply: &str, context: &Context) -> Result<Vec<Violation>, PolicyError> {
        rolecall_plugin::check_by_stream(self, reply, context)
    }

    fn open_stream(self: &Rc<Self>, _context: &Context) -> Option<Reply> {
        Some(Reply { severity: self.severity, scanner: Scanner::new(Rc::clone(&self.words)) })
    }
}

/// One growing reply.
#[derive(Debug)]
pub struct Reply {
    severity: Severity,
    scanner: Scanner<Fault>,
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
        while let Some(word) = self.scanner.find() {
            let (rule, wrong, instead) = match *word.meaning {
                Fault::Rude(instead) => ("rude_word", "is rude", instead),
                Fault::Familiar => ("familiar_address", "is for friends; this role says 您", Some("您")),
            };
            let mut violation = Violation::new(rule, format!("“{}” {wrong}", word.word)).at(word.span);
            violation.suggestion = instead.map(str::to_owned);
            found.push(violation.severity(self.severity));
        }
        found
    }
}

rolecall_plugin::export_constraint!(Politeness);

#[cfg(test)]
mod tests;

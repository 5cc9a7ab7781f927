//! `format json`, `format json """{ JSON Schema }"""`: the whole reply is one JSON value, and keeps the
//! schema.
//!
//! Nothing may stand around the value but white space: no sentence before it, no code fence. Values
//! nest at most [`DEPTH`](crate::text::json::DEPTH) deep; under a schema a reply has at most 256 KiB. The
//! schema is at most 64 KiB, and its references stay inside it.

mod schema;

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use schema::Schema;

use super::args::Reader;
use super::{Class, Constraint, Demand, Fact, Hints, Recognizer, View};
use crate::ast::{Arg, Entry};
use crate::contract::Language;
use crate::diagnostic::{Finding, codes};
use crate::monitor::Residual;
use crate::source::Source;
use crate::span::Spanned;
use crate::text::json::Json;
use crate::text::sentence::Event;

pub(super) const KEYWORD: &str = "format";

const USAGE: &str = r#"format json """{ "type": "object" }""""#;

/// The longest reply that is checked against a schema, in bytes.
const LONGEST: usize = 256 << 10;

/// The longest reply that is a bare number under a schema, in bytes: every digit may be the last.
const LONGEST_NUMBER: usize = 400;

#[derive(Debug)]
struct Format {
    start: Reply,
}

pub(super) fn read(entry: &Entry, source: &Source, findings: &mut Vec<Finding>) -> Option<Arc<dyn Constraint>> {
    let mut reader = Reader::new(entry, source, findings, USAGE);
    let schema = match reader.args() {
        [] => return reader.nothing(),
        [Spanned { value: Arg::Word(word), span }, rest @ ..] => {
            if word != "json" {
                let message = format!("there is no format `{word}`");
                let finding = Finding::new(codes::WRONG_ARGUMENTS, source, *span, message)
                    .with_help("the only format is `json`")
                    .did_you_mean(word, *span, ["json"]);
                return reader.add(finding);
            }
            match rest {
                [] => None,
                [Spanned { value: Arg::Str(text), span }] => match Schema::new(text, *span, source) {
                    Ok(schema) => Some(Arc::new(schema)),
                    Err(finding) => return reader.add(*finding),
                },
                [more, ..] => {
                    let message = "behind `json` stands a JSON Schema in quotes, or nothing";
                    return reader.wrong(codes::WRONG_ARGUMENTS, more.span, message);
                }
            }
        }
        [other, ..] => return reader.wrong(codes::WRONG_ARGUMENTS, other.span, "a format is expected here, `json`"),
    };
    Some(Arc::new(Format { start: Reply::new(schema) }))
}

/// The reply so far.
#[derive(Debug, Clone)]
struct Reply {
    schema: Option<Arc<Schema>>,
    json: Json,
    /// The value without the white space around its parts; kept for the schema only.
    text: String,
    /// The value is complete and keeps the schema.
    valid: bool,
    /// It is longer than what is checked.
    long: bool,
}

impl Reply {
    fn new(schema: Option<Arc<Schema>>) -> Self {
        Self { schema, json: Json::default(), text: String::new(), valid: false, long: false }
    }

    /// Takes a character that is no white space between parts.
    fn add(&mut self, c: char) {
        let Some(schema) = &self.schema else {
            self.valid = self.json.is_complete();
            return;
        };
        if self.text.len() + c.len_utf8() > LONGEST {
            self.long = true;
            self.text.clear();
            return;
        }
        self.text.push(c);
        let bare = self.json.is_complete() && !self.json.is_closed();
        self.valid = self.json.is_complete()
            && (!bare || self.text.len() <= LONGEST_NUMBER)
            && schema.errors(&self.text).is_empty();
    }
}

impl Recognizer for Reply {
    fn push(&mut self, c: char, _event: &Event) {
        if self.settled() == Some(false) {
            return;
        }
        let between = !self.json.is_inside_text() && matches!(c, ' ' | '\t' | '\n' | '\r');
        self.json.push(c);
        if !between {
            self.add(c);
        }
    }

    fn accepts(&self) -> bool {
        self.valid && self.json.is_complete() && !self.long
    }

    fn settled(&self) -> Option<bool> {
        // Behind a whole value only white space may come.
        (self.json.is_dead() || self.long || (self.json.is_closed() && !self.valid)).then_some(false)
    }

    fn fits(&self, left: u64) -> bool {
        self.json.least() <= left
    }

    fn reason(&self) -> Option<String> {
        if self.accepts() {
            return None;
        }
        Some(match &self.schema {
            _ if self.long => format!("the reply is longer than {} KiB", LONGEST >> 10),
            _ if self.json.is_dead() => "the reply is not one JSON value".to_owned(),
            _ if !self.json.is_complete() => "the reply is not a complete JSON value".to_owned(),
            None => "the reply is not one JSON value".to_owned(),
            Some(schema) => {
                let errors = schema.errors(&self.text);
                format!("the reply does not keep its JSON Schema: {}", errors.join("; "))
            }
        })
    }

    fn key(&self) -> Vec<u64> {
        if self.settled() == Some(false) {
            return vec![0];
        }
        let mut key = vec![1];
        key.extend(self.json.key());
        if self.schema.is_some() && !self.json.is_closed() {
            let mut hasher = DefaultHasher::new();
            self.text.hash(&mut hasher);
            key.push(hasher.finish());
        }
        key
    }

    fn alphabet(&self) -> Vec<char> {
        "{}[]\",:\\ -+.0123456789truefalsnEb".chars().collect()
    }

    fn tells_all_apart(&self) -> bool {
        self.schema.is_some()
    }

    fn hints(&self) -> Hints {
        let plain = ["{}", "[]", "\"\"", "0", "true", "null", "{\"a\":\"a\"}", "{\"a\":\"好\"}"];
        let wholes = match &self.schema {
            None => plain.map(str::to_owned).to_vec(),
            Some(schema) => schema.samples().to_vec(),
        };
        Hints { wholes, ..Hints::default() }
    }

    fn reads_sentences(&self) -> bool {
        false
    }

    fn boxed(&self) -> Box<dyn Recognizer> {
        Box::new(self.clone())
    }
}

impl Constraint for Format {
    fn keyword(&self) -> &'static str {
        KEYWORD
    }

    fn class(&self) -> Class {
        Class::Whole
    }

    fn prompt(&self, language: Language) -> String {
        let schema = self.start.schema.as_ref().map(|schema| schema.source());
        match (language, schema) {
            (Language::Zh, None) => "整个回答必须是一个JSON值，前后不得有其他文字，也不要用代码块。".to_owned(),
            (Language::Zh, Some(schema)) => {
                format!(
                    "整个回答必须是一个JSON值，前后不得有其他文字，也不要用代码块，并且符合这个JSON Schema：{schema}。"
                )
            }
            (Language::En, None) => {
                "The whole answer must be one JSON value, with no other text around it and no code fence.".to_owned()
            }
            (Language::En, Some(schema)) => format!(
                "The whole answer must be one JSON value, with no other text around it and no code fence, and keep this JSON Schema: {schema}."
            ),
        }
    }

    fn fact(&self) -> Fact<'_> {
        Fact::Recognized(&self.start)
    }

    fn demand(&self) -> Demand<'_> {
        Demand::Recognize(&self.start)
    }

    fn outlook(&self, view: &View<'_>) -> Residual {
        view.recognized()
    }

    fn broken(&self, view: &View<'_>) -> Option<String> {
        view.machine.and_then(Recognizer::reason)
    }

    fn missing(&self, view: &View<'_>, language: Language) -> Option<String> {
        let reason = self.broken(view)?;
        Some(match language {
            Language::Zh => format!("{}（上次的问题：{reason}）", self.prompt(language)),
            Language::En => format!("{} (What was wrong: {reason}.)", self.prompt(language)),
        })
    }
}

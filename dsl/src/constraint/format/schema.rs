//! A JSON Schema of a contract.

use serde_json::Value;

use crate::diagnostic::{Finding, codes};
use crate::schema::{At, JsonSchema};
use crate::source::Source;
use crate::span::Span;
use crate::text::json::{place, sample};

/// A schema with replies that keep it.
#[derive(Debug)]
pub(super) struct Schema {
    source: String,
    schema: JsonSchema,
    samples: Vec<String>,
}

impl Schema {
    pub(super) fn new(text: &str, span: Span, source: &Source) -> Result<Self, Box<Finding>> {
        let schema = JsonSchema::read(text).map_err(|unusable| {
            let at = match &unusable.at {
                At::Whole => None,
                At::Place(line, column) => Some((*line, *column)),
                At::Reference(name) => written(text, name),
            };
            let at = at.map_or(span, |(line, column)| place(source, span, text, line, column));
            Box::new(
                Finding::new(codes::INVALID_SCHEMA, source, at, unusable.message).with_help(unusable.help.to_owned()),
            )
        })?;
        let guesses = sample::guesses(schema.document()).into_iter().filter(|value| schema.admits(value));
        let samples = guesses.map(|value| value.to_string()).collect();
        Ok(Self { source: schema.document().to_string(), samples, schema })
    }

    /// The schema on one line.
    pub(super) fn source(&self) -> &str {
        &self.source
    }

    /// Replies that keep it.
    pub(super) fn samples(&self) -> &[String] {
        &self.samples
    }

    /// What is wrong with a value, at most a few things.
    pub(super) fn errors(&self, text: &str) -> Vec<String> {
        match serde_json::from_str::<Value>(text) {
            Err(error) => vec![format!("it cannot be read: {error}")],
            Ok(value) => self.schema.errors(&value),
        }
    }
}

/// The line and column (from 1, in bytes) where a reference first stands in the text.
fn written(text: &str, reference: &str) -> Option<(usize, usize)> {
    let quoted = format!("\"{reference}\"");
    text.lines().enumerate().find_map(|(line, found)| Some((line + 1, found.find(&quoted)? + 1)))
}

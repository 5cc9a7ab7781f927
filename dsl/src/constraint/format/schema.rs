//! A JSON Schema of a contract.

use super::references;
use jsonschema::{PatternOptions, Validator};
use serde_json::Value;

use crate::diagnostic::{Finding, codes};
use crate::source::Source;
use crate::span::Span;
use crate::text::json::{place, sample};

/// Bytes of a schema.
const LONGEST: usize = 64 << 10;

/// Errors of one reply that are told.
const TOLD: usize = 3;

/// A schema, compiled. References stay inside it, and its patterns run in linear time.
#[derive(Debug)]
pub(super) struct Schema {
    source: String,
    validator: Validator,
    samples: Vec<String>,
}

impl Schema {
    pub(super) fn new(text: &str, span: Span, source: &Source) -> Result<Self, Box<Finding>> {
        let wrong = |span: Span, message: String, help: &str| {
            Box::new(Finding::new(codes::INVALID_SCHEMA, source, span, message).with_help(help.to_owned()))
        };
        if text.len() > LONGEST {
            let message = format!("the schema is larger than {} KiB", LONGEST >> 10);
            return Err(wrong(span, message, "describe less of the value"));
        }
        let schema: Value = serde_json::from_str(text).map_err(|error| {
            let place = place(source, span, text, error.line(), error.column());
            wrong(
                place,
                format!("the schema is not JSON: {error}"),
                "a JSON Schema is written as JSON, names in quotes",
            )
        })?;
        if !schema.is_object() {
            let message = "a JSON Schema is a JSON object".to_owned();
            return Err(wrong(span, message, "write for example `{\"type\": \"object\"}`"));
        }
        if let Err(problem) = references::check(&schema) {
            let at = problem.reference().and_then(|name| written(text, name));
            let at = at.map_or(span, |(line, column)| place(source, span, text, line, column));
            return Err(wrong(at, problem.to_string(), problem.help()));
        }
        let validator =
            jsonschema::options().offline().with_pattern_options(PatternOptions::regex()).build(&schema).map_err(
                |error| {
                    let place = error.instance_path().as_str().to_owned();
                    let place = if place.is_empty() { String::new() } else { format!(" (at `{place}`)") };
                    wrong(
                        span,
                        format!("the schema cannot be used: {error}{place}"),
                        "see json-schema.org for the words of a schema",
                    )
                },
            )?;
        let guesses = sample::guesses(&schema).into_iter().filter(|value| validator.is_valid(value));
        let samples = guesses.map(|value| value.to_string()).collect();
        Ok(Self { source: schema.to_string(), samples, validator })
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
            Ok(value) => {
                let told = |error: jsonschema::ValidationError<'_>| match error.instance_path().as_str() {
                    "" => error.to_string(),
                    path => format!("{path}: {error}"),
                };
                self.validator.iter_errors(&value).take(TOLD).map(told).collect()
            }
        }
    }
}

/// The line and column (from 1, in bytes) where a reference first stands in the text.
fn written(text: &str, reference: &str) -> Option<(usize, usize)> {
    let quoted = format!("\"{reference}\"");
    text.lines().enumerate().find_map(|(line, found)| Some((line + 1, found.find(&quoted)? + 1)))
}

//! JSON Schemas as texts are judged by: bounded in size, in what they refer to and in what judging costs.
//!
//! A contract writes them (`format json`), and callers of the runtime do, for the arguments of their
//! tools. References stay inside a schema, and its patterns run in linear time.

mod references;
mod steps;

use jsonschema::{PatternOptions, Validator};
use serde_json::Value;
use steps::Steps;

/// Bytes of a schema.
pub const LONGEST: usize = 64 << 10;

/// Patterns of a schema.
pub const MOST_PATTERNS: usize = 64;

/// What one pattern may become when it is compiled, in bytes (1 MiB): a few characters can stand for much.
const LARGEST_PATTERN: usize = 1 << 20;

/// Errors of one text that are told.
const TOLD: usize = 3;

/// Characters of each of them.
const TOLD_CHARACTERS: usize = 240;

/// Steps in which one path of a value is judged at most, with what was judged before remembered.
const MOST_STEPS: u64 = 100_000;

/// The same without: errors are collected anew wherever a schema is met. A schema that takes more tells none.
const MOST_STEPS_TOLD: u64 = 10_000;

/// What is told of a value when that is all that can be told in bounded time.
const NOT_KEPT: &str = "the value does not keep the schema, which branches too often to tell where";

/// A schema, compiled.
#[derive(Debug)]
pub struct JsonSchema {
    document: Value,
    patterns: usize,
    validator: Validator,
    /// Whether errors are collected in bounded time.
    tells: bool,
}

/// Why a schema cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Unusable {
    /// One sentence.
    pub message: String,
    /// What to do.
    pub help: &'static str,
    /// Where in the text, when it is one place.
    pub at: At,
}

/// A place in a schema's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum At {
    /// No place of its own.
    Whole,
    /// A line and a column, from 1, in bytes.
    Place(usize, usize),
    /// Where this reference is written.
    Reference(String),
}

impl JsonSchema {
    /// Reads a schema.
    ///
    /// # Errors
    /// When it is too large, not JSON, or not a schema that judges in bounded time.
    pub fn read(text: &str) -> Result<Self, Unusable> {
        within_bounds(text.len())?;
        let document = serde_json::from_str(text).map_err(|error| {
            let help = "a JSON Schema is written as JSON, names in quotes";
            let message = format!("the schema is not JSON: {error}");
            Unusable { message, help, at: At::Place(error.line(), error.column()) }
        })?;
        Self::compile(document)
    }

    /// The same from a document that was parsed before.
    ///
    /// # Errors
    /// As [`read`](Self::read).
    pub fn of(document: Value) -> Result<Self, Unusable> {
        within_bounds(document.to_string().len())?;
        Self::compile(document)
    }

    fn compile(document: Value) -> Result<Self, Unusable> {
        let wrong = |message: String, help| Unusable { message, help, at: At::Whole };
        if !document.is_object() {
            let help = "write for example `{\"type\": \"object\"}`";
            return Err(wrong("a JSON Schema is a JSON object".to_owned(), help));
        }
        references::check(&document).map_err(|problem| Unusable {
            message: problem.to_string(),
            help: problem.help(),
            at: problem.reference().map_or(At::Whole, |name| At::Reference(name.to_owned())),
        })?;
        let patterns = patterns(&document);
        if patterns > MOST_PATTERNS {
            let message = format!("the schema has more than {MOST_PATTERNS} patterns");
            return Err(wrong(message, "leave some out, or list the values with `enum`"));
        }
        let steps = Steps::of(&document);
        if steps.remembered > MOST_STEPS {
            let message = format!("judging a value takes more than {MOST_STEPS} steps, every reference written out");
            return Err(wrong(message, "name each definition once below `allOf`, `anyOf` and `oneOf`"));
        }
        let tells = steps.anew <= MOST_STEPS_TOLD;
        let linear = PatternOptions::regex().size_limit(LARGEST_PATTERN);
        let options = jsonschema::options().offline().with_pattern_options(linear);
        let validator = options.build(&document).map_err(|error| {
            let place = error.instance_path().as_str().to_owned();
            let place = if place.is_empty() { String::new() } else { format!(" (at `{place}`)") };
            wrong(format!("the schema cannot be used: {error}{place}"), "see json-schema.org for the words of a schema")
        })?;
        Ok(Self { document, patterns, validator, tells })
    }

    /// The schema as JSON.
    #[must_use]
    pub fn document(&self) -> &Value {
        &self.document
    }

    /// How many patterns it has.
    #[must_use]
    pub fn patterns(&self) -> usize {
        self.patterns
    }

    /// Whether a value keeps it.
    #[must_use]
    pub fn admits(&self, value: &Value) -> bool {
        self.validator.is_valid(value)
    }

    /// What is wrong with a value, at most a few things, each with its place in the value; of a schema that
    /// branches again and again only that it is not kept.
    #[must_use]
    pub fn errors(&self, value: &Value) -> Vec<String> {
        // What was judged before is remembered here, unlike where errors are collected.
        if self.admits(value) {
            return Vec::new();
        }
        // An error repeats the value, which may be long.
        let told = |error: jsonschema::ValidationError<'_>| {
            let text = match error.instance_path().as_str() {
                "" => error.to_string(),
                path => format!("{path}: {error}"),
            };
            text.chars().take(TOLD_CHARACTERS).collect()
        };
        let mut errors: Vec<String> = Vec::new();
        if self.tells {
            errors.extend(self.validator.iter_errors(value).take(TOLD).map(told));
        }
        if errors.is_empty() {
            errors.push(NOT_KEPT.to_owned());
        }
        errors
    }
}

/// The patterns of a document that may be a schema; the depth of one is bounded by its parser.
fn patterns(part: &Value) -> usize {
    match part {
        Value::Object(members) => {
            let named = members.get("patternProperties").and_then(Value::as_object).map_or(0, serde_json::Map::len);
            let own = usize::from(members.get("pattern").is_some_and(Value::is_string));
            named + own + members.values().map(patterns).sum::<usize>()
        }
        Value::Array(items) => items.iter().map(patterns).sum(),
        _ => 0,
    }
}

fn within_bounds(bytes: usize) -> Result<(), Unusable> {
    if bytes <= LONGEST {
        return Ok(());
    }
    let message = format!("the schema is larger than {} KiB", LONGEST >> 10);
    Err(Unusable { message, help: "describe less of the value", at: At::Whole })
}

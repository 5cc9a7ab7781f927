//! Tools that a caller offers, and the role's calls of them.
//!
//! A call is text that leaves, so the contract judges it ([`judge()`]): by what it says, over the decoded
//! strings of its arguments as well as over the arguments as they are written. A call goes out whole or not
//! at all.

mod assembly;
mod judge;
mod strings;
#[cfg(test)]
mod tests;
mod wrong;

use std::sync::Arc;

use rolecall_dsl::schema::{JsonSchema, MOST_PATTERNS, Unusable};
use serde_json::Value;

pub use assembly::{CallPiece, Calls, MAX_ARGUMENT_BYTES, MAX_CALLS};
pub(super) use judge::judge;

use super::{Line, Speaker};

/// Tools that one request may offer.
pub const MAX_TOOLS: usize = 128;

/// Their descriptions and schemas together, in bytes (128 KiB).
pub const MAX_TOOL_BYTES: usize = 128 << 10;

/// Characters of a tool's name.
pub const MAX_NAME: usize = 64;

/// What a tool said, in bytes (64 KiB).
pub const MAX_RESULT_BYTES: usize = 64 << 10;

/// Calls and results since the user's words, in bytes (256 KiB).
pub const MAX_STEP_BYTES: usize = 256 << 10;

/// A tool that the model may call.
#[derive(Debug)]
pub struct Tool {
    name: String,
    description: Option<String>,
    parameters: Option<JsonSchema>,
    strict: Option<bool>,
}

/// Whether tools are called.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum ToolChoice {
    /// As the model likes.
    #[default]
    Auto,
    /// Never.
    Never,
    /// At least one.
    Required,
    /// This one.
    Named(String),
}

/// The tools of one request. Cloning shares them.
#[derive(Debug, Clone, Default)]
pub struct Tools {
    offered: Arc<[Tool]>,
    choice: ToolChoice,
    /// Whether several may be called at once.
    parallel: Option<bool>,
}

/// A call of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolCall {
    /// Names the call; its result repeats it.
    pub id: String,
    /// The tool.
    pub name: String,
    /// A JSON object, as it was written.
    pub arguments: String,
}

/// The tools that are offered, and what was done with them since the user's words: calls of the role and
/// their results. Checked on the way in.
#[derive(Debug, Clone, Default)]
pub struct ToolUse {
    pub(super) tools: Tools,
    pub(super) steps: Vec<Line>,
}

/// Why tools cannot be offered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTools {
    /// The name.
    #[error("a tool's name is 1 to {MAX_NAME} letters, digits, `_` and `-`")]
    Name(usize),
    /// The same name twice.
    #[error("two tools have the same name; give each its own")]
    Twice(usize),
    /// The schema.
    #[error("{1}; {help}", help = .1.help)]
    Parameters(usize, Unusable),
    /// Too many.
    #[error("{0} tools are offered; at most {MAX_TOOLS} are taken")]
    TooMany(usize),
    /// Too many patterns in their schemas.
    #[error("the parameters of the tools have {0} patterns; at most {MOST_PATTERNS} are taken")]
    Patterns(usize),
    /// Too large.
    #[error("descriptions and parameters of the tools have {0} bytes; at most {MAX_TOOL_BYTES} are taken")]
    TooLarge(usize),
    /// A choice that cannot be made.
    #[error("the tool that must be called is not offered")]
    Choice,
    /// What was said with tools before.
    #[error("a tool's result has {0} bytes; at most {MAX_RESULT_BYTES} are read")]
    Result(usize),
    /// What was said with tools before, in all.
    #[error("calls and results behind the user's message have {0} bytes; at most {MAX_STEP_BYTES} are read")]
    Steps(usize),
}

impl BadTools {
    /// Which tool is wrong, when it is one.
    #[must_use]
    pub fn tool(&self) -> Option<usize> {
        match self {
            Self::Name(at) | Self::Twice(at) | Self::Parameters(at, _) => Some(*at),
            _ => None,
        }
    }
}

/// A tool as a caller describes it.
#[derive(Debug, Clone, Default)]
pub struct Offer {
    /// 1 to [`MAX_NAME`] letters, digits, `_` and `-`.
    pub name: String,
    /// For the model.
    pub description: Option<String>,
    /// A JSON Schema of an object; without one any object is an argument.
    pub parameters: Option<Value>,
    /// Whether the model's server is to keep to the schema by itself.
    pub strict: Option<bool>,
}

impl Tools {
    /// Takes tools on offer.
    ///
    /// # Errors
    /// When one cannot be offered, when they are too many or too large, or when a tool must be called that
    /// is not there.
    pub fn new(offers: Vec<Offer>, choice: ToolChoice, parallel: Option<bool>) -> Result<Self, BadTools> {
        if offers.len() > MAX_TOOLS {
            return Err(BadTools::TooMany(offers.len()));
        }
        let bytes = offers.iter().map(Offer::bytes).sum();
        if bytes > MAX_TOOL_BYTES {
            return Err(BadTools::TooLarge(bytes));
        }
        let mut offered: Vec<Tool> = Vec::with_capacity(offers.len());
        for (at, offer) in offers.into_iter().enumerate() {
            if offered.iter().any(|tool| tool.name == offer.name) {
                return Err(BadTools::Twice(at));
            }
            offered.push(Tool::new(at, offer)?);
        }
        let patterns = offered.iter().filter_map(|tool| tool.parameters.as_ref()).map(JsonSchema::patterns).sum();
        if patterns > MOST_PATTERNS {
            return Err(BadTools::Patterns(patterns));
        }
        let tools = Self { offered: offered.into(), choice, parallel };
        let possible = match &tools.choice {
            ToolChoice::Auto | ToolChoice::Never => true,
            ToolChoice::Required => !tools.offered.is_empty(),
            ToolChoice::Named(name) => tools.find(name).is_some(),
        };
        if possible { Ok(tools) } else { Err(BadTools::Choice) }
    }

    /// In the order in which they were offered.
    #[must_use]
    pub fn offered(&self) -> &[Tool] {
        &self.offered
    }

    /// Whether they are to be called.
    #[must_use]
    pub fn choice(&self) -> &ToolChoice {
        &self.choice
    }

    /// Whether several may be called at once; `None` leaves it to the model.
    #[must_use]
    pub fn parallel(&self) -> Option<bool> {
        self.parallel
    }

    /// Whether calls are looked for at all. Where nothing is offered, nothing is called.
    #[must_use]
    pub fn any(&self) -> bool {
        !self.offered.is_empty()
    }

    /// Whether an answer without a call is wrong.
    #[must_use]
    pub fn required(&self) -> bool {
        matches!(self.choice, ToolChoice::Required | ToolChoice::Named(_))
    }

    /// The tool of a name that may be called.
    fn callable(&self, name: &str) -> Option<&Tool> {
        match &self.choice {
            ToolChoice::Never => None,
            ToolChoice::Named(only) if only != name => None,
            _ => self.find(name),
        }
    }

    fn find(&self, name: &str) -> Option<&Tool> {
        self.offered.iter().find(|tool| tool.name == name)
    }
}

impl Tool {
    fn new(at: usize, offer: Offer) -> Result<Self, BadTools> {
        let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
        if !(1..=MAX_NAME).contains(&offer.name.len()) || !offer.name.chars().all(plain) {
            return Err(BadTools::Name(at));
        }
        let parameters = offer.parameters.map(JsonSchema::of).transpose();
        let parameters = parameters.map_err(|unusable| BadTools::Parameters(at, unusable))?;
        Ok(Self { name: offer.name, description: offer.description, parameters, strict: offer.strict })
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// What it is for.
    #[must_use]
    pub fn description(&self) -> Option<&str> {
        self.description.as_deref()
    }

    /// The JSON Schema of its arguments.
    #[must_use]
    pub fn parameters(&self) -> Option<&Value> {
        self.parameters.as_ref().map(JsonSchema::document)
    }

    /// As it was offered.
    #[must_use]
    pub fn strict(&self) -> Option<bool> {
        self.strict
    }
}

impl Offer {
    fn bytes(&self) -> usize {
        let parameters = self.parameters.as_ref().map_or(0, |schema| schema.to_string().len());
        parameters + self.description.as_ref().map_or(0, String::len)
    }
}

impl ToolUse {
    /// Lets in what tools said since the user's words, with the calls that they answer.
    ///
    /// # Errors
    /// When that is too much.
    pub fn new(tools: Tools, steps: Vec<Line>) -> Result<Self, BadTools> {
        let mut bytes = 0usize;
        for line in &steps {
            if line.speaker == Speaker::Tool && line.text.len() > MAX_RESULT_BYTES {
                return Err(BadTools::Result(line.text.len()));
            }
            bytes += line.bytes();
        }
        if bytes > MAX_STEP_BYTES { Err(BadTools::Steps(bytes)) } else { Ok(Self { tools, steps }) }
    }

    /// What is offered.
    #[must_use]
    pub fn tools(&self) -> &Tools {
        &self.tools
    }
}

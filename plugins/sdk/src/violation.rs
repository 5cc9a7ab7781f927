use std::ops::Range;

use serde::Deserialize;

/// How much a violation weighs. The contract's own severity bounds it: the milder of the two counts.
/// As a parameter it is `"error"` or `"warning"`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The reply must not go out so.
    #[default]
    Error,
    /// The reply goes out; the violation is reported.
    Warning,
}

/// One broken rule.
///
/// ```
/// use rolecall_plugin::{Severity, Violation};
///
/// let slang = Violation::new("slang", "“gonna” is slang").at(0..5).suggest("going to").warning();
/// assert_eq!(slang.severity, Severity::Warning);
/// assert_eq!(Violation::new("insult", "an insult").severity, Severity::Error);
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The policy's own name for the rule.
    pub rule: String,
    /// One sentence for people.
    pub message: String,
    /// How much it weighs.
    pub severity: Severity,
    /// The bytes it is about, in the order of the text; none means all of it.
    pub spans: Vec<Range<usize>>,
    /// What to write instead of the first span.
    pub suggestion: Option<String>,
}

impl Violation {
    /// An error about the whole text.
    pub fn new(rule: impl Into<String>, message: impl Into<String>) -> Self {
        let (rule, message) = (rule.into(), message.into());
        Self { rule, message, severity: Severity::Error, spans: Vec::new(), suggestion: None }
    }

    /// Makes a warning of it, which is reported and never holds a reply up.
    #[must_use]
    pub fn warning(self) -> Self {
        self.severity(Severity::Warning)
    }

    /// Says how much it weighs.
    #[must_use]
    pub fn severity(mut self, severity: Severity) -> Self {
        self.severity = severity;
        self
    }

    /// Adds a place: UTF-8 byte offsets, on character boundaries.
    #[must_use]
    pub fn at(mut self, span: Range<usize>) -> Self {
        self.spans.push(span);
        self
    }

    /// Says what to write instead of the first place.
    #[must_use]
    pub fn suggest(mut self, text: impl Into<String>) -> Self {
        self.suggestion = Some(text.into());
        self
    }
}

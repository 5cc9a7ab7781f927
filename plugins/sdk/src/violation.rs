use std::ops::Range;

/// One broken rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The policy's own name for the rule.
    pub rule: String,
    /// One sentence for people.
    pub message: String,
    /// The bytes it is about, in the order of the text; none means all of it.
    pub spans: Vec<Range<usize>>,
    /// What to write instead of the first span.
    pub suggestion: Option<String>,
}

impl Violation {
    /// A violation about the whole text.
    pub fn new(rule: impl Into<String>, message: impl Into<String>) -> Self {
        Self { rule: rule.into(), message: message.into(), spans: Vec::new(), suggestion: None }
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

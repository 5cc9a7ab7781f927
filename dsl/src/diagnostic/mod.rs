//! Findings: what is wrong, where, and what to do about it.

pub mod codes;
mod fixes;
mod render;

pub use codes::explain;
pub use fixes::apply;
pub use render::{
    Format, JsonFinding, JsonFix, JsonPosition, JsonRelated, JsonSpan, JunitCase, JunitFile, escaped, junit, render,
};

use serde::Serialize;

use crate::source::Source;
use crate::span::Span;

/// How much a finding weighs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Worth knowing.
    Note,
    /// Probably a mistake; the contract still loads.
    Warning,
    /// The contract does not load.
    Error,
}

impl std::fmt::Display for Severity {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Note => "note",
            Self::Warning => "warning",
            Self::Error => "error",
        })
    }
}

/// A stable finding code such as `RC0203`, declared once in [`codes`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Code(pub u16);

impl std::fmt::Display for Code {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "RC{:04}", self.0)
    }
}

impl Serialize for Code {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A further place that explains a finding.
#[derive(Debug, Clone)]
pub struct Related {
    /// The file it is in.
    pub source: Source,
    /// Where in it.
    pub span: Span,
    /// What is there.
    pub message: String,
}

/// A replacement that a tool can apply.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fix {
    /// What is replaced.
    pub span: Span,
    /// By what.
    pub replacement: String,
}

/// One thing to tell the author.
#[derive(Debug, Clone)]
pub struct Finding {
    /// Stable code.
    pub code: Code,
    /// Weight.
    pub severity: Severity,
    /// The file it is in.
    pub source: Source,
    /// The place in that file.
    pub span: Span,
    /// One sentence, without a full stop.
    pub message: String,
    /// Further places.
    pub related: Vec<Related>,
    /// What to do.
    pub help: Option<String>,
    /// What a tool may do.
    pub fix: Option<Fix>,
}

impl Finding {
    /// A finding with the severity its code is declared with.
    #[must_use]
    pub fn new(code: Code, source: &Source, span: Span, message: impl Into<String>) -> Self {
        Self {
            code,
            severity: codes::severity(code),
            source: source.clone(),
            span,
            message: message.into(),
            related: Vec::new(),
            help: None,
            fix: None,
        }
    }

    /// Adds a further place.
    #[must_use]
    pub fn with_related(mut self, span: Span, message: impl Into<String>) -> Self {
        self.related.push(Related { source: self.source.clone(), span, message: message.into() });
        self
    }

    /// Adds a further place in another file.
    #[must_use]
    pub fn with_related_in(mut self, source: &Source, span: Span, message: impl Into<String>) -> Self {
        self.related.push(Related { source: source.clone(), span, message: message.into() });
        self
    }

    /// Says what to do.
    #[must_use]
    pub fn with_help(mut self, help: impl Into<String>) -> Self {
        self.help = Some(help.into());
        self
    }

    /// Says what a tool may do.
    #[must_use]
    pub fn with_fix(mut self, span: Span, replacement: impl Into<String>) -> Self {
        self.fix = Some(Fix { span, replacement: replacement.into() });
        self
    }

    /// Adds "did you mean" for the candidate most like `written`, which stands at `span`, as help
    /// and as a fix; changes nothing when no candidate is near.
    #[must_use]
    pub fn did_you_mean<'a>(self, written: &str, span: Span, candidates: impl IntoIterator<Item = &'a str>) -> Self {
        match nearest(written, candidates) {
            Some(near) => self.with_help(format!("did you mean `{near}`?")).with_fix(span, near),
            None => self,
        }
    }
}

/// The candidate most like `written`, if one is near enough that a slip of the finger explains it.
#[must_use]
pub fn nearest<'a>(written: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let lower = written.to_lowercase();
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(distance, candidate)| *distance <= (candidate.chars().count() / 3).max(1))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

//! A JSON object per finding, for tools.

use serde::Serialize;

use crate::diagnostic::{Code, Finding, Severity, codes};
use crate::source::Source;
use crate::span::Span;

/// A finding as tools read it. Fields are added, never changed or removed.
#[derive(Debug, Clone, Serialize)]
pub struct JsonFinding<'a> {
    /// `RC0203`.
    pub code: Code,
    /// The code's name in kebab case; empty for a code that is not in the registry.
    pub name: &'static str,
    /// `error`, `warning` or `note`.
    pub severity: Severity,
    /// One sentence, without a full stop.
    pub message: &'a str,
    /// What to do, or null.
    pub help: Option<&'a str>,
    /// The file, as it was named to the checker.
    pub file: &'a str,
    /// Where.
    pub span: JsonSpan,
    /// Further places, perhaps in other files.
    pub related: Vec<JsonRelated<'a>>,
    /// A replacement that a tool may apply, or null.
    pub fix: Option<JsonFix<'a>>,
}

/// A half-open range of a file.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct JsonSpan {
    /// The first character.
    pub start: JsonPosition,
    /// One past the last character.
    pub end: JsonPosition,
}

/// A place in a file.
#[derive(Debug, Clone, Copy, Serialize)]
pub struct JsonPosition {
    /// In UTF-8 bytes from the start of the file, from 0.
    pub offset: u32,
    /// From 1.
    pub line: u32,
    /// In characters, from 1.
    pub column: u32,
}

/// A further place.
#[derive(Debug, Clone, Serialize)]
pub struct JsonRelated<'a> {
    /// What is there.
    pub message: &'a str,
    /// The file, as it was named to the checker.
    pub file: &'a str,
    /// Where.
    pub span: JsonSpan,
}

/// A replacement.
#[derive(Debug, Clone, Serialize)]
pub struct JsonFix<'a> {
    /// What is replaced; an insertion when it is empty.
    pub span: JsonSpan,
    /// By what.
    pub replacement: &'a str,
}

impl<'a> From<&'a Finding> for JsonFinding<'a> {
    fn from(finding: &'a Finding) -> Self {
        let span = |place| json_span(&finding.source, place);
        let related = finding.related.iter().map(|it| JsonRelated {
            message: &it.message,
            file: it.source.name(),
            span: json_span(&it.source, it.span),
        });
        Self {
            code: finding.code,
            name: codes::lookup(finding.code).map_or("", |declared| declared.name),
            severity: finding.severity,
            message: &finding.message,
            help: finding.help.as_deref(),
            file: finding.source.name(),
            span: span(finding.span),
            related: related.collect(),
            fix: finding.fix.as_ref().map(|fix| JsonFix { span: span(fix.span), replacement: &fix.replacement }),
        }
    }
}

pub(super) fn render(finding: &Finding, out: &mut String) {
    // Strings, numbers and lists always have a JSON form.
    if let Ok(line) = serde_json::to_string(&JsonFinding::from(finding)) {
        out.push_str(&line);
        out.push('\n');
    }
}

fn json_span(source: &Source, span: Span) -> JsonSpan {
    let position = |offset| {
        let at = source.position(offset);
        JsonPosition { offset, line: at.line, column: at.column }
    };
    JsonSpan { start: position(span.start), end: position(span.end) }
}

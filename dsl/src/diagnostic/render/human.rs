//! Source excerpts with markers.

use std::ops::Range;

use ariadne::{Color, Config, IndexType, Label, Report, ReportKind};

use crate::diagnostic::{Finding, Severity};
use crate::span::Span;

type Place = (String, Range<usize>);

pub(super) fn render(finding: &Finding, color: bool, out: &mut String) {
    let (kind, tint) = match finding.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
        Severity::Note => (ReportKind::Advice, Color::Blue),
    };
    let name = finding.source.name().to_owned();
    let text = finding.source.text();
    let place = |span| (name.clone(), drawable(text, span));
    let config = Config::default().with_index_type(IndexType::Byte).with_color(color);
    let mut report: ariadne::ReportBuilder<'_, Place> = Report::build(kind, place(finding.span))
        .with_config(config)
        .with_code(finding.code)
        .with_message(&finding.message)
        .with_label(Label::new(place(finding.span)).with_message("here").with_color(tint).with_priority(1));
    for related in &finding.related {
        report.add_label(Label::new(place(related.span)).with_message(&related.message).with_color(Color::Cyan));
    }
    if let Some(help) = &finding.help {
        report.set_help(help);
    }
    let mut bytes = Vec::new();
    // Writing into memory does not fail.
    if report.finish().write((name.clone(), ariadne::Source::from(text)), &mut bytes).is_ok() {
        out.push_str(&String::from_utf8_lossy(&bytes));
    }
}

/// A span that an excerpt can show: inside the text, on character boundaries, and only its first
/// line, because the lines between two far ends explain nothing.
fn drawable(text: &str, span: Span) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(span.start as usize), floor(span.end as usize));
    let shown = text.get(start..end).unwrap_or("");
    let line = shown.find(['\n', '\r']).unwrap_or(shown.len());
    start..start + line
}

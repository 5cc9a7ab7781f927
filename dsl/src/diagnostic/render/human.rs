//! Source excerpts with markers.

use std::ops::Range;

use ariadne::{Cache, Color, Config, IndexType, Label, Report, ReportKind};

use crate::diagnostic::{Finding, Severity};
use crate::source::Source;
use crate::span::Span;

/// A file, as its index among the excerpts, and characters of it.
type Place = (usize, Range<usize>);

pub(super) fn render(finding: &Finding, color: bool, out: &mut String) {
    let (kind, tint) = match finding.severity {
        Severity::Error => (ReportKind::Error, Color::Red),
        Severity::Warning => (ReportKind::Warning, Color::Yellow),
        Severity::Note => (ReportKind::Advice, Color::Blue),
    };
    let mut excerpts = Excerpts::default();
    let place = excerpts.place(&finding.source, finding.span);
    // Characters, not bytes: the heads of further files are found by the same unit as their markers.
    let config = Config::default().with_index_type(IndexType::Char).with_color(color);
    let mut report: ariadne::ReportBuilder<'_, Place> = Report::build(kind, place.clone())
        .with_config(config)
        .with_code(finding.code)
        .with_message(&finding.message)
        .with_label(Label::new(place).with_message("here").with_color(tint).with_priority(1));
    for related in &finding.related {
        let place = excerpts.place(&related.source, related.span);
        report.add_label(Label::new(place).with_message(&related.message).with_color(Color::Cyan));
    }
    if let Some(help) = &finding.help {
        report.set_help(help);
    }
    let mut bytes = Vec::new();
    // Writing into memory does not fail.
    if report.finish().write(excerpts, &mut bytes).is_ok() {
        out.push_str(&String::from_utf8_lossy(&bytes));
    }
}

/// The files that one finding shows. Two of them may have one name.
#[derive(Default)]
struct Excerpts<'a> {
    files: Vec<(&'a Source, ariadne::Source<&'a str>)>,
}

impl<'a> Excerpts<'a> {
    fn place(&mut self, source: &'a Source, span: Span) -> Place {
        let same = |(known, _): &(&Source, _)| known.name() == source.name() && known.text() == source.text();
        let index = self.files.iter().position(same).unwrap_or_else(|| {
            self.files.push((source, ariadne::Source::from(source.text())));
            self.files.len() - 1
        });
        (index, drawable(source.text(), span))
    }
}

impl<'a> Cache<usize> for Excerpts<'a> {
    type Storage = &'a str;

    fn fetch(&mut self, id: &usize) -> Result<&ariadne::Source<&'a str>, impl std::fmt::Debug> {
        self.files.get(*id).map(|(_, text)| text).ok_or("a file without excerpt")
    }

    fn display<'d>(&self, id: &'d usize) -> Option<impl std::fmt::Display + 'd> {
        self.files.get(*id).map(|(source, _)| source.name().to_owned())
    }
}

/// The characters of a span that an excerpt can show: inside the text, and only its first line,
/// because the lines between two far ends explain nothing.
fn drawable(text: &str, span: Span) -> Range<usize> {
    let floor = |mut at: usize| {
        at = at.min(text.len());
        while !text.is_char_boundary(at) {
            at -= 1;
        }
        at
    };
    let (start, end) = (floor(span.start as usize), floor(span.end as usize));
    let characters = |range: Range<usize>| text.get(range).map_or(0, |part| part.chars().count());
    let shown = text.get(start..end).unwrap_or("");
    let line = shown.find(['\n', '\r']).unwrap_or(shown.len());
    let first = characters(0..start);
    first..first + characters(start..start + line)
}

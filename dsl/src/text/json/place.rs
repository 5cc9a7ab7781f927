//! Where in a contract a place of an embedded text stands.

use crate::source::Source;
use crate::span::Span;

/// The place of a line and column (from 1, in bytes) of a literal's text, if the line is written there
/// as it reads, without escapes; the whole literal otherwise.
pub(crate) fn place(source: &Source, literal: Span, text: &str, line: usize, column: usize) -> Span {
    found(source, literal, text, line, column).unwrap_or(literal)
}

fn found(source: &Source, literal: Span, text: &str, line: usize, column: usize) -> Option<Span> {
    let wanted = text.lines().nth(line.checked_sub(1)?)?;
    let indent = wanted.len() - wanted.trim_start().len();
    let written = source.slice(literal);
    // A line that occurs twice is the one before which as many lines stand.
    let mut offset = 0;
    let mut seen = 0;
    let before = text.lines().take(line - 1).filter(|other| other.trim() == wanted.trim()).count();
    for piece in written.split_inclusive('\n') {
        if !wanted.trim().is_empty() && piece.contains(wanted.trim()) {
            if seen == before {
                let within = piece.find(wanted.trim())?;
                let at = offset + within + column.saturating_sub(1).saturating_sub(indent);
                let start = literal.start + u32::try_from(at.min(written.len())).ok()?;
                let rest = source.text().get(start as usize..)?;
                let length = rest.chars().next().map_or(0, char::len_utf8);
                return Some(Span::new(start, start + u32::try_from(length).ok()?));
            }
            seen += 1;
        }
        offset += piece.len();
    }
    None
}

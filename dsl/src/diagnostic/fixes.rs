//! Doing what findings propose.

use super::{Finding, Fix};
use crate::parse::parse;
use crate::source::Source;

/// The text of a source with the fixes of its findings applied.
///
/// Fixes go in by their place. One that overlaps an earlier one, lies outside of the text, or belongs
/// to another file is left out, and so is one that would leave the file with more syntax errors than
/// it has: the findings of the new text offer what is still to do.
#[must_use]
pub fn apply(source: &Source, findings: &[Finding]) -> String {
    let own = |finding: &&Finding| finding.source.name() == source.name() && finding.source.text() == source.text();
    let mut fixes: Vec<&Fix> = findings.iter().filter(own).filter_map(|finding| finding.fix.as_ref()).collect();
    fixes.sort_by_key(|fix| (fix.span.start, fix.span.end));
    fixes.dedup();
    let fixes = apart(source.text(), fixes);
    let all = replaced(source.text(), &fixes);
    let before = syntax_errors(source, source.text());
    if syntax_errors(source, &all) <= before {
        return all;
    }
    // One of them does harm: they are tried one by one.
    let mut kept: Vec<&Fix> = Vec::new();
    let mut text = source.text().to_owned();
    for fix in fixes {
        kept.push(fix);
        let tried = replaced(source.text(), &kept);
        if syntax_errors(source, &tried) <= before {
            text = tried;
        } else {
            kept.pop();
        }
    }
    text
}

/// Those that lie in the text and do not overlap an earlier one.
fn apart<'f>(text: &str, fixes: Vec<&'f Fix>) -> Vec<&'f Fix> {
    let mut end = 0;
    let fits = |fix: &&Fix| {
        let inside = text.get(fix.span.range()).is_some() && fix.span.start >= end;
        if inside {
            end = fix.span.end;
        }
        inside
    };
    fixes.into_iter().filter(fits).collect()
}

fn replaced(text: &str, fixes: &[&Fix]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut at = 0;
    for fix in fixes {
        let range = fix.span.range();
        out.push_str(text.get(at..range.start).unwrap_or(""));
        out.push_str(&fix.replacement);
        at = range.end;
    }
    out.push_str(text.get(at..).unwrap_or(""));
    out
}

fn syntax_errors(source: &Source, text: &str) -> usize {
    let mut findings = Vec::new();
    let _tree = parse(&Source::new(source.name(), text), &mut findings);
    findings.len()
}

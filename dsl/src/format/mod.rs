//! One layout for every contract.
//!
//! The formatter knows the shapes of the grammar and almost no words: [`tree`] turns the parse tree
//! into pieces, [`canonical`] respells the few forms that have two spellings, [`writer`] lays the
//! pieces out, and [`proof`] reads the result again. What does not read as the same contract is
//! never given out.

mod canonical;
mod proof;
mod tree;
mod writer;

use pest::Parser as _;
use pest::iterators::Pair;

use crate::diagnostic::Finding;
use crate::parse::grammar::{Grammar, Rule};
use crate::parse::parse;
use crate::source::Source;

/// How many columns a line has; a wide character takes two.
pub const WIDTH: usize = 100;

/// Why a file keeps its layout.
#[derive(Debug, Clone, thiserror::Error)]
pub enum FormatError {
    /// The file does not have the shape of the language; formatting would guess.
    #[error("the file cannot be read: {}", listed(.0))]
    Syntax(Vec<Finding>),
    /// The new text would not read as the same contract: a mistake of the formatter.
    #[error("the formatter would change {what} of {file}; the file stays as it is. Please report this")]
    Changed {
        /// The file.
        file: String,
        /// What would change.
        what: &'static str,
    },
}

impl FormatError {
    /// The findings that keep the file from being read; none for a mistake of the formatter.
    #[must_use]
    pub fn findings(&self) -> &[Finding] {
        match self {
            Self::Syntax(findings) => findings,
            Self::Changed { .. } => &[],
        }
    }
}

/// The text in its one layout: an entry a line, four spaces a level, at most [`WIDTH`] columns where
/// a line can be broken, at most one blank line, comments where they were.
///
/// Formatting a formatted text changes nothing.
///
/// # Errors
/// When the file has syntax errors, and when the result would not read as the same contract.
pub fn format(source: &Source) -> Result<String, FormatError> {
    let mut findings = Vec::new();
    let _tree = parse(source, &mut findings);
    if !findings.is_empty() {
        return Err(FormatError::Syntax(findings));
    }
    let changed = |what| FormatError::Changed { file: source.name().to_owned(), what };
    let before = read(source.text()).ok_or_else(|| changed("the shape"))?;
    let items = tree::read(source.text(), &before);
    let mut failure = "the shape";
    // Where a brace stands can decide what begins there: when moving braces up changes the meaning,
    // they stay on the lines they are on.
    for keep_braces in [false, true] {
        let text = writer::write(&items, keep_braces);
        let Some(after) = read(&text) else { continue };
        match proof::difference(&before, &after) {
            None => return Ok(text),
            Some(what) => failure = what,
        }
    }
    Err(changed(failure))
}

fn read(text: &str) -> Option<Pair<'_, Rule>> {
    Grammar::parse(Rule::file, text).ok()?.next()
}

fn listed(findings: &[Finding]) -> String {
    let line = |finding: &Finding| {
        let at = finding.source.position(finding.span.start);
        format!("{}:{}:{}: {}", finding.source.name(), at.line, at.column, finding.message)
    };
    findings.iter().map(line).collect::<Vec<_>>().join("; ")
}

//! From text to tree: the grammar's nodes become [`ast`](crate::ast) values, and every node that
//! stands for something unreadable becomes one finding.

mod entry;
mod item;
mod literal;
mod unreadable;
mod wide;

use pest::Parser as _;
use pest::iterators::Pair;

use crate::ast::{Broken, File};
use crate::diagnostic::{Finding, codes};
use crate::source::{MAX_SOURCE_BYTES, Source};
use crate::span::{Span, Spanned};

/// The generated parser; its rules are for this module and for the formatter.
pub(crate) mod grammar {
    #![allow(missing_docs, reason = "generated from grammar.pest, which has the explanations")]

    /// The generated parser.
    #[derive(pest_derive::Parser)]
    #[grammar = "grammar.pest"]
    pub(crate) struct Grammar;
}

pub(crate) use literal::dedent;

use grammar::{Grammar, Rule};
pub(crate) use item::IMPORT;

/// How deep blocks and lists may nest; the grammar counts with the same number.
pub const MAX_DEPTH: usize = 16;

/// Reads a file. What cannot be read is left out of the tree and has a finding; the tree holds all
/// of the rest.
#[must_use]
pub fn parse(source: &Source, findings: &mut Vec<Finding>) -> File {
    if source.text().len() > MAX_SOURCE_BYTES {
        findings.push(too_large(source, source.text().len()));
        return File::default();
    }
    match Grammar::parse(Rule::file, source.text()) {
        Ok(mut pairs) => {
            let mut builder = Builder { source, findings, broken: Vec::new(), torn: false, suspect: None };
            pairs.next().map(|file| builder.file(file)).unwrap_or_default()
        }
        // The grammar accepts every text; this arm only keeps a mistake in it from being silent.
        Err(error) => {
            findings.push(Finding::new(codes::UNREADABLE, source, Span::default(), error.variant.message()));
            File::default()
        }
    }
}

/// The finding for a file of `bytes` bytes.
pub(crate) fn too_large(source: &Source, bytes: usize) -> Finding {
    let message = format!("the file has {bytes} bytes, more than the {MAX_SOURCE_BYTES} that are read");
    Finding::new(codes::SOURCE_TOO_LARGE, source, Span::default(), message).with_help("split it into several files")
}

/// Walks the nodes of one file.
struct Builder<'a> {
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
    broken: Vec<Broken>,
    /// Whether the braces of the current role are not to be trusted.
    torn: bool,
    /// The first block of the current role whose braces are indented differently.
    suspect: Option<(Span, Span)>,
}

impl Builder<'_> {
    fn spanned(pair: &Pair<'_, Rule>) -> Spanned<String> {
        Spanned::new(pair.as_str().to_owned(), span(pair))
    }
}

fn span(pair: &Pair<'_, Rule>) -> Span {
    let at = |offset: usize| u32::try_from(offset).unwrap_or(u32::MAX);
    let span = pair.as_span();
    Span::new(at(span.start()), at(span.end()))
}

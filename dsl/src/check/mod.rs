//! From tree to contract: names, types, and the contradictions that need no reply.
//!
//! Each section of a role has its file here. All of them add to one [`Report`] and go on.

mod book;
mod cases;
mod characters;
mod checker;
mod dedup;
mod delivery;
mod fields;
mod guards;
mod heartbeat;
mod imports;
mod inherit;
mod intents;
mod merge;
mod model;
mod options;
mod proof;
mod role;
mod rules;
mod settle;
mod state;
mod style;
mod words;

pub use imports::{ImportError, Imports, NoImports};

use std::sync::Arc;

use book::Book;
use checker::{Checker, Standing, within};

use crate::ast::File;
use crate::contract::Contract;
use crate::diagnostic::{Code, Finding, Severity, codes};
use crate::parse;
use crate::source::{MAX_SOURCE_BYTES, Source};
use crate::span::Span;

/// How many findings of one file are kept; errors go first when more are found.
pub const MAX_FINDINGS: usize = 200;

/// Everything that compiling one file gives.
#[derive(Debug, Clone, Default)]
pub struct Compiled {
    /// The roles without errors, in the order written.
    pub contracts: Vec<Arc<Contract>>,
    /// What could be read of all roles with errors, for tools that look further. Never to be served.
    pub drafts: Vec<Arc<Contract>>,
    /// Those of `drafts` whose only errors are contradictions of their own: readable, and impossible to keep.
    pub contradictory: Vec<Arc<Contract>>,
    /// Every finding of the file, in the order of their places.
    pub findings: Vec<Finding>,
}

/// [`compile_with`] for a text that has no other files beside it: imports are findings.
#[must_use]
pub fn compile(source: &Source) -> Compiled {
    compile_with(source, &NoImports)
}

/// Parses and checks one file and what it imports: syntax, names, types and the contradictions that
/// need no reply.
///
/// An error inside a role or a rule set leaves out that role, or those that use the set; an error
/// outside of them leaves all out, because what it stands for may belong to any of them. What is
/// wrong with an imported file is told at the import.
#[must_use]
pub fn compile_with(source: &Source, imports: &dyn Imports) -> Compiled {
    let book = Book::read(source, imports);
    let mut checker = Checker::new(&book);
    let Some(root) = checker.module(0) else { return Compiled::default() };
    let mut findings = root.findings.clone();
    if source.text().len() > MAX_SOURCE_BYTES {
        return Compiled { findings, ..Compiled::default() };
    }
    findings.extend(checker.imports(0));
    empty(&root.file, &mut Report { source, findings: &mut findings });
    let parts: Vec<Span> =
        root.file.roles.iter().map(|role| role.span).chain(root.file.sets.iter().map(|set| set.span)).collect();
    let inside = |finding: &Finding| parts.iter().any(|part| within(*part, finding.span));
    let outside = findings.iter().any(|finding| finding.severity == Severity::Error && !inside(finding));

    characters::check(source, &mut findings);
    for index in 0..root.file.sets.len() {
        findings.extend(checker.set(0, index).findings.iter().cloned());
    }
    let mut compiled = Compiled::default();
    for index in 0..root.file.roles.len() {
        let checked = checker.role(0, index);
        findings.extend(checked.findings.iter().cloned());
        let Some(contract) = checked.contract.clone() else { continue };
        match checked.standing {
            Standing::Sound if !outside => compiled.contracts.push(contract),
            Standing::Contradictory if !outside => {
                compiled.contradictory.push(Arc::clone(&contract));
                compiled.drafts.push(contract);
            }
            _ => compiled.drafts.push(contract),
        }
    }
    compiled.findings = bounded(source, findings);
    compiled
}

/// [`compile`] for a file as it was read: bytes that are not UTF-8 are a finding.
#[must_use]
pub fn compile_bytes(name: &str, bytes: &[u8]) -> Compiled {
    let failed = |finding| Compiled { findings: vec![finding], ..Compiled::default() };
    let empty = Source::new(name, "");
    if bytes.len() > MAX_SOURCE_BYTES {
        return failed(parse::too_large(&empty, bytes.len()));
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => compile(&Source::new(name, text)),
        Err(error) => {
            let message = format!("the file is not UTF-8: byte {} does not belong to a character", error.valid_up_to());
            failed(
                Finding::new(codes::NOT_UTF8, &empty, Span::default(), message)
                    .with_help("save the file as UTF-8 (without UTF-16, GBK or Latin-1)"),
            )
        }
    }
}

/// A file that says nothing at all.
fn empty(file: &File, report: &mut Report<'_>) {
    let holds = !file.roles.is_empty() || !file.sets.is_empty() || !file.imports.is_empty() || !file.broken.is_empty();
    if !holds && report.findings.is_empty() {
        report.add(codes::NO_ROLE, Span::default(), "the file declares no role", |finding| {
            finding.with_help("write `role some_name { … }`")
        });
    }
}

/// In the order of places, at most [`MAX_FINDINGS`], the heaviest kept.
fn bounded(source: &Source, mut findings: Vec<Finding>) -> Vec<Finding> {
    // What is about another file comes last.
    let by_place = |f: &Finding| (f.source.name() != source.name(), f.span.start, f.span.end, f.code);
    findings.sort_by_key(by_place);
    if findings.len() > MAX_FINDINGS {
        let left_out = findings.len() - MAX_FINDINGS;
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        findings.truncate(MAX_FINDINGS);
        findings.sort_by_key(by_place);
        let end = findings.last().map_or(Span::default(), |last| last.span);
        let message = format!("{left_out} further findings were left out");
        findings.push(Finding::new(codes::TOO_MANY_FINDINGS, source, end, message));
    }
    findings
}

/// Where the sections of a role put their findings.
struct Report<'a> {
    source: &'a Source,
    findings: &'a mut Vec<Finding>,
}

impl Report<'_> {
    fn add(&mut self, code: Code, span: Span, message: impl Into<String>, more: impl FnOnce(Finding) -> Finding) {
        self.findings.push(more(Finding::new(code, self.source, span, message)));
    }

    fn not_implemented(&mut self, word: &str, span: Span) {
        self.add(codes::NOT_IMPLEMENTED, span, format!("`{word}` is not implemented yet"), |finding| {
            finding.with_help("remove it: this version would not carry it out, and does not load what it cannot keep")
        });
    }

    /// A part that is kept in the contract and that nothing acts upon yet.
    fn not_in_effect(&mut self, what: &str, instead: &str, span: Span) {
        self.add(codes::NOT_IN_EFFECT, span, format!("not in effect yet: {what}; {instead}"), |finding| {
            finding.with_help("it may stay: it is checked, and takes effect with a later version")
        });
    }

    fn too_many(&mut self, span: Span, what: &str) {
        self.add(codes::TOO_MANY, span, format!("a role has {what}"), |finding| {
            finding.with_help("what follows was not checked")
        });
    }

    fn duplicate(&mut self, word: &str, span: Span, first: Span) {
        self.add(codes::DUPLICATE_FIELD, span, format!("`{word}` is given twice"), |finding| {
            finding.with_related(first, "given here first").with_help("keep one of them")
        });
    }
}

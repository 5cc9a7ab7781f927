//! From tree to contract: names, types, and the contradictions that need no reply.
//!
//! Each section of a role has its file here. All of them add to one [`Report`] and go on.

mod cases;
mod characters;
mod delivery;
mod fields;
mod model;
mod options;
mod role;
mod rules;
mod words;

use std::collections::HashMap;
use std::sync::Arc;

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
    /// The roles whose only errors are contradictions of their own: readable, and impossible to keep.
    pub contradictory: Vec<Arc<Contract>>,
    /// Every finding of the file, in the order of their places.
    pub findings: Vec<Finding>,
}

/// Parses and checks one file: syntax, names, types and the contradictions that need no reply.
///
/// An error inside a role leaves that role out; an error outside of all roles leaves all out,
/// because what it stands for may belong to any of them.
#[must_use]
pub fn compile(source: &Source) -> Compiled {
    let mut findings = Vec::new();
    let file = parse::parse(source, &mut findings);
    if source.text().len() > MAX_SOURCE_BYTES {
        return Compiled { findings, ..Compiled::default() };
    }
    characters::check(source, &mut findings);
    let mut report = Report { source, findings: &mut findings };
    items(&file, &mut report);
    let checked: Vec<Option<Contract>> = file.roles.iter().map(|role| role::check(role, &file, &mut report)).collect();

    let errors: Vec<&Finding> = findings.iter().filter(|f| f.severity == Severity::Error).collect();
    let within = |span: Span, error: &Finding| span.start <= error.span.start && error.span.end <= span.end;
    let outside = errors.iter().any(|error| !file.roles.iter().any(|role| within(role.span, error)));
    let mut compiled = Compiled::default();
    for contract in checked.into_iter().flatten().map(Arc::new) {
        let mut own = errors.iter().filter(|error| within(contract.span, error));
        let shape = own.clone().any(|error| !codes::CONTRADICTIONS.contains(&error.code.0));
        let sound = !outside && own.next().is_none();
        if sound {
            compiled.contracts.push(contract);
            continue;
        }
        if !outside && !shape {
            compiled.contradictory.push(Arc::clone(&contract));
        }
        compiled.drafts.push(contract);
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

/// What is judged before the roles one by one: imports, the number of roles, their names.
fn items(file: &File, report: &mut Report<'_>) {
    for import in &file.imports {
        report.not_implemented("import", import.span);
    }
    if file.roles.is_empty() && file.broken.is_empty() && file.imports.is_empty() && report.findings.is_empty() {
        report.add(codes::NO_ROLE, Span::default(), "the file declares no role", |finding| {
            finding.with_help("write `role some_name { … }`")
        });
    }
    let mut seen: HashMap<&str, Span> = HashMap::new();
    for role in &file.roles {
        if let Some(first) = seen.get(role.name.value.as_str()) {
            let message = format!("a second role named `{}`", role.name.value);
            report.add(codes::DUPLICATE_ROLE, role.name.span, message, |finding| {
                finding.with_related(*first, "the first one").with_help("rename one of them")
            });
        } else {
            seen.insert(&role.name.value, role.name.span);
        }
    }
}

/// In the order of places, at most [`MAX_FINDINGS`], the heaviest kept.
fn bounded(source: &Source, mut findings: Vec<Finding>) -> Vec<Finding> {
    let by_place = |f: &Finding| (f.span.start, f.span.end, f.code);
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

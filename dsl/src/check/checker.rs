//! Everything about a file and its imports that is worked out once and asked for by name.

use std::collections::HashMap;
use std::rc::Rc;
use std::sync::Arc;

use super::book::{self, Book, Module};
use super::rules::{self, Draft};
use super::{Report, role, settle};
use crate::contract::Contract;
use crate::diagnostic::{Code, Finding, Severity, codes};
use crate::parse;
use crate::span::Span;

/// How many roles a chain of `extends`, or sets a chain of `use`, may have.
const MAX_CHAIN: usize = 16;

/// A checked rule set.
#[derive(Debug, Default)]
pub(super) struct Set {
    pub(super) drafts: Vec<Draft>,
    pub(super) findings: Vec<Finding>,
    /// Whether it has errors, or uses a set that has.
    pub(super) bad: bool,
}

/// What the contract of a role is good for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Standing {
    /// Everything.
    Sound,
    /// It contradicts itself, and has no other error.
    Contradictory,
    /// It has errors that leave open what it says.
    #[default]
    Draft,
}

/// A checked role.
#[derive(Debug, Default)]
pub(super) struct Checked {
    /// Nothing when it cannot be read.
    pub(super) contract: Option<Arc<Contract>>,
    /// What the contract may be used for.
    pub(super) standing: Standing,
    /// What was found in it, its shape apart.
    pub(super) findings: Vec<Finding>,
}

/// The parts of one file that were checked so far.
#[derive(Debug)]
pub(super) struct Checker<'b> {
    book: &'b Book,
    sets: HashMap<(usize, usize), Rc<Set>>,
    /// The sets being checked, each used by the one before.
    open: Vec<(usize, usize)>,
    roles: HashMap<(usize, usize), Rc<Checked>>,
    errors: HashMap<usize, Rc<Vec<Finding>>>,
}

impl<'b> Checker<'b> {
    pub(super) fn new(book: &'b Book) -> Self {
        Self { book, sets: HashMap::new(), open: Vec::new(), roles: HashMap::new(), errors: HashMap::new() }
    }

    pub(super) fn module(&self, index: usize) -> Option<&'b Module> {
        self.book.modules.get(index)
    }

    /// The findings about imports of a file that have errors.
    pub(super) fn imports(&mut self, index: usize) -> Vec<Finding> {
        let Some(module) = self.module(index) else { return Vec::new() };
        let mut findings = Vec::new();
        for (import, link) in module.file.imports.iter().zip(&module.links) {
            let Some(link) = link else { continue };
            let errors = self.errors(*link);
            if errors.is_empty() {
                continue;
            }
            let message = format!("`{}` has errors", import.value);
            let finding = Finding::new(codes::IMPORT_BROKEN, &module.source, import.span, message)
                .with_help("mend that file first");
            findings.push(book::broken(finding, &errors));
        }
        findings
    }

    /// The errors of a file outside of its roles.
    fn errors(&mut self, index: usize) -> Rc<Vec<Finding>> {
        if let Some(known) = self.errors.get(&index) {
            return Rc::clone(known);
        }
        let Some(module) = self.module(index) else { return Rc::default() };
        let in_role = |finding: &Finding| module.file.roles.iter().any(|role| within(role.span, finding.span));
        let mut all: Vec<Finding> = module.findings.iter().filter(|finding| !in_role(finding)).cloned().collect();
        all.extend(self.imports(index));
        for set in 0..module.file.sets.len() {
            all.extend(self.set(index, set).findings.iter().cloned());
        }
        all.retain(|finding| finding.severity == Severity::Error);
        let all = Rc::new(all);
        self.errors.insert(index, Rc::clone(&all));
        all
    }

    /// A set of a file.
    pub(super) fn set(&mut self, module: usize, index: usize) -> Rc<Set> {
        if let Some(known) = self.sets.get(&(module, index)) {
            return Rc::clone(known);
        }
        let Some((home, written)) = self.module(module).and_then(|home| Some((home, home.file.sets.get(index)?)))
        else {
            return Rc::default();
        };
        let mut findings = Vec::new();
        let mut report = Report { source: &home.source, findings: &mut findings };
        let torn = home.file.broken.iter().any(|broken| within(written.span, broken.span));
        if written.body.entries.is_empty() && !torn {
            report.add(codes::EMPTY_BLOCK, written.name.span, "this rule set is empty", |finding| {
                finding.with_help("write rules between its braces, or remove it")
            });
        }
        self.open.push((module, index));
        let read = rules::read(&written.body.entries, module, self, &mut report);
        self.open.pop();
        let ids = settle::number(&read.list, &[], &mut report);
        let first = |(at, id): &(usize, &String)| ids.iter().position(|other| other == *id) == Some(*at);
        let unique: Vec<bool> = ids.iter().enumerate().map(|one| first(&one)).collect();
        let drafts = read.list.into_iter().zip(unique).filter(|(_, unique)| *unique).map(|(draft, _)| draft).collect();
        let shape = home.findings.iter().filter(|finding| within(written.span, finding.span));
        let bad = read.broken || findings.iter().chain(shape).any(|finding| finding.severity == Severity::Error);
        let set = Rc::new(Set { drafts, findings, bad });
        self.sets.insert((module, index), Rc::clone(&set));
        set
    }

    /// The set that a file knows by a name, or nothing and a finding at the `use`.
    pub(super) fn set_named(
        &mut self,
        module: usize,
        name: &str,
        span: Span,
        report: &mut Report<'_>,
    ) -> Option<Rc<Set>> {
        let Some(found) = self.book.lookup(module, |module| module.sets.get(name).copied()) else {
            self.unknown(module, name, span, report);
            return None;
        };
        if self.open.contains(&found) || self.open.len() >= MAX_CHAIN {
            let message = if self.open.contains(&found) {
                format!("`{name}` uses itself, by this way")
            } else {
                format!("rule sets use each other more than {MAX_CHAIN} deep")
            };
            report.add(codes::SET_CYCLE, span, message, |finding| {
                let place = self.module(found.0).and_then(|home| Some((home, home.file.sets.get(found.1)?)));
                let finding = finding.with_help("move what both need into a set that uses neither");
                match place {
                    Some((home, set)) => finding.with_related_in(&home.source, set.name.span, "the set"),
                    None => finding,
                }
            });
            return None;
        }
        Some(self.set(found.0, found.1))
    }

    fn unknown(&self, module: usize, name: &str, span: Span, report: &mut Report<'_>) {
        let Some(home) = self.module(module) else { return };
        if excused(home, name) {
            return;
        }
        let known = self.book.visible(module, |module| module.sets.keys().map(String::as_str).collect());
        report.add(codes::UNKNOWN_SET, span, format!("there is no rule set `{name}`"), |finding| {
            let help = if known.is_empty() {
                "write `rules some_name { … }` in this file, or import a file that has it".to_owned()
            } else {
                let mut known: Vec<String> = known.iter().map(|name| format!("`{name}`")).collect();
                known.sort();
                format!("this file knows {}", known.join(", "))
            };
            finding.with_help(help).did_you_mean(name, span, known.iter().copied())
        });
    }

    /// A role of a file.
    pub(super) fn role(&mut self, module: usize, index: usize) -> Rc<Checked> {
        if let Some(known) = self.roles.get(&(module, index)) {
            return Rc::clone(known);
        }
        let Some((home, written)) = self.module(module).and_then(|home| Some((home, home.file.roles.get(index)?)))
        else {
            return Rc::default();
        };
        let mut findings = Vec::new();
        let mut report = Report { source: &home.source, findings: &mut findings };
        let parent = self.parent(module, index, &mut report);
        let contract = role::check(written, module, parent, self, &mut report);
        let shape = home.findings.iter().filter(|finding| within(written.span, finding.span));
        let errors: Vec<Code> =
            findings.iter().chain(shape).filter(|it| it.severity == Severity::Error).map(|it| it.code).collect();
        let standing = if errors.is_empty() {
            Standing::Sound
        } else if errors.iter().all(|code| codes::CONTRADICTIONS.contains(&code.0)) {
            Standing::Contradictory
        } else {
            Standing::Draft
        };
        let checked = Rc::new(Checked { contract: contract.map(Arc::new), standing, findings });
        self.roles.insert((module, index), Rc::clone(&checked));
        checked
    }

    /// The role that another extends: nothing when it extends none, or, with a finding, when that
    /// one cannot be.
    fn parent(&mut self, module: usize, index: usize, report: &mut Report<'_>) -> role::Parent {
        let Some(extends) = self.extends(module, index) else { return role::Parent::None };
        let (name, span) = (&extends.value, extends.span);
        let mut chain = vec![(module, index)];
        while let Some(&(at, role)) = chain.last() {
            let Some(next) = self.extends(at, role) else { break };
            let Some(found) = self.book.lookup(at, |module| module.roles.get(&next.value).copied()) else { break };
            if found == (module, index) || chain.len() > MAX_CHAIN {
                let message = if found == (module, index) {
                    format!("`{name}` extends this role again")
                } else {
                    format!("roles extend each other more than {MAX_CHAIN} deep")
                };
                report.add(codes::EXTENDS_CYCLE, span, message, |finding| {
                    finding.with_help("move what they share into a role that extends neither")
                });
                return role::Parent::Broken;
            }
            if chain.contains(&found) {
                // A circle that this role is not part of: its parent has the finding.
                break;
            }
            chain.push(found);
        }
        match chain.get(1) {
            Some(&(at, role)) => self.inherit(at, role, name, span, report),
            None => self.no_such_role(module, name, span, report),
        }
    }

    fn inherit(&mut self, at: usize, role: usize, name: &str, span: Span, report: &mut Report<'_>) -> role::Parent {
        let checked = self.role(at, role);
        if let (Some(contract), Standing::Sound) = (&checked.contract, checked.standing) {
            return role::Parent::Given(Arc::clone(contract), span);
        }
        let home = self.module(at);
        let shape = home.iter().flat_map(|home| {
            let inside = home.file.roles.get(role).map(|role| role.span);
            home.findings.iter().filter(move |finding| inside.is_some_and(|inside| within(inside, finding.span)))
        });
        let errors: Vec<Finding> = shape.chain(&checked.findings).cloned().collect();
        report.add(codes::PARENT_BROKEN, span, format!("the role `{name}` has errors"), |finding| {
            book::broken(finding, &errors).with_help("mend that role first")
        });
        role::Parent::Broken
    }

    fn no_such_role(&self, module: usize, name: &str, span: Span, report: &mut Report<'_>) -> role::Parent {
        let Some(home) = self.module(module) else { return role::Parent::Broken };
        if !excused(home, name) {
            let known = self.book.visible(module, |module| module.roles.keys().map(String::as_str).collect());
            report.add(codes::UNKNOWN_PARENT, span, format!("there is no role `{name}` to extend"), |finding| {
                finding
                    .with_help("a parent is a role of this file, or of a file that this one imports")
                    .did_you_mean(name, span, known)
            });
        }
        role::Parent::Broken
    }

    fn extends(&self, module: usize, index: usize) -> Option<&'b crate::span::Spanned<String>> {
        self.module(module)?.file.roles.get(index)?.extends.as_ref()
    }
}

/// Whether a name that is missing may be one that could not be read, or come from a file that could
/// not: both have their finding.
fn excused(home: &Module, name: &str) -> bool {
    let mut broken = home.file.broken.iter().flat_map(|broken| &broken.names);
    broken.any(|known| known == name || known == parse::IMPORT) || home.links.iter().any(Option::is_none)
}

pub(super) fn within(outer: Span, inner: Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

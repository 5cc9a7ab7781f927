//! A file and all that it imports.

use std::collections::HashMap;

use super::Report;
use super::imports::{ImportError, Imports};
use crate::ast::File;
use crate::diagnostic::{Finding, Severity, codes};
use crate::parse;
use crate::source::Source;
use crate::span::{Span, Spanned};

/// Files that one file may import, those of imported files included.
const MAX_FILES: usize = 64;

/// How long a chain of imports may be.
const MAX_CHAIN: usize = 16;

/// Places of another file that a finding about it shows.
const SHOWN: usize = 5;

/// One file.
#[derive(Debug)]
pub(super) struct Module {
    pub(super) source: Source,
    pub(super) file: File,
    /// What is wrong with its shape, its imports and its names.
    pub(super) findings: Vec<Finding>,
    /// For each import the file behind it, unless there is none or it would lead in a circle.
    pub(super) links: Vec<Option<usize>>,
    /// Its rule sets by name.
    pub(super) sets: HashMap<String, usize>,
    /// Its roles by name.
    pub(super) roles: HashMap<String, usize>,
}

/// All files, the one that is compiled first.
#[derive(Debug, Default)]
pub(super) struct Book {
    pub(super) modules: Vec<Module>,
}

impl Book {
    pub(super) fn read(source: &Source, imports: &dyn Imports) -> Self {
        let mut book = Self::default();
        book.add(source, imports, 1);
        for index in 0..book.modules.len() {
            book.cut_circles(index);
        }
        book
    }

    /// Reads a file and what it imports. The chain is bounded, so that the recursion is.
    fn add(&mut self, source: &Source, imports: &dyn Imports, chain: usize) -> usize {
        let mut findings = Vec::new();
        let file = parse::parse(source, &mut findings);
        let index = self.modules.len();
        let written = file.imports.clone();
        let (sets, roles) = names(source, &file, &mut findings);
        let links = Vec::new();
        self.modules.push(Module { source: source.clone(), file, findings, links, sets, roles });
        for import in &written {
            let link = match self.follow(source, import, imports, chain) {
                Ok(link) => Some(link),
                Err(finding) => {
                    self.tell(index, *finding);
                    None
                }
            };
            if let Some(module) = self.modules.get_mut(index) {
                module.links.push(link);
            }
        }
        index
    }

    fn follow(
        &mut self,
        source: &Source,
        import: &Spanned<String>,
        imports: &dyn Imports,
        chain: usize,
    ) -> Result<usize, Box<Finding>> {
        let path = &import.value;
        if let Some(problem) = unfit(path) {
            let message = format!("`{path}` is not a path that imports take: {problem}");
            return Err(Box::new(Finding::new(codes::IMPORT_PATH, source, import.span, message).with_help(
                "write a path relative to this file, with `/` between folders, such as `\"shared/safety.role\"`",
            )));
        }
        let loaded = imports.load(source, path).map_err(|error| Box::new(missing(source, import, &error)))?;
        let known = self.modules.iter().position(|module| module.source.name() == loaded.name());
        if let Some(known) = known {
            return Ok(known);
        }
        if chain >= MAX_CHAIN || self.modules.len() > MAX_FILES {
            let message = format!("imports go {MAX_CHAIN} files deep and bring at most {MAX_FILES} files");
            let finding = Finding::new(codes::TOO_MANY_IMPORTS, source, import.span, message);
            return Err(Box::new(finding.with_help("import less, or put rules that belong together into one file")));
        }
        Ok(self.add(&loaded, imports, chain + 1))
    }

    fn tell(&mut self, module: usize, finding: Finding) {
        if let Some(module) = self.modules.get_mut(module) {
            module.findings.push(finding);
        }
    }

    /// Takes out the imports of a file that lead back to it, with a finding for each.
    fn cut_circles(&mut self, index: usize) {
        let Some(module) = self.modules.get(index) else { return };
        let mut told = Vec::new();
        for (number, link) in module.links.iter().enumerate() {
            let Some(import) =
                module.file.imports.get(number).filter(|_| link.is_some_and(|to| self.reaches(to, index)))
            else {
                continue;
            };
            let message = format!("`{}` imports this file again", import.value);
            let mut finding = Finding::new(codes::IMPORT_CYCLE, &module.source, import.span, message)
                .with_help("move what both need into a third file that imports neither");
            if let Some((there, back)) = link.and_then(|to| self.way(to, index)) {
                finding = finding.with_related_in(&there.source, back, "on the way back");
            }
            told.push((number, finding));
        }
        for (number, finding) in told {
            self.tell(index, finding);
            if let Some(link) = self.modules.get_mut(index).and_then(|module| module.links.get_mut(number)) {
                // The file is known, and its rules are not looked for.
                *link = None;
            }
        }
    }

    fn reaches(&self, from: usize, to: usize) -> bool {
        let mut seen = vec![from];
        let mut next = 0;
        while let Some(index) = seen.get(next).copied() {
            if index == to {
                return true;
            }
            next += 1;
            for link in self.modules.get(index).iter().flat_map(|module| module.links.iter().flatten()) {
                if !seen.contains(link) {
                    seen.push(*link);
                }
            }
        }
        false
    }

    /// The import of `from` that leads to `to`.
    fn way(&self, from: usize, to: usize) -> Option<(&Module, Span)> {
        let module = self.modules.get(from)?;
        let number = module.links.iter().position(|link| link.is_some_and(|link| self.reaches(link, to)))?;
        module.file.imports.get(number).map(|import| (module, import.span))
    }

    /// Where a name that `find` knows is written, seen from a file: in itself or in a file that it
    /// imports.
    pub(super) fn lookup(&self, module: usize, find: impl Fn(&Module) -> Option<usize>) -> Option<(usize, usize)> {
        let own = self.modules.get(module)?;
        if let Some(found) = find(own) {
            return Some((module, found));
        }
        own.links.iter().flatten().find_map(|link| Some((*link, self.modules.get(*link).and_then(&find)?)))
    }

    /// Every name that a file sees.
    pub(super) fn visible<'b>(&'b self, module: usize, names: impl Fn(&'b Module) -> Vec<&'b str>) -> Vec<&'b str> {
        let Some(own) = self.modules.get(module) else { return Vec::new() };
        let imported = own.links.iter().flatten().filter_map(|link| self.modules.get(*link));
        std::iter::once(own).chain(imported).flat_map(names).collect()
    }
}

/// The names of a file's sets and roles; of two with one name the first, and a finding.
fn names(
    source: &Source,
    file: &File,
    findings: &mut Vec<Finding>,
) -> (HashMap<String, usize>, HashMap<String, usize>) {
    let mut report = Report { source, findings };
    let mut sets: HashMap<String, usize> = HashMap::new();
    for (index, set) in file.sets.iter().enumerate() {
        match sets.get(&set.name.value).and_then(|first| file.sets.get(*first)) {
            Some(first) => {
                let message = format!("a second rule set named `{}`", set.name.value);
                report.add(codes::DUPLICATE_SET, set.name.span, message, |finding| {
                    finding.with_related(first.name.span, "the first one").with_help("rename one of them")
                });
            }
            None => _ = sets.insert(set.name.value.clone(), index),
        }
    }
    let mut roles: HashMap<String, usize> = HashMap::new();
    for (index, role) in file.roles.iter().enumerate() {
        match roles.get(&role.name.value).and_then(|first| file.roles.get(*first)) {
            Some(first) => {
                let message = format!("a second role named `{}`", role.name.value);
                report.add(codes::DUPLICATE_ROLE, role.name.span, message, |finding| {
                    finding.with_related(first.name.span, "the first one").with_help("rename one of them")
                });
            }
            None => _ = roles.insert(role.name.value.clone(), index),
        }
    }
    (sets, roles)
}

/// What keeps a path from being one that imports take.
fn unfit(path: &str) -> Option<&'static str> {
    if path.is_empty() {
        return Some("it is empty");
    }
    if path.len() > 512 {
        return Some("it is too long");
    }
    if path.contains('\\') {
        return Some("folders are separated by `/`");
    }
    if path.starts_with('/') || path.contains(':') {
        return Some("it must be relative");
    }
    if path.chars().any(char::is_control) || path.split('/').any(str::is_empty) {
        return Some("a part of it has no name");
    }
    (!path.ends_with(".role")).then_some("the file does not end in `.role`")
}

fn missing(source: &Source, import: &Spanned<String>, error: &ImportError) -> Finding {
    let message = format!("`{}` cannot be imported: {error}", import.value);
    Finding::new(codes::IMPORT_MISSING, source, import.span, message).with_help(error.help())
}

/// The finding about something of another file that has errors, showing the first of them.
pub(super) fn broken(finding: Finding, errors: &[Finding]) -> Finding {
    let shown = errors.iter().filter(|error| error.severity == Severity::Error).take(SHOWN);
    shown.fold(finding, |finding, error| {
        let message = format!("{}: {}", error.code, error.message);
        finding.with_related_in(&error.source, error.span, message)
    })
}

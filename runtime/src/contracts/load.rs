//! From texts to contracts: compile each, then look across files.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use rolecall_dsl::diagnostic::{Finding, Severity, codes};
use rolecall_dsl::parse::parse;
use rolecall_dsl::source::Source;
use rolecall_dsl::span::Span;
use rolecall_dsl::{Contract, compile_with};

use super::{Folders, RefusedRole};

/// What a set of files gives.
#[derive(Debug, Default, Clone)]
pub struct Checked {
    /// Roles without errors, by name.
    pub roles: BTreeMap<String, Arc<Contract>>,
    /// Roles with errors, by name.
    pub refused: BTreeMap<String, Arc<RefusedRole>>,
    /// What could be read of roles with errors; see [`Compiled::drafts`](rolecall_dsl::Compiled::drafts).
    pub drafts: Vec<Arc<Contract>>,
    /// Everything found, in the order of files and places.
    pub findings: Vec<Finding>,
}

/// Compiles every file and refuses what has errors, including two roles of one name: then none of
/// them runs, because nobody can say which was meant. Files of `shared` folders are checked, and their
/// roles are there for others to extend.
#[must_use]
pub fn check_sources(sources: &[Result<Source, Box<Finding>>], folders: &Folders) -> Checked {
    let mut checked = Checked::default();
    let mut named: BTreeMap<String, Vec<Arc<Contract>>> = BTreeMap::new();
    for source in sources {
        let source = match source {
            Ok(source) => source,
            Err(finding) => {
                let name = stem(finding.source.name());
                checked.refuse(&name, vec![finding.as_ref().clone()]);
                checked.findings.push(finding.as_ref().clone());
                continue;
            }
        };
        let compiled = compile_with(source, folders);
        if folders.is_shared(Path::new(source.name())) {
            checked.findings.extend(compiled.findings);
            continue;
        }
        for (role, findings) in refused_roles(source, &compiled.contracts, &compiled.findings) {
            checked.refuse(&role, findings);
        }
        checked.findings.extend(compiled.findings);
        checked.drafts.extend(compiled.drafts);
        for contract in compiled.contracts {
            named.entry(contract.name.clone()).or_default().push(contract);
        }
    }
    for (name, contracts) in named {
        checked.settle(name, &contracts);
    }
    checked
}

impl Checked {
    fn refuse(&mut self, role: &str, findings: Vec<Finding>) {
        let mut all = self.refused.get(role).map_or_else(Vec::new, |known| known.findings.clone());
        all.extend(findings);
        self.refused.insert(role.to_owned(), Arc::new(RefusedRole { role: role.to_owned(), findings: all }));
    }

    fn settle(&mut self, name: String, contracts: &[Arc<Contract>]) {
        match contracts {
            [only] if !self.refused.contains_key(&name) => {
                self.roles.insert(name, Arc::clone(only));
            }
            [first, others @ ..] => {
                let at = |contract: &Contract| (contract.source.clone(), contract.span);
                let findings: Vec<Finding> =
                    others.iter().map(|other| declared_twice(&name, &at(first), &at(other))).collect();
                self.findings.extend(findings.iter().cloned());
                if !findings.is_empty() {
                    self.refuse(&name, findings);
                }
            }
            [] => {}
        }
    }
}

/// The finding at the second of two roles with one name.
#[must_use]
pub fn declared_twice(name: &str, first: &(Source, Span), second: &(Source, Span)) -> Finding {
    let line = first.0.position(first.1.start).line;
    let message = format!("role `{name}` is declared in {}:{line} as well", first.0.name());
    Finding::new(codes::DUPLICATE_ROLE, &second.0, second.1, message)
        .with_help("rename or remove one of them; until then neither runs")
}

/// The roles of a file that did not compile, each with the errors in its part of the file.
fn refused_roles(source: &Source, good: &[Arc<Contract>], findings: &[Finding]) -> Vec<(String, Vec<Finding>)> {
    let errors: Vec<&Finding> = findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    if errors.is_empty() {
        return Vec::new();
    }
    // The tree that is left of a file with errors still has the roles' names; its findings are
    // those of `findings` again.
    let tree = parse(source, &mut Vec::new());
    let mut refused = Vec::new();
    for (index, role) in tree.roles.iter().enumerate() {
        let name = &role.name.value;
        if good.iter().any(|contract| contract.name == *name) {
            continue;
        }
        let end = tree.roles.get(index + 1).map_or(u32::MAX, |next| next.span.start);
        let within = |finding: &&Finding| {
            finding.source.name() == source.name() && (role.span.start..end).contains(&finding.span.start)
        };
        let own: Vec<Finding> = errors.iter().copied().filter(within).cloned().collect();
        // An error elsewhere (an import, an unclosed block above) can take a role along.
        let own = if own.is_empty() { errors.iter().copied().cloned().collect() } else { own };
        refused.push((name.clone(), own));
    }
    // A file of rule sets alone stands for no role.
    if refused.is_empty() && good.is_empty() && tree.sets.is_empty() {
        refused.push((stem(source.name()), errors.into_iter().cloned().collect()));
    }
    refused
}

fn stem(name: &str) -> String {
    Path::new(name).file_stem().map_or_else(|| name.to_owned(), |stem| stem.to_string_lossy().into_owned())
}

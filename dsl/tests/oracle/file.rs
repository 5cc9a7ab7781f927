//! Contracts with a verdict known beforehand, written in their first comment lines:
//!
//! ```text
//! // expect: satisfiable
//! // expect: satisfiable oddly                  only by texts that nobody writes: see `odd`
//! // expect: impossible {short, closing}      a line for every minimal conflict set
//! // expect: implied short by limit
//! // why: anything, for people
//! // reply: "a JSON text that keeps every rule"
//! ```

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rolecall_dsl::Contract;
use rolecall_dsl::ast::{Arg, Entry};
use rolecall_dsl::check::compile;
use rolecall_dsl::contract::Rule;
use rolecall_dsl::diagnostic::{Format, Severity, render};
use rolecall_dsl::parse::parse;
use rolecall_dsl::source::Source;

/// Rule ids that cannot hold together, or that imply another rule.
pub(crate) type Ids = BTreeSet<String>;

/// A contract and what is known about it.
pub(crate) struct File {
    pub(crate) name: String,
    pub(crate) text: String,
    /// Every minimal conflict set; none means satisfiable.
    pub(crate) conflicts: BTreeSet<Ids>,
    /// Only texts that nobody writes keep the rules (ligatures, invisible characters). An analysis may
    /// leave such a contract undecided; it must not call it impossible.
    pub(crate) odd: bool,
    /// A rule, and the rules that imply it.
    pub(crate) implied: Vec<(String, Ids)>,
    /// Replies that the author vouches for.
    pub(crate) replies: Vec<String>,
    /// The rules that block, in the order written.
    pub(crate) rules: Vec<Rule>,
}

/// Every `.role` file below a folder, sorted by path.
pub(crate) fn paths(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let entries = std::fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(paths(&path));
        } else if path.extension().is_some_and(|extension| extension == "role") {
            found.push(path);
        }
    }
    found.sort();
    found
}

/// The folder of the corpus.
pub(crate) fn corpus() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/corpus")
}

/// What a file is called: its path below the corpus.
pub(crate) fn name(path: &Path) -> String {
    path.strip_prefix(corpus()).unwrap_or(path).display().to_string()
}

/// Reads the file at a path below the corpus.
pub(crate) fn read(path: &Path) -> File {
    let name = name(path);
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{name}: {error}"));
    parse_file(name, text)
}

/// Reads a contract from a text.
pub(crate) fn parse_file(name: String, text: String) -> File {
    let (mut conflicts, mut implied, mut replies) = (BTreeSet::new(), Vec::new(), Vec::new());
    let (mut satisfiable, mut odd) = (false, false);
    for line in text.lines() {
        if let Some(reply) = line.strip_prefix("// reply: ") {
            replies.push(serde_json::from_str(reply).unwrap_or_else(|error| panic!("{name}: {error}")));
        }
        let Some(expect) = line.strip_prefix("// expect: ") else { continue };
        if let "satisfiable" | "satisfiable oddly" = expect {
            satisfiable = true;
            odd = expect.ends_with("oddly");
        } else if let Some(ids) = expect.strip_prefix("impossible {").and_then(|ids| ids.strip_suffix('}')) {
            conflicts.insert(list(ids));
        } else if let Some((rule, by)) = expect.strip_prefix("implied ").and_then(|rest| rest.split_once(" by ")) {
            implied.push((rule.to_owned(), list(by)));
        } else {
            panic!("{name}: what does `{expect}` expect?");
        }
    }
    assert!(satisfiable == conflicts.is_empty(), "{name} expects nothing, or both");
    let rules = rules(&name, &text);
    for ids in conflicts.iter().chain(implied.iter().map(|(_, by)| by)) {
        super::named(&rules, ids);
    }
    File { name, text, conflicts, odd, implied, replies, rules }
}

fn list(ids: &str) -> Ids {
    ids.split(',').map(|id| id.trim().to_owned()).collect()
}

/// The rules that block.
pub(crate) fn rules(name: &str, text: &str) -> Vec<Rule> {
    let contracts = contracts(name, text);
    let [contract] = contracts.as_slice() else { panic!("{name} has {} roles", contracts.len()) };
    contract.rules.iter().filter(|rule| rule.severity == Severity::Error).cloned().collect()
}

/// The roles of a file. A role with a contradiction does not load, so every rule is first made a note,
/// which contradicts nothing, and given its weight back behind the compiler.
pub(crate) fn contracts(name: &str, text: &str) -> Vec<Contract> {
    let compiled = compile(&Source::new(name, &noted(text)));
    assert!(!compiled.contracts.is_empty(), "{name}: {}", render(&compiled.findings, Format::Short));
    let weighed = |contract: &Arc<Contract>| {
        let mut contract = Contract::clone(contract);
        for rule in contract.rules.iter_mut().filter(|rule| rule.source.slice(rule.span).ends_with(NOTED)) {
            rule.severity = Severity::Error;
        }
        contract
    };
    compiled.contracts.iter().map(weighed).collect()
}

/// Written behind every rule that says no severity; nobody writes two spaces there.
const NOTED: &str = "{ severity  note }";

/// The text with all rules made notes.
fn noted(text: &str) -> String {
    let file = parse(&Source::new("noted.role", text), &mut Vec::new());
    let sections = file.roles.iter().flat_map(|role| &role.items).filter(|item| item.keyword.value == "constraints");
    let mut places = Vec::new();
    for body in sections.filter_map(|section| section.body.as_ref()) {
        places_in(&body.entries, &mut places);
    }
    places.sort_unstable();
    let mut out = text.to_owned();
    for place in places.into_iter().rev() {
        out.insert_str(place, &format!(" {NOTED}"));
    }
    out
}

fn places_in(entries: &[Entry], places: &mut Vec<usize>) {
    for entry in entries {
        if entry.keyword.value == "when" {
            entry.blocks.iter().for_each(|block| places_in(&block.entries, places));
        } else if !entry.blocks.iter().flat_map(|block| &block.entries).any(says_severity) {
            places.push(entry.span.range().end);
        }
    }
}

/// `severity` as an entry, or behind another option on the same line.
fn says_severity(option: &Entry) -> bool {
    let word = |arg: &Arg| matches!(arg, Arg::Word(word) if word == "severity");
    option.keyword.value == "severity" || option.args.iter().any(|arg| word(&arg.value))
}

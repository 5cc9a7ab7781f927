//! Contracts whose rules hold for some turns only, judged scenario by scenario, and roles that extend
//! another one and allow what it does not.
//!
//! A file of `corpus/guards` says in which scenarios nothing can be answered; in all others a reply
//! exists:
//!
//! ```text
//! // expect in "intent refund": impossible {short, full}
//! ```

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking, and the figures are for people"
)]

mod oracle;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use oracle::file::{File, Ids, contracts, corpus, paths};
use oracle::opinion::opinion;
use oracle::{crowd, engine, search};
use rolecall_dsl::Contract;
use rolecall_dsl::check::compile;
use rolecall_dsl::conflict::Answer;
use rolecall_dsl::contract::Rule;
use rolecall_dsl::diagnostic::{Severity, codes};
use rolecall_dsl::source::Source;

/// The contract of each scenario as a file of its own, by the scenario's name.
fn scenarios(name: &str, text: &str) -> Vec<File> {
    let contracts = contracts(name, text);
    let [contract] = contracts.as_slice() else { panic!("{name} has {} roles", contracts.len()) };
    let mut expected: BTreeMap<String, BTreeSet<Ids>> = BTreeMap::new();
    for line in text.lines().filter_map(|line| line.strip_prefix("// expect in \"")) {
        let (scenario, ids) = line.split_once("\": impossible {").unwrap();
        let ids = ids.strip_suffix('}').unwrap().split(',').map(|id| id.trim().to_owned());
        expected.entry(scenario.to_owned()).or_default().insert(ids.collect());
    }
    let files: Vec<File> = contract
        .scenarios
        .iter()
        .map(|scenario| {
            let rules = scenario.rules.iter().map(|index| contract.rules[*index].clone());
            let rules: Vec<Rule> = rules.filter(|rule| rule.severity == Severity::Error).collect();
            let scenario = scenario.name.clone().unwrap_or_default();
            let conflicts = expected.remove(&scenario).unwrap_or_default();
            let name = format!("{name} in `{scenario}`");
            File { name, text: String::new(), conflicts, odd: false, implied: Vec::new(), replies: Vec::new(), rules }
        })
        .collect();
    let names: Vec<&str> = files.iter().map(|file| file.name.as_str()).collect();
    assert!(expected.is_empty(), "{expected:?} is not among {names:?}");
    files
}

fn all() -> Vec<File> {
    let read =
        |path: &std::path::PathBuf| scenarios(&oracle::file::name(path), &std::fs::read_to_string(path).unwrap());
    paths(&corpus().join("guards")).iter().flat_map(read).collect()
}

#[test]
fn the_oracle_agrees_in_every_scenario() {
    let files = all();
    assert!(files.len() >= 40, "{} scenarios", files.len());
    crowd::judge(&crowd::ask(&files, |file| (file.name.clone(), opinion(file).wrong)));
}

#[test]
fn the_analysis_agrees_in_every_scenario() {
    let gaps = crowd::gaps();
    let mut files = all();
    files.retain(|file| !gaps.contains(&file.name));
    crowd::judge(&crowd::ask(&files, |file| (file.name.clone(), wrong(file))));
}

#[test]
fn what_the_analysis_learnt_is_crossed_out() {
    let gaps = crowd::gaps();
    let mut files = all();
    files.retain(|file| gaps.contains(&file.name));
    crowd::judge_gaps(&crowd::ask(&files, |file| (file.name.clone(), wrong(file))));
}

/// What the analysis gets wrong about a scenario.
fn wrong(file: &File) -> String {
    let rules: Vec<&Rule> = file.rules.iter().collect();
    let mut wrong = String::new();
    match engine::solve(&rules, None) {
        Answer::Witness(text) if file.conflicts.is_empty() => {
            assert!(oracle::program(&rules).check(&text).passes(), "{}: {text:?}", file.name);
        }
        Answer::Impossible if !file.conflicts.is_empty() => {}
        answer => {
            let _ = writeln!(wrong, "  {answer:?}, expected the conflicts {:?}", file.conflicts);
        }
    }
    let (sets, _) = engine::conflicts(&rules);
    let ids = |set: &rolecall_dsl::conflict::ConflictSet| -> Ids {
        set.members.iter().map(|member| rules[member.rule].id.to_string()).collect()
    };
    let found: BTreeSet<Ids> = sets.iter().map(ids).collect();
    if found != file.conflicts {
        let _ = writeln!(wrong, "  expected {:?}, found {found:?}", file.conflicts);
    }
    wrong
}

fn blocking(contract: &Contract) -> Vec<&Rule> {
    contract.rules.iter().filter(|rule| rule.severity == Severity::Error).collect()
}

/// A child that allows what its parent does not must be refused, and must really allow it.
#[test]
fn roles_that_escape_their_parent_are_refused() {
    let files = paths(&corpus().join("escapes"));
    assert!(files.len() >= 12, "{} files", files.len());
    let wrong = crowd::ask(&files, |path| {
        let (name, text) = (oracle::file::name(path), std::fs::read_to_string(path).unwrap());
        let mut wrong = String::new();
        let compiled = compile(&Source::new(&name, &text));
        if !compiled.findings.iter().any(|finding| finding.code == codes::ESCAPES_PARENT) {
            let found: Vec<String> = compiled.findings.iter().map(|finding| finding.code.to_string()).collect();
            let _ = writeln!(wrong, "  it loads, with {found:?}");
        }
        if compiled.contracts.len() != 1 {
            let _ = writeln!(wrong, "  {} roles load; the parent alone should", compiled.contracts.len());
        }
        let both = contracts(&name, &text);
        let (parent, child) = (&both[0], &both[1]);
        let budget = search::Budget { built: 120, tried: 1_500 };
        if search::escape(&blocking(child), &blocking(parent), budget).is_none() {
            let _ = writeln!(wrong, "  no reply was found that only the child allows");
        }
        (name, wrong)
    });
    crowd::judge(&wrong);
}

//! Pairs of an old and a new contract of known relation: the comparison must agree, and every reply that
//! it gives as an example must be allowed by one checker and refused by the other.
//!
//! Each file of `corpus/pairs` holds the old role and, behind it, the new one:
//!
//! ```text
//! // expect: narrower                   or equal, wider, incomparable: the new one against the old
//! // only old: "a JSON text"            a reply that the author knows to tell them apart
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

use std::fmt::Write as _;
use std::sync::Arc;

use oracle::{crowd, engine, file, search};
use rolecall_dsl::Contract;
use rolecall_dsl::check::compile;
use rolecall_dsl::conflict::Relation;
use rolecall_dsl::contract::Rule;
use rolecall_dsl::diagnostic::{Format, Severity, render};
use rolecall_dsl::source::Source;

/// What looking for a reply may cost.
const BUDGET: search::Budget = search::Budget { built: 120, tried: 1_500 };

struct Pair {
    name: String,
    relation: Relation,
    only_old: Option<String>,
    only_new: Option<String>,
    old: Arc<Contract>,
    new: Arc<Contract>,
}

fn pairs() -> Vec<Pair> {
    let folder = file::corpus().join("pairs");
    let read = |path: &std::path::PathBuf| {
        let name = path.file_stem().unwrap().to_string_lossy().into_owned();
        let text = std::fs::read_to_string(path).unwrap();
        let line = |key: &str| text.lines().find_map(|line| line.strip_prefix(key)).map(str::to_owned);
        let reply = |key: &str| line(key).map(|json| serde_json::from_str(&json).unwrap());
        let relation = match line("// expect: ").as_deref() {
            Some("equal") => Relation::Equal,
            Some("narrower") => Relation::Narrower,
            Some("wider") => Relation::Wider,
            Some("incomparable") => Relation::Incomparable,
            other => panic!("{name} expects {other:?}"),
        };
        let compiled = compile(&Source::new(&name, &text));
        let [old, new] = compiled.contracts.as_slice() else {
            panic!("{name}: {}", render(&compiled.findings, Format::Short));
        };
        let (only_old, only_new) = (reply("// only old: "), reply("// only new: "));
        Pair { name, relation, only_old, only_new, old: Arc::clone(old), new: Arc::clone(new) }
    };
    file::paths(&folder).iter().map(read).collect()
}

fn blocking(contract: &Contract) -> Vec<&Rule> {
    contract.rules.iter().filter(|rule| rule.severity == Severity::Error).collect()
}

/// A reply that one contract allows and the other refuses, found by trying.
fn escape(from: &Contract, into: &Contract, known: Option<&String>) -> Option<String> {
    let known = known.filter(|text| apart(text, from, into)).cloned();
    known.or_else(|| search::escape(&blocking(from), &blocking(into), BUDGET))
}

/// Whether a reply is allowed by the one and refused by the other.
fn apart(text: &str, by: &Contract, not_by: &Contract) -> bool {
    by.program.check(text).passes() && !not_by.program.check(text).passes()
}

#[test]
fn there_are_pairs_of_every_relation() {
    let pairs = pairs();
    let count = |relation| pairs.iter().filter(|pair| pair.relation == relation).count();
    assert!(pairs.len() >= 120, "{} pairs", pairs.len());
    for relation in [Relation::Equal, Relation::Narrower, Relation::Wider, Relation::Incomparable] {
        assert!(count(relation) >= 10, "{} pairs are {relation:?}", count(relation));
    }
}

/// A pair whose relation is written down wrongly shows here, by a reply that tells otherwise or by the
/// want of one.
#[test]
fn the_oracle_agrees() {
    let wrong = crowd::ask(&pairs(), |pair| {
        let left = matches!(pair.relation, Relation::Narrower | Relation::Incomparable);
        let right = matches!(pair.relation, Relation::Wider | Relation::Incomparable);
        let only_old = escape(&pair.old, &pair.new, pair.only_old.as_ref());
        let only_new = escape(&pair.new, &pair.old, pair.only_new.as_ref());
        let wrong = only_old.is_some() != left || only_new.is_some() != right;
        wrong.then(|| format!("{}: {:?}, but {only_old:?} | {only_new:?}\n", pair.name, pair.relation))
    });
    let wrong: String = wrong.into_iter().flatten().collect();
    assert!(wrong.is_empty(), "{wrong}");
}

#[test]
fn the_comparison_agrees_and_its_examples_tell_the_contracts_apart() {
    let gaps = crowd::gaps();
    crowd::judge(&compared(|name| !gaps.contains(name)));
}

#[test]
fn what_the_comparison_learnt_is_crossed_out() {
    let gaps = crowd::gaps();
    crowd::judge_gaps(&compared(|name| gaps.contains(name)));
}

/// What is wrong, by the names of the pairs.
fn compared(wanted: impl Fn(&str) -> bool) -> Vec<(String, String)> {
    let mut pairs = pairs();
    pairs.retain(|pair| wanted(&format!("pairs/{}", pair.name)));
    crowd::ask(&pairs, |pair| (format!("pairs/{}", pair.name), wrong(pair)))
}

/// What the comparison gets wrong about a pair.
fn wrong(pair: &Pair) -> String {
    let compared = engine::compare(&pair.old, &pair.new);
    let [found] = compared.as_slice() else { return format!("  {} comparisons\n", compared.len()) };
    let mut wrong = String::new();
    if found.relation != pair.relation {
        let _ = writeln!(wrong, "  expected {:?}: {found:?}", pair.relation);
    }
    let wants_old = matches!(found.relation, Relation::Narrower | Relation::Incomparable);
    let wants_new = matches!(found.relation, Relation::Wider | Relation::Incomparable);
    let shown = |text: &Option<String>, by: &Contract, not_by: &Contract| {
        text.as_ref().is_some_and(|text| apart(text, by, not_by))
    };
    // A direction that was given up must still not show what is no example.
    let old = shown(&found.only_old, &pair.old, &pair.new) || (found.only_old.is_none() && !wants_old);
    let new = shown(&found.only_new, &pair.new, &pair.old) || (found.only_new.is_none() && !wants_new);
    if !old || !new {
        let _ = writeln!(wrong, "  this does not tell them apart: {found:?}");
    }
    wrong
}

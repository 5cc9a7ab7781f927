//! The oracle: what the conflict analysis must agree with, found without it.
//!
//! It knows no automata and no arithmetic of its own. A reply that the product's checker
//! ([`Program::check`](rolecall_dsl::Program::check)) passes proves that rules can be met ([`search`]);
//! that they cannot is proved where the replies that matter are few enough to try them all
//! ([`exhaust`]). What it cannot decide it says so. [`file`] reads contracts whose verdict was
//! reasoned out when they were written, [`engine`] is the only place that names the analysis.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]
#![allow(dead_code, reason = "each test file uses some of it")]

pub(crate) mod assemble;
pub(crate) mod crowd;
pub(crate) mod engine;
pub(crate) mod exhaust;
pub(crate) mod file;
pub(crate) mod literal;
pub(crate) mod opinion;
pub(crate) mod pieces;
pub(crate) mod search;
pub(crate) mod sentences;

use std::collections::BTreeSet;
use std::sync::Arc;

use rolecall_dsl::Program;
use rolecall_dsl::contract::Rule;

/// A program of these rules alone.
pub(crate) fn program(rules: &[&Rule]) -> Arc<Program> {
    let rules: Vec<Rule> = rules.iter().map(|rule| (*rule).clone()).collect();
    Arc::new(Program::new(&rules))
}

/// The rules with these ids, in the order written.
pub(crate) fn named<'r>(rules: &'r [Rule], ids: &BTreeSet<String>) -> Vec<&'r Rule> {
    let found: Vec<&Rule> = rules.iter().filter(|rule| ids.contains(&*rule.id)).collect();
    assert_eq!(found.len(), ids.len(), "{ids:?} are not all rules");
    found
}

/// The rules without these ids.
pub(crate) fn without<'r>(rules: &'r [Rule], ids: &BTreeSet<String>) -> Vec<&'r Rule> {
    rules.iter().filter(|rule| !ids.contains(&*rule.id)).collect()
}

/// The smallest sets that share a member with each of `sets`, at most `most` of them: what must go for
/// the rest to be free of conflict.
pub(crate) fn hitting_sets(sets: &BTreeSet<BTreeSet<String>>, most: usize) -> Vec<BTreeSet<String>> {
    let mut found: BTreeSet<BTreeSet<String>> = BTreeSet::from([BTreeSet::new()]);
    for set in sets {
        let mut next = BTreeSet::new();
        for hit in &found {
            if hit.intersection(set).next().is_some() {
                next.insert(hit.clone());
            } else {
                next.extend(set.iter().map(|id| hit.iter().chain([id]).cloned().collect::<BTreeSet<_>>()));
            }
        }
        let minimal = |hit: &&BTreeSet<String>| !next.iter().any(|other| other != *hit && other.is_subset(hit));
        found = next.iter().filter(minimal).cloned().collect();
    }
    found.into_iter().take(most).collect()
}

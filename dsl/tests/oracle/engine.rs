//! The analysis under test, behind three functions: a change of its interface is a change here.

use rolecall_dsl::Contract;
use rolecall_dsl::conflict::{self, Answer, Comparison, ConflictSet};
use rolecall_dsl::contract::{Language, Rule};

/// Whether a reply exists that keeps `keep` and breaks `broken`.
pub(crate) fn solve(keep: &[&Rule], broken: Option<&Rule>) -> Answer {
    conflict::solve(keep, broken)
}

/// Every minimal conflict set of the rules, and whether there may be further ones.
pub(crate) fn conflicts(rules: &[&Rule]) -> (Vec<ConflictSet>, bool) {
    let analysis = conflict::analyse(rules, Language::Zh);
    (analysis.conflicts, analysis.more)
}

/// How the replies that two contracts allow relate.
pub(crate) fn compare(old: &Contract, new: &Contract) -> Vec<Comparison> {
    conflict::compare(old, new)
}

//! The corpus: contracts whose verdict was reasoned out when they were written, the analysis and the
//! oracle must agree on every one.
//!
//! A verdict that the analysis gets wrong, a witness that the checker refuses, a minimal conflict set that
//! is missing, too large or too many, shows here with the file's name.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::print_stdout,
    reason = "helpers of tests fail by panicking, and the figures are for people"
)]

mod oracle;

use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::PathBuf;

use oracle::file::{File, Ids};
use oracle::opinion::{Opinion, opinion};
use oracle::{crowd, engine, file, named, search};
use rolecall_dsl::conflict::Answer;
use rolecall_dsl::contract::Rule;

/// Contracts of single verdicts; pairs and the named examples have tests of their own.
const FOLDERS: [&str; 5] = ["zh", "en", "mixed", "sharp", "adversarial"];

/// Asks about every file, and gives the answers with the files' names.
fn for_each<T: Send>(ask: impl Fn(&File) -> T + Sync) -> Vec<(String, T)> {
    for_some(ask, |_| true)
}

/// Asks about the files with these names.
fn for_some<T: Send>(ask: impl Fn(&File) -> T + Sync, wanted: impl Fn(&str) -> bool) -> Vec<(String, T)> {
    let paths = FOLDERS.iter().flat_map(|folder| file::paths(&file::corpus().join(folder)));
    let paths: Vec<PathBuf> = paths.filter(|path| wanted(&file::name(path))).collect();
    crowd::ask(&paths, |path| {
        let file = file::read(path);
        let answer = ask(&file);
        (file.name, answer)
    })
}

#[test]
fn the_oracle_agrees_and_decides_most_files() {
    let opinions = for_each(opinion);
    let count = |holds: &dyn Fn(&Opinion) -> bool| opinions.iter().filter(|(_, opinion)| holds(opinion)).count();
    let (decided, complete) = (count(&|opinion| opinion.decided), count(&|opinion| opinion.complete));
    let all = opinions.len();
    println!("{decided} of {all} verdicts are decided by brute force, {complete} with all of their minimal sets");
    let undecided = opinions.iter().filter(|(_, opinion)| !opinion.decided).map(|(name, _)| name.as_str());
    println!("not decided: {}", undecided.collect::<Vec<_>>().join(" "));
    let wrong: String = opinions
        .iter()
        .filter(|(_, opinion)| !opinion.wrong.is_empty())
        .map(|(name, opinion)| format!("{name}:\n{}", opinion.wrong))
        .collect();
    assert!(wrong.is_empty(), "{wrong}");
    assert!(decided * 10 >= all * 6, "only {decided} of {all} verdicts are decided");
}

/// The corpus is worth its name only while it has enough of everything.
#[test]
fn the_corpus_is_large_and_balanced() {
    let files =
        for_each(|file| (file.conflicts.len(), file.conflicts.iter().map(BTreeSet::len).max(), file.rules.len()));
    let satisfiable = files.iter().filter(|(_, (sets, _, _))| *sets == 0).count();
    assert!(files.len() >= 220, "{} contracts", files.len());
    assert!(satisfiable * 10 >= files.len() * 4, "{satisfiable} of {} are satisfiable", files.len());
    assert!(satisfiable * 10 <= files.len() * 6, "{satisfiable} of {} are satisfiable", files.len());
    for folder in ["zh/", "en/", "mixed/"] {
        let count = files.iter().filter(|(name, _)| name.starts_with(folder)).count();
        assert!(count >= 50, "{count} contracts in {folder}");
    }
    for size in 1..=5 {
        assert!(files.iter().any(|(_, (_, largest, _))| *largest == Some(size)), "no minimal set of {size} rules");
    }
    assert!(files.iter().filter(|(_, (sets, _, _))| *sets >= 3).count() >= 5, "few files with several conflicts");
    assert!(files.iter().filter(|(_, (_, _, rules))| *rules >= 8).count() >= 40, "few files of a realistic size");
}

/// The ids of the members of a set of rules.
fn ids(rules: &[&Rule], members: impl Iterator<Item = usize>) -> Ids {
    members.map(|member| rules[member].id.to_string()).collect()
}

/// What the analysis gets wrong about a file.
fn analysis(file: &File) -> String {
    let rules: Vec<&Rule> = file.rules.iter().collect();
    let mut wrong = String::new();
    match engine::solve(&rules, None) {
        Answer::Witness(text) if !file.conflicts.is_empty() => {
            let passes = oracle::program(&rules).check(&text).passes();
            let _ = writeln!(wrong, "  expected a conflict, got the witness {text:?} (passes: {passes})");
        }
        Answer::Witness(text) => {
            if !oracle::program(&rules).check(&text).passes() {
                let _ = writeln!(wrong, "  the witness {text:?} does not pass");
            }
        }
        Answer::Impossible if file.conflicts.is_empty() => wrong.push_str("  expected satisfiable, got impossible\n"),
        Answer::Impossible => {}
        Answer::Undecided(_) if file.odd => {}
        Answer::Undecided(why) => {
            let _ = writeln!(wrong, "  undecided: {why}");
        }
    }
    let (sets, _) = engine::conflicts(&rules);
    let found: BTreeSet<Ids> =
        sets.iter().map(|set| ids(&rules, set.members.iter().map(|member| member.rule))).collect();
    if found != file.conflicts && !file.odd {
        let _ = writeln!(wrong, "  expected the minimal sets {:?}\n  found {found:?}", file.conflicts);
    }
    for set in &sets {
        for member in &set.members {
            let rest = set.members.iter().filter(|other| other.rule != member.rule);
            let rest: Vec<&Rule> = rest.map(|other| rules[other.rule]).collect();
            let passes = member.without.as_ref().map(|text| oracle::program(&rest).check(text).passes());
            if passes != Some(true) {
                let _ = writeln!(wrong, "  {:?} breaks the set without `{}`", member.without, rules[member.rule].id);
            }
        }
    }
    for (rule, by) in &file.implied {
        let broken = named(&file.rules, &BTreeSet::from([rule.clone()]));
        let answer = engine::solve(&named(&file.rules, by), broken.first().copied());
        if answer != Answer::Impossible {
            let _ = writeln!(wrong, "  `{rule}` should be implied by {by:?}: {answer:?}");
        }
    }
    wrong
}

#[test]
fn the_analysis_agrees_with_every_verdict_witness_and_minimal_set() {
    crowd::judge(&for_some(analysis, |name| !crowd::gaps().contains(name)));
}

#[test]
fn what_the_analysis_learnt_is_crossed_out() {
    crowd::judge_gaps(&for_some(analysis, |name| crowd::gaps().contains(name)));
}

/// What is said to be implied must not be escaped by any reply that the oracle finds.
#[test]
fn implied_rules_are_not_escaped() {
    let escapes = for_each(|file| {
        let escape = |(rule, by): &(String, Ids)| {
            let broken = named(&file.rules, &BTreeSet::from([rule.clone()]));
            search::escape(&named(&file.rules, by), &broken, search::Budget { built: 100, tried: 300 })
        };
        (file.implied.len(), file.implied.iter().filter_map(escape).collect::<Vec<_>>())
    });
    let wrong: Vec<_> = escapes.iter().filter(|(_, (_, texts))| !texts.is_empty()).collect();
    assert!(wrong.is_empty(), "{wrong:?}");
    let implied: usize = escapes.iter().map(|(_, (implied, _))| implied).sum();
    assert!(implied >= 20, "{implied} implied rules");
}

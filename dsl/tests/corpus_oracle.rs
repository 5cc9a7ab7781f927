//! The oracle itself: a verdict that was written down wrongly is caught, and what it cannot decide it
//! does not pretend to.

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

use oracle::exhaust::{Shown, exhaust};
use oracle::file::{File, parse_file};
use oracle::opinion::{Opinion, opinion};
use oracle::search;
use rolecall_dsl::contract::Rule;

/// A contract with these expectations and rules.
fn file(expect: &str, rules: &str) -> File {
    let expect: String = expect.lines().map(|line| format!("// expect: {}\n", line.trim())).collect();
    let role = format!("role test {{\nversion 1.0.0\npersona \"persona\"\nconstraints {{\n{rules}\n}}\n}}\n");
    parse_file("test.role".to_owned(), format!("{expect}{role}"))
}

fn judged(expect: &str, rules: &str) -> Opinion {
    opinion(&file(expect, rules))
}

/// What trying everything shows of these rules.
fn shown(rules: &str) -> Shown {
    let file = file("satisfiable", rules);
    exhaust(&file.rules.iter().collect::<Vec<&Rule>>())
}

const BOUNDS: &str = "few: max_sentences 2\nmany: min_sentences 3\nban: forbidden_terms \"x\"";

#[test]
fn right_verdicts_stand() {
    let right = [
        ("impossible {few, many}", BOUNDS),
        ("satisfiable", "few: max_sentences 2\nasks: response_style question >= 50%"),
        ("impossible {say, ban}", "say: required_terms \"人工智能\"\nban: forbidden_terms \"智能\""),
        ("impossible {room, say}", "room: max_chars 1\nsay: required_terms \"甲乙\""),
    ];
    for (expect, rules) in right {
        let opinion = judged(expect, rules);
        assert!(opinion.wrong.is_empty() && opinion.decided && opinion.complete, "{expect}: {}", opinion.wrong);
    }
}

#[test]
fn a_conflict_called_satisfiable_is_caught() {
    assert!(judged("satisfiable", BOUNDS).wrong.contains("nothing was found"));
}

#[test]
fn a_contract_called_impossible_is_caught() {
    for rules in [
        "few: max_sentences 3\nmany: min_sentences 3",
        "few: required_terms \"said\"\nmany: forbidden_terms \"ai\"",
        "few: max_chars 2\nmany: required_terms \"甲乙\"",
    ] {
        assert!(judged("impossible {few, many}", rules).wrong.contains("is no conflict"), "{rules}");
    }
}

/// Without the rule that does not belong to it the set must still be impossible, which nobody said.
#[test]
fn a_set_that_is_too_large_is_caught() {
    assert!(judged("impossible {few, many, ban}", BOUNDS).wrong.contains("all but {\"ban\"}"));
}

#[test]
fn a_set_that_is_too_small_is_caught() {
    assert!(judged("impossible {few}", BOUNDS).wrong.contains("is no conflict"));
}

#[test]
fn a_set_that_is_missing_is_caught() {
    let rules = format!("{BOUNDS}\nsay: required_terms \"x\"");
    assert!(judged("impossible {few, many}", &rules).wrong.contains("nothing was found"));
    assert!(judged("impossible {few, many}\nimpossible {ban, say}", &rules).wrong.is_empty());
}

#[test]
fn what_is_too_much_to_try_is_left_undecided() {
    assert_eq!(shown("a: must_match /x$/\nb: must_match /y$/"), Shown::Undecided);
    assert_eq!(shown("a: max_sentences 100\nb: min_sentences 101"), Shown::Undecided);
    assert_eq!(shown("a: max_chars 9\nb: required_terms \"甲乙丙丁戊己庚辛壬癸\""), Shown::Undecided);
    // A pattern sees neither case nor invisible characters, a term does: trying the term as written proves
    // nothing.
    assert_eq!(shown("a: required_terms \"AI\"\nb: must_not_match /AI/"), Shown::Undecided);
}

#[test]
fn trying_everything_finds_what_there_is() {
    assert!(matches!(shown("a: max_chars 1\nb: required_terms \"fi\""), Shown::Reply(text) if text == "ﬁ"));
    assert!(matches!(shown("a: max_chars 2\nb: response_style rhetorical >= 100%"), Shown::Reply(_)));
    assert!(matches!(
        shown("a: max_sentences 7\nb: response_style question >= 14%\nc: response_style question <= 15%"),
        Shown::Reply(_)
    ));
    assert_eq!(
        shown("a: max_sentences 6\nb: response_style question >= 14%\nc: response_style question <= 15%"),
        Shown::Impossible
    );
}

/// Without the enumeration, texts that no one thought of are never found.
#[test]
fn enumeration_finds_short_texts_without_a_plan() {
    let file = file("satisfiable", "a: must_match /山.{0,3}7/\nb: must_match /7[^7]*山/\nc: max_chars 4");
    let rules: Vec<&Rule> = file.rules.iter().collect();
    let program = oracle::program(&rules);
    let pieces = ["山", "7", "好", " "].map(String::from);
    let text = search::enumerate(&program, &pieces, 2_000).expect("山7山 or 7山7");
    assert!(program.check(&text).passes(), "{text:?}");
    assert_eq!(search::enumerate(&program, &pieces, 10), None);
}

#[test]
fn rests_are_complements_of_hitting_sets() {
    let sets = |sets: &[&[&str]]| -> BTreeSet<BTreeSet<String>> {
        sets.iter().map(|set| set.iter().map(ToString::to_string).collect()).collect()
    };
    assert_eq!(oracle::hitting_sets(&sets(&[]), 9), [BTreeSet::new()]);
    let found: BTreeSet<_> = oracle::hitting_sets(&sets(&[&["a", "b"], &["b", "c"]]), 9).into_iter().collect();
    assert_eq!(found, sets(&[&["b"], &["a", "c"]]));
}

//! The published sets of disguised terms and of ordinary text: what is found, and that nothing of it leaks.

#![allow(clippy::expect_used, clippy::string_slice, reason = "a test stops at the first surprise")]

use std::collections::{BTreeMap, BTreeSet};

use rolecall_dsl::compile;
use rolecall_dsl::figures::{self, Case, Figure};
use rolecall_dsl::source::Source;

const ATTACK: &str = include_str!("terms/attack.tsv");
const CLASSES: &str = include_str!("terms/classes.tsv");
const MISSES: &str = include_str!("terms/misses.tsv");
const BENIGN: &str = include_str!("terms/benign.tsv");
const HOUSE: &str = include_str!("terms/benign.role");

fn attacks() -> Vec<Case> {
    figures::attacks(ATTACK).expect("a set of attacks")
}

fn fields(file: &str) -> impl Iterator<Item = Vec<&str>> {
    file.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).map(|line| line.split('\t').collect())
}

fn percent(figure: &Figure) -> usize {
    figure.found.len() * 100 / figure.cases.max(1)
}

/// A class that falls below what is promised for it, a case that is no longer found and one that is found
/// although it is listed as missed would show here.
#[test]
fn disguised_terms_are_found() {
    let cases = attacks();
    assert!(cases.len() >= 1_500, "{}", cases.len());
    let names: BTreeSet<&str> = cases.iter().map(|case| case.name.as_str()).collect();
    assert_eq!(names.len(), cases.len(), "two cases have one name");
    let figures = figures::recall(&cases).expect("readable rules");
    let floors: BTreeMap<&str, usize> =
        fields(CLASSES).map(|line| (line[0], line[1].parse().expect("percent"))).collect();
    let mut broken = Vec::new();
    println!("{:<14} {:>6} {:>6} {:>7} {:>6} {:>6}", "class", "cases", "found", "recall", "floor", "leaked");
    for figure in &figures {
        let floor = floors.get(figure.class.as_str()).expect("a class of classes.tsv");
        let (found, recall) = (figure.found.len(), percent(figure));
        println!("{:<14} {:>6} {found:>6} {recall:>6}% {floor:>5}% {:>6}", figure.class, figure.cases, figure.leaked);
        if recall < *floor || figure.leaked > 0 {
            broken.push(format!("{}: {recall}% of {floor}%, {} bytes leaked", figure.class, figure.leaked));
        }
    }
    assert_eq!(figures.len(), floors.len(), "a class without a case");
    let missed: BTreeSet<&str> = figures.iter().flat_map(|figure| &figure.missed).map(String::as_str).collect();
    let known: BTreeSet<&str> = fields(MISSES).map(|line| line[0]).collect();
    let new: Vec<_> = missed.difference(&known).collect();
    let found: Vec<_> = known.difference(&missed).collect();
    assert!(new.is_empty(), "no longer found: {new:?}");
    assert!(broken.is_empty(), "{broken:?}");
    assert!(found.is_empty(), "found, so take it out of misses.tsv: {found:?}");
}

/// A term that is found somewhere else than where it is, and a byte of it that is released for some way
/// of cutting the text, would show here.
#[test]
fn no_byte_of_a_disguised_term_is_released_however_the_text_is_cut() {
    let known: BTreeSet<&str> = fields(MISSES).map(|line| line[0]).collect();
    for case in attacks().iter().filter(|case| !known.contains(case.name.as_str())) {
        let program = case.program().expect("a readable rule");
        let (text, place) = (case.text.as_str(), case.place.clone().expect("a place"));
        let whole = program.check(text);
        // What shows nothing behind the last character is part of the dress, not of the match.
        let there = whole.violations.iter().any(|it| it.span.start == place.start && it.span.end <= place.end);
        assert!(there, "{}: {whole:?}", case.name);
        let released = |deltas: &mut dyn Iterator<Item = &str>| {
            let mut monitor = program.monitor();
            let mut released: String = deltas.map(|delta| monitor.push(delta).released).collect();
            released.push_str(&monitor.finish().released);
            released
        };
        let before = &text[..place.start];
        for (at, _) in text.char_indices() {
            assert_eq!(released(&mut [&text[..at], &text[at..]].into_iter()), before, "{} cut at {at}", case.name);
        }
        let mut characters = text.char_indices().map(|(at, c)| &text[at..at + c.len_utf8()]);
        assert_eq!(released(&mut characters), before, "{} by characters", case.name);
    }
}

/// A rule that became too eager would show here.
#[test]
fn ordinary_text_is_left_alone() {
    let cases = figures::ordinary(BENIGN).expect("a set of texts");
    assert!(cases.len() >= 400, "{}", cases.len());
    let compiled = compile(&Source::new("benign.role", HOUSE));
    let contract = compiled.contracts.first().expect("a contract");
    let figures = figures::found(&cases, &contract.program);
    println!("{:<14} {:>6} {:>6}", "class", "texts", "hit");
    for figure in &figures {
        println!("{:<14} {:>6} {:>6}", figure.class, figure.cases, figure.found.len());
    }
    let hit: Vec<_> = figures.iter().flat_map(|figure| &figure.found).collect();
    assert!(hit.is_empty(), "{hit:?}");
}

//! The conformance file of the sentence machine, read whole, per character and split anywhere.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use std::collections::BTreeSet;

use rolecall_dsl::text::sentence::conformance::{self, FILE, sentences};
use rolecall_dsl::text::sentence::{Sentences, count, split};
use unicode_segmentation::UnicodeSegmentation;

const CHAPTER: &str = include_str!("../spec/13-sentences.md");

struct Case {
    line: usize,
    text: String,
    /// Where sentences begin, the first one left out.
    starts: Vec<usize>,
    rule: String,
    comment: String,
}

fn cases() -> Vec<Case> {
    let read = |(line, number)| {
        let case = conformance::Case::parse(line).unwrap_or_else(|wrong| panic!("line {number}: {wrong}"))?;
        let rule = case.rule.unwrap_or_else(|| panic!("line {number} names no rule"));
        Some(Case { line: number, text: case.text, starts: case.starts, rule, comment: case.comment })
    };
    FILE.lines().zip(1..).filter_map(read).collect()
}

/// What a comment shows: a text and where its sentences begin.
fn shown(comment: &str) -> (String, Vec<usize>) {
    let (mut text, mut starts) = (String::new(), Vec::new());
    let mut chars = comment.chars();
    while let Some(c) = chars.next() {
        match c {
            '÷' => starts.push(text.len()),
            '\\' => text.push(match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('u') => {
                    let hex: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                    char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap()
                }
                other => panic!("unknown escape {other:?} in {comment}"),
            }),
            c => text.push(c),
        }
    }
    (text, starts)
}

/// The marks and numbers of a case, as the file writes them.
fn written(text: &str, starts: &[usize]) -> String {
    let mut out = "÷".to_owned();
    for (at, c) in text.char_indices() {
        let end = at + c.len_utf8();
        let mark = if end == text.len() || starts.contains(&end) { "÷" } else { "×" };
        out += &format!(" {:04X} {mark}", u32::from(c));
    }
    out
}

fn starts(machine: &mut Sentences, text: &str) -> Vec<usize> {
    text.chars().filter_map(|c| machine.push(c).boundary).map(|boundary| boundary.next).collect()
}

#[test]
fn the_file_has_enough_cases_in_both_languages() {
    let cases = cases();
    let han = |case: &&Case| case.text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
    let latin = |case: &&Case| case.text.chars().any(|c| c.is_ascii_alphabetic());
    let distinct: BTreeSet<&str> = cases.iter().map(|case| case.text.as_str()).collect();
    assert_eq!(distinct.len(), cases.len(), "a text stands in the file twice");
    assert!(cases.len() >= 300, "{}", cases.len());
    assert!(cases.iter().filter(han).count() >= 200);
    assert!(cases.iter().filter(latin).filter(|case| !han(case)).count() >= 150);
    assert!(cases.iter().filter(latin).filter(han).count() >= 30);
}

/// A comment that shows another text than its numbers misleads whoever reads the file.
#[test]
fn comments_show_the_text() {
    let shows = |case: &Case| shown(&case.comment) == (case.text.clone(), case.starts.clone());
    let wrong: Vec<String> = cases()
        .iter()
        .filter(|case| !shows(case))
        .map(|case| {
            let (text, starts) = shown(&case.comment);
            format!(
                "line {}: the comment says\n{}\t# [{}] {}",
                case.line,
                written(&text, &starts),
                case.rule,
                case.comment
            )
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Cases name rules that exist, and every rule has cases.
#[test]
fn cases_and_rules_name_each_other() {
    let cases = cases();
    let used: BTreeSet<&str> = cases.iter().map(|case| case.rule.as_str()).filter(|rule| *rule != "table").collect();
    let rules: BTreeSet<&str> =
        CHAPTER.lines().filter_map(|line| line.strip_prefix("- **")?.split_once("** ")).map(|(rule, _)| rule).collect();
    assert_eq!(used, rules);
    let table = cases.iter().filter(|case| case.rule == "table").count();
    let rows = CHAPTER.lines().filter(|line| line.starts_with("| `")).count();
    assert_eq!(table, rows, "each row of the chapter's table is a case");
}

#[test]
fn every_case_breaks_where_the_file_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let found = starts(&mut Sentences::default(), &case.text);
        let total = sentences(&case.text, &case.starts);
        if found != case.starts || count(&case.text) != total || split(&case.text).len() != total {
            let marks = written(&case.text, &found);
            wrong.push(format!("line {} [{}] {}\n  found {marks}", case.line, case.rule, case.comment));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A machine that is cloned in the middle of a text must go on as the original does: a lost or shared
/// piece of state shows here.
#[test]
fn a_clone_at_every_split_goes_on_alike() {
    for case in cases() {
        let mut machine = Sentences::default();
        let mut seen = Vec::new();
        let blank = case.text.trim().is_empty();
        for (at, c) in case.text.char_indices() {
            let mut clone = machine.clone();
            let mut found = seen.clone();
            found.extend(starts(&mut clone, &case.text[at..]));
            assert_eq!(found, case.starts, "line {} split at {at}", case.line);
            assert_eq!(clone.finish().is_none(), blank, "line {}", case.line);
            seen.extend(machine.push(c).boundary.map(|boundary| boundary.next));
        }
    }
}

/// What a boundary takes away was announced: the text behind `possible_end` is all that may still
/// belong to the next sentence, so a stream that holds only that back shows nothing too early.
#[test]
fn every_boundary_was_possible_before_it_was_known() {
    for case in cases() {
        let mut machine = Sentences::default();
        for c in case.text.chars() {
            let possible = machine.possible_end();
            if let Some(boundary) = machine.push(c).boundary {
                assert_eq!(possible, Some(boundary.end), "line {}: {}", case.line, case.comment);
            }
        }
    }
}

/// How many cases Unicode's default rules get right, as the chapter says; `--nocapture` prints it.
#[test]
fn plain_uax_29_gets_fewer_right() {
    let cases = cases();
    let plain = |case: &Case| case.text.split_sentence_bound_indices().map(|(at, _)| at).skip(1).collect::<Vec<_>>();
    let all = cases.len();
    let same = cases.iter().filter(|case| plain(case) == case.starts).count();
    let counts = cases.iter().filter(|case| sentences(&case.text, &plain(case)) == sentences(&case.text, &case.starts));
    let counted = counts.count();
    println!(
        "plain UAX #29: {same} of {all} cases with the same boundaries, {counted} with the same number of sentences"
    );
    let said = format!("{same} of the {all} cases, and the right number of sentences in {counted}");
    assert!(CHAPTER.contains(&said), "the chapter does not say `{said}`");
}

#[test]
fn a_sentence_is_counted_when_it_begins_and_not_before() {
    let mut machine = Sentences::default();
    let begun: Vec<u64> = "好。” 走".chars().map(|c| (machine.push(c), machine.begun()).1).collect();
    assert_eq!(begun, [1, 1, 1, 1, 2]);
}

#[test]
fn an_unclosed_pair_cannot_swallow_a_reply() {
    for open in ["他说：“", "好。[", "好。[1]("] {
        let text = format!("{open}{}。一。二。三。", "啊".repeat(200));
        assert!([4, 5].contains(&count(&text)), "{}", count(&text));
    }
    let fence = format!("```\n{}\n一。二。\n三。", "a".repeat(2000));
    assert_eq!(count(&fence), 4);
}

#[test]
fn boundaries_leave_white_space_between_sentences_out() {
    let text = "甲。”  \n 乙";
    let ranges = split(text);
    assert_eq!(ranges.iter().map(|range| &text[range.clone()]).collect::<Vec<_>>(), ["甲。”", "乙"]);
}

//! The conformance file of the sentence machine, read whole, per character and split anywhere.

#![allow(
    clippy::indexing_slicing,
    clippy::string_slice,
    clippy::unwrap_used,
    clippy::panic,
    reason = "helpers of tests fail by panicking"
)]

use rolecall_dsl::text::sentence::{Sentences, count, split};

struct Case {
    line: usize,
    text: String,
    /// Where sentences begin, the first one left out.
    starts: Vec<usize>,
}

fn cases() -> Vec<Case> {
    let file = include_str!("sentence_break.txt");
    let lines = file.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty() && !line.starts_with('#'));
    lines.map(|(line, number)| parse(line, number)).collect()
}

fn parse(line: &str, number: usize) -> Case {
    let mut case = Case { line: number, text: String::new(), starts: Vec::new() };
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        match c {
            '÷' => case.starts.push(case.text.len()),
            '\\' => case.text.push(match chars.next() {
                Some('n') => '\n',
                Some('r') => '\r',
                Some('t') => '\t',
                Some('\\') => '\\',
                Some('u') => {
                    let hex: String = chars.by_ref().skip(1).take_while(|c| *c != '}').collect();
                    char::from_u32(u32::from_str_radix(&hex, 16).unwrap()).unwrap()
                }
                other => panic!("line {number}: unknown escape {other:?}"),
            }),
            c => case.text.push(c),
        }
    }
    case
}

fn starts(machine: &mut Sentences, text: &str) -> Vec<usize> {
    text.chars().filter_map(|c| machine.push(c).boundary).map(|boundary| boundary.next).collect()
}

#[test]
fn the_file_has_enough_cases_in_both_languages() {
    let cases = cases();
    let han = |case: &&Case| case.text.chars().any(|c| ('\u{4E00}'..='\u{9FFF}').contains(&c));
    assert!(cases.len() >= 80, "{}", cases.len());
    assert!(cases.iter().filter(han).count() >= 40);
    assert!(cases.iter().filter(|case| !han(case)).count() >= 30);
}

#[test]
fn every_case_breaks_where_the_file_says() {
    let mut wrong = Vec::new();
    for case in cases() {
        let found = starts(&mut Sentences::default(), &case.text);
        let sentences = case.starts.len() + 1;
        if found != case.starts || count(&case.text) != sentences || split(&case.text).len() != sentences {
            let parts: Vec<&str> = split(&case.text).into_iter().map(|range| &case.text[range]).collect();
            wrong.push(format!("line {}: {parts:?}", case.line));
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
        for (at, c) in case.text.char_indices() {
            let mut clone = machine.clone();
            let mut found = seen.clone();
            found.extend(starts(&mut clone, &case.text[at..]));
            assert_eq!(found, case.starts, "line {} split at {at}", case.line);
            assert!(clone.finish().is_some(), "line {}", case.line);
            seen.extend(machine.push(c).boundary.map(|boundary| boundary.next));
        }
    }
}

#[test]
fn a_sentence_is_counted_when_it_begins_and_not_before() {
    let mut machine = Sentences::default();
    let begun: Vec<u64> = "好。” 走".chars().map(|c| (machine.push(c), machine.begun()).1).collect();
    assert_eq!(begun, [1, 1, 1, 1, 2]);
}

#[test]
fn an_unclosed_pair_cannot_swallow_a_reply() {
    let text = format!("他说：“{}。一。二。三。", "啊".repeat(200));
    assert_eq!(count(&text), 4);
    let fence = format!("```\n{}\n一。二。\n三。", "a".repeat(2000));
    assert_eq!(count(&fence), 4);
}

#[test]
fn blank_texts_have_no_sentence() {
    assert_eq!([count(""), count(" \n\t"), count("。"), count("\n……")], [0, 0, 1, 1]);
}

#[test]
fn boundaries_leave_white_space_between_sentences_out() {
    let text = "甲。”  \n 乙";
    let ranges = split(text);
    assert_eq!(ranges.iter().map(|range| &text[range.clone()]).collect::<Vec<_>>(), ["甲。”", "乙"]);
}

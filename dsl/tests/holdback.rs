//! What is held back is exactly what could still become part of what must not go out.
//!
//! The oracle tries every continuation: what all of them have in common of what finally goes out may
//! go out now, and nothing else may. More would be a leak, less would be held without need. Wherever a reply
//! then ends, what went out has no match, read as a whole.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod common;

use std::collections::HashSet;
use std::sync::Arc;

use common::{contract, program};
use rolecall_dsl::constraint::Fact;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::Violation;
use rolecall_dsl::{Monitor, Program};

struct Case {
    name: &'static str,
    rules: &'static str,
    letters: &'static str,
    length: usize,
    /// None where what is held is not asked for: too many characters would have to be tried.
    further: usize,
}

const fn case(name: &'static str, rules: &'static str, letters: &'static str, length: usize, further: usize) -> Case {
    Case { name, rules, letters, length, further }
}

const CASES: &[Case] = &[
    case("terms", "forbidden_terms \"甲乙\" | \"乙丙丁\"", "甲乙丙丁好", 4, 2),
    case("words", "forbidden_terms \"ab\" | \"b c\"", "abcＡ \u{301}", 3, 3),
    case("disguises", "forbidden_terms \"ai\"", "aІ\u{200b}好.", 4, 2),
    case("replaced", "forbidden_terms \"甲乙\" | \"乙丙\" { on_violation redact \"※\" }", "甲乙丙好", 4, 3),
    case("replaced words", "forbidden_terms \"ab\" { on_violation redact \"※\" }", "ab \u{301}好", 4, 3),
    case("a pattern", "must_not_match /甲.{0,1}乙/", "甲乙丙好", 4, 3),
    case("a replaced pattern", "must_not_match /甲乙+/ { on_violation redact \"※\" }", "甲乙好", 4, 3),
    case("a warning", "forbidden_terms \"甲乙\" { severity warning }", "甲乙好", 4, 2),
    case("max_sentences", "max_sentences 1", "好。，\n “", 3, 3),
    case("max_chars", "max_chars 2", "好 \u{301}a", 4, 2),
    case("max_words", "max_words 2", "好a -", 5, 2),
    case("starts_with", "starts_with \"甲乙\" | \"甲丙丁\"", "甲乙丙丁 ", 4, 3),
    case("starts_with a pattern", "starts_with /甲+乙/", "甲乙 ", 4, 2),
    case("max_repeat", "max_repeat 1", "甲。\n，乙", 4, 3),
    case("no_urls", "no_urls", "c.n:/", 3, 4),
    case("no_markdown", "no_markdown", "*a_` ", 4, 3),
    case("no_emoji", "no_emoji", "❤\u{fe0f}1\u{20e3}好", 4, 2),
    case("script", "script han { on_violation redact \"※\" }", "好aé1\u{301}", 4, 2),
    case("a limit at a word", "forbidden_terms \"ab\" max_chars 3", "abc 好", 5, 2),
    case("a limit at marks", "forbidden_terms \"ab\" max_chars 2", "ab\u{301}c", 4, 3),
    case("a limit at many marks", "forbidden_terms \"ab\" max_chars 2", "ab\u{301}\u{332}c", 6, 0),
    case("a limit at what is not seen", "forbidden_terms \"a\" | \"1\" max_chars 2", "a1\u{200b}好", 5, 2),
    case("a limit at an accent", "forbidden_terms \"é\" max_chars 2", "eé\u{301}b", 5, 2),
    case("a limit at a sound mark", "forbidden_terms \"か\" max_chars 1", "か\u{3099}\u{301}好", 4, 3),
    case("a limit on words", "forbidden_terms \"a好b\" | \"b\" max_words 2", "ab好 ", 5, 2),
    case("a limit in an exception", EXCEPTIONS, "甲乙丙丁戊", 5, 2),
    case("a limit in a gap", GAPPED, "甲乙丙* ", 5, 2),
    case(
        "a limit at a replaced word",
        "forbidden_terms \"ab\" { on_violation redact \"※\" } max_chars 3",
        "abc好",
        5,
        2,
    ),
    case("a limit in a replaced exception", REPLACED, "甲乙丙丁", 5, 2),
    case("a match behind a word", "forbidden_terms \"ab\" must_not_match /cd/", "abcd ", 5, 2),
    case("a match behind a replaced word", WORDS_REPLACED, "abcd", 5, 2),
    case("a match in an exception", "forbidden_terms \"甲乙\" | \"丙丁\" { except \"甲乙丙\" }", "甲乙丙丁", 5, 2),
    case("a pattern that looks ahead", r"must_not_match /甲乙+$/ max_chars 3", "甲乙好\n", 5, 2),
    case("a pattern at a word's end", r"must_not_match /(?-u:ab\b)/ max_chars 3", "ab 好", 5, 2),
    case("a pattern that is always ahead", r"must_not_match /[^好]$/ max_chars 3", "甲乙好", 5, 2),
    case("a limit in no_urls", "no_urls max_chars 4", "c.nx", 6, 0),
    case("a limit in no_emoji", "no_emoji max_chars 1", "1\u{fe0f}\u{20e3}❤", 4, 2),
    case("a limit in no_markdown", "no_markdown max_chars 4", "_a ", 7, 0),
    case("max_sentences behind a word", "forbidden_terms \"。”\" { except \"。”a\" } max_sentences 1", "好。”a", 5, 2),
];

const EXCEPTIONS: &str = "forbidden_terms \"甲乙\" { except \"甲乙丙丁\" | \"戊甲乙丙\" } max_chars 4";
const GAPPED: &str = "forbidden_terms \"甲乙\" { gaps on except \"甲乙丙\" } max_chars 2";
const REPLACED: &str = "forbidden_terms \"甲乙\" { except \"甲乙丙丁\" on_violation redact \"※\" } max_chars 3";
const WORDS_REPLACED: &str = "forbidden_terms \"ab\" { on_violation redact \"※\" } must_not_match /cd/";

/// Where more is held than needed, by case: behind how many beginnings. A figure may only fall.
const GAPS: &str = include_str!("holdback/gaps.txt");

/// Everything that goes out of a text behind what a monitor has read.
fn rest(monitor: &Monitor, text: &str) -> String {
    let mut monitor = monitor.clone();
    let mut released = monitor.push(text).released;
    released.push_str(&monitor.finish().released);
    released
}

fn common(a: &str, b: &str) -> usize {
    a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(a, _)| a.len_utf8()).sum()
}

struct Walk<'a> {
    case: &'a Case,
    letters: Vec<char>,
    program: Arc<Program>,
    /// Beginnings behind which more is held than needed.
    held: Vec<String>,
}

impl Walk<'_> {
    /// What may go out behind `text`: as much as all continuations agree on.
    fn may_go(&self, text: &str) -> String {
        let mut agreed = rest(&self.program.monitor(), text);
        let mut level = vec![String::new()];
        for _ in 0..self.case.further {
            level = level.iter().flat_map(|t| self.letters.iter().map(move |c| format!("{t}{c}"))).collect();
            for more in &level {
                let other = rest(&self.program.monitor(), &format!("{text}{more}"));
                agreed.truncate(common(&agreed, &other));
            }
        }
        agreed
    }

    fn from(&mut self, monitor: &Monitor, text: &str, released: &str) {
        let may = self.may_go(text);
        let name = self.case.name;
        assert!(may.starts_with(released), "{name}: of {text:?} {released:?} is out, and only {may:?} may be");
        if may != released {
            self.held.push(format!("of {text:?} {released:?} is out instead of {may:?}"));
        }
        if text.chars().count() == self.case.length {
            return;
        }
        for c in self.letters.clone() {
            let mut next = monitor.clone();
            let step = next.push(c.encode_utf8(&mut [0; 4]));
            self.from(&next, &format!("{text}{c}"), &format!("{released}{}", step.released));
        }
    }
}

/// Every text of so many characters at most, with what went out of it at each of its characters and at its end.
fn each(monitor: &Monitor, case: &Case, text: &mut String, out: &mut String, found: &mut impl FnMut(&str, &str)) {
    let mut ended = monitor.clone();
    found(text, &format!("{out}{}", ended.finish().released));
    if text.chars().count() == case.length {
        return;
    }
    for c in case.letters.chars() {
        let (mut next, before) = (monitor.clone(), (text.len(), out.len()));
        text.push(c);
        out.push_str(&next.push(c.encode_utf8(&mut [0; 4])).released);
        found(text, out);
        each(&next, case, text, out, found);
        text.truncate(before.0);
        out.truncate(before.1);
    }
}

/// Fails when a client that gets nothing more has a match before it: because a limit or another match ends the
/// reply in front of what made it none.
#[test]
fn what_is_out_has_no_match_wherever_it_ends() {
    let mut ends = 0;
    for case in CASES {
        let contract = contract(case.rules);
        let forbids = |rule: usize| {
            matches!(contract.rules[rule].constraint.fact(), Fact::Forbidden { .. } | Fact::Pattern { must: false, .. })
        };
        let blocks = |v: &Violation| forbids(v.rule) && (v.redacted || v.severity == Severity::Error);
        let mut known = HashSet::new();
        each(&contract.program.monitor(), case, &mut String::new(), &mut String::new(), &mut |text, out| {
            if known.insert(out.to_owned()) {
                let found = contract.program.check(out).violations;
                assert!(!found.iter().any(blocks), "{}: of {text:?} {out:?} is out: {found:?}", case.name);
                ends += 1;
            }
        });
    }
    assert!(ends > 5_000, "only {ends} ends were tried");
}

/// Fails when a character goes out that a continuation would have kept in, or waits that none could.
#[test]
fn what_is_held_is_what_could_become_a_match() {
    let mut wrong = Vec::new();
    for case in CASES.iter().filter(|case| case.further > 0) {
        let program = program(case.rules);
        let monitor = program.monitor();
        let mut walk = Walk { case, letters: case.letters.chars().collect(), program, held: Vec::new() };
        walk.from(&monitor, "", "");
        let line =
            |line: &&str| line.split_once(' ').is_some_and(|(_, rest)| rest.split(':').next() == Some(case.name));
        let known = GAPS.lines().find(line).and_then(|line| line.split(' ').next()?.parse().ok()).unwrap_or(0);
        if walk.held.len() != known {
            let some = walk.held.iter().take(6).cloned().collect::<Vec<_>>().join("\n  ");
            wrong.push(format!("{}: {} instead of {known}:\n  {some}", case.name, walk.held.len()));
        }
    }
    assert!(wrong.is_empty(), "fix these, or lower the figures in holdback/gaps.txt:\n{}", wrong.join("\n"));
}

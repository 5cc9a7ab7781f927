//! What is held back is exactly what could still become part of what must not go out.
//!
//! The oracle tries every continuation: what all of them have in common of what finally goes out may
//! go out now, and nothing else may. More would be a leak, less would be held without need.

#![allow(clippy::unwrap_used, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod common;

use std::sync::Arc;

use common::program;
use rolecall_dsl::{Monitor, Program};

struct Case {
    name: &'static str,
    rules: &'static str,
    letters: &'static str,
    length: usize,
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
];

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

/// Fails when a character goes out that a continuation would have kept in, or waits that none could.
#[test]
fn what_is_held_is_what_could_become_a_match() {
    let mut wrong = Vec::new();
    for case in CASES {
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

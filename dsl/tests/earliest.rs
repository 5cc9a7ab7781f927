//! A reply is dead at the first character after which no continuation complies: not before, and not
//! after.
//!
//! The oracle knows nothing of residuals. It checks whole texts: a beginning is alive if it, or it with
//! some continuation over the case's letters, passes. The letters of a case hold whatever could still
//! save a reply, the odd ones too: a comma that takes a full stop back, a mark that makes another
//! letter of the last one, spaces, which count as nothing.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "helpers of tests fail by panicking"
)]

#[path = "earliest/cases.rs"]
mod cases;
mod common;

use std::collections::{BTreeMap, HashSet};
use std::sync::Arc;

use cases::{CASES, Case};
use common::program;
use rolecall_dsl::diagnostic::Severity;
use rolecall_dsl::monitor::Residual;
use rolecall_dsl::{Monitor, Program};

/// Where the monitor is known to be late, by case: after how many beginnings. A figure may only fall.
const GAPS: &str = include_str!("earliest/gaps.txt");

fn gaps() -> BTreeMap<&'static str, usize> {
    let lines = GAPS.lines().filter(|line| !line.is_empty() && !line.starts_with('#'));
    let entry = |line: &'static str| {
        let (count, rest) = line.split_once(' ').expect("a figure and a name");
        (rest.split(':').next().unwrap(), count.parse().expect("a figure"))
    };
    lines.map(entry).collect()
}

/// All that is asked about one case.
struct Oracle<'a> {
    case: &'a Case,
    program: Arc<Program>,
    letters: Vec<char>,
    /// Beginnings of texts that are known to pass.
    alive: HashSet<String>,
    /// Beginnings that no continuation saves and of which the monitor does not know it.
    late: Vec<String>,
}

impl Oracle<'_> {
    fn passes(&self, text: &str) -> bool {
        let violations = self.program.check(text).violations;
        violations.iter().all(|v| v.severity < Severity::Error || v.redacted)
    }

    fn is_alive(&mut self, text: &str) -> bool {
        let length = text.chars().count();
        let further = self.case.further.min(self.case.longest.saturating_sub(length));
        self.alive.contains(text) || (0..=further).any(|more| self.completes(&mut text.to_owned(), more))
    }

    /// Whether the text passes with exactly so many more letters.
    fn completes(&mut self, text: &mut String, more: usize) -> bool {
        if more == 0 {
            let passes = self.passes(text);
            if passes {
                let ends = text.char_indices().map(|(at, _)| at).chain([text.len()]);
                self.alive.extend(ends.map(|end| text[..end].to_owned()));
            }
            return passes;
        }
        for at in 0..self.letters.len() {
            text.push(self.letters[at]);
            let found = self.completes(text, more - 1);
            text.pop();
            if found {
                return true;
            }
        }
        false
    }

    /// Compares every beginning from here on, as long as it lives.
    fn walk(&mut self, monitor: &Monitor, text: &str) {
        let residual = monitor.clone().push("").residual;
        let alive = self.is_alive(text);
        let name = self.case.name;
        assert!(residual != Residual::Dead || !alive, "{name}: {text:?} is given up, and could comply");
        assert!(residual != Residual::Holds || self.passes(text), "{name}: {text:?} does not hold");
        if !alive && residual != Residual::Dead {
            self.late.push(text.to_owned());
        }
        if !alive || text.chars().count() == self.case.length {
            return;
        }
        for c in self.letters.clone() {
            let mut next = monitor.clone();
            next.push(c.encode_utf8(&mut [0; 4]));
            self.walk(&next, &format!("{text}{c}"));
        }
    }
}

fn late(case: &Case) -> Vec<String> {
    let program = program(case.rules);
    let letters = case.letters.chars().collect();
    let mut oracle = Oracle { case, program, letters, alive: HashSet::new(), late: Vec::new() };
    let monitor = oracle.program.monitor();
    oracle.walk(&monitor, "");
    oracle.late
}

/// Fails when a reply is given up that could comply, or kept up that cannot, beyond the gaps that are
/// known.
#[test]
fn a_reply_is_dead_exactly_when_no_continuation_complies() {
    let known = gaps();
    let mut wrong = Vec::new();
    for case in CASES {
        let late = late(case);
        let expected = known.get(case.name).copied().unwrap_or(0);
        if late.len() != expected {
            let some: Vec<&String> = late.iter().take(6).collect();
            wrong.push(format!("{}: late after {} beginnings instead of {expected}: {some:?}", case.name, late.len()));
        }
    }
    for name in known.keys().filter(|name| !CASES.iter().any(|case| case.name == **name)) {
        wrong.push(format!("{name}: there is no such case"));
    }
    assert!(wrong.is_empty(), "fix these, or lower the figures in earliest/gaps.txt:\n{}", wrong.join("\n"));
}

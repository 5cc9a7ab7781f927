//! Mutated contracts for a few seconds, on a stable compiler: what `fuzz/` does for minutes.
//!
//! `SMOKE_SECONDS` says for how long, `SMOKE_SEED` repeats a run: a failure prints both the seed and
//! the text.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use std::time::{Duration, SystemTime};

use rolecall_dsl::check::{MAX_FINDINGS, compile_bytes};
use rolecall_dsl::diagnostic::{Format, apply, render};
use rolecall_dsl::format::{FormatError, format};
use rolecall_dsl::source::Source;
use support::contracts_and_examples;

/// Xorshift: a test's dice need no crate.
struct Dice(u64);

impl Dice {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() >> 16).unwrap_or(0) % end.max(1)
    }
}

/// Cuts a text where the grammar may: words, white space, literals and single signs.
fn tokens(text: &str) -> Vec<String> {
    let mut tokens: Vec<String> = Vec::new();
    let mut class = 0;
    for c in text.chars() {
        let next = match c {
            c if c.is_alphanumeric() || "_-%.".contains(c) => 1,
            ' ' | '\t' => 2,
            '\n' | '\r' => 3,
            '/' | '"' => 4,
            _ => 0,
        };
        match tokens.last_mut() {
            Some(last) if next == class && next != 0 => last.push(c),
            _ => tokens.push(c.to_string()),
        }
        class = next;
    }
    tokens
}

const INSERTED: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\"\"\"",
    "/",
    "//",
    "///",
    "\n",
    "\r",
    " ",
    "|",
    ",",
    "->",
    "+",
    ">=",
    "≥",
    "％",
    ":",
    "\\",
    "\0",
    "\u{FEFF}",
    "\u{202E}",
    "\u{3000}",
    "role a {",
    "role",
    "rules",
    "extends b",
    "when intent x {",
    "use",
    "99999999999999999999",
    "-1",
    "4g",
    "1.0.0",
    "// c\n",
    "战国",
    "e\u{301}",
    "😀",
];

/// One step away from a text.
fn mutate(tokens: &mut Vec<String>, other: &[String], dice: &mut Dice) {
    let at = dice.below(tokens.len() + 1);
    let length = 1 + dice.below(6);
    let end = (at + length).min(tokens.len());
    match dice.below(8) {
        0 => drop(tokens.drain(at..end)),
        1 => {
            let copied = tokens[at..end].to_vec();
            tokens.splice(at..at, copied);
        }
        2 if !tokens.is_empty() => {
            let (a, b) = (dice.below(tokens.len()), dice.below(tokens.len()));
            tokens.swap(a, b);
        }
        3 => {
            let start = dice.below(other.len() + 1);
            let taken = other[start..(start + 1 + dice.below(40)).min(other.len())].to_vec();
            tokens.splice(at..end, taken);
        }
        4 => {
            let deep = ["{", "[", "a {", "when x {", "a ["][dice.below(5)];
            tokens.insert(at, deep.repeat(1 + dice.below(24)));
        }
        5 => {
            let sign = char::from_u32(u32::try_from(dice.below(0x11_0000)).unwrap_or(0)).unwrap_or('?');
            tokens.insert(at, sign.to_string());
        }
        _ => tokens.insert(at, INSERTED[dice.below(INSERTED.len())].to_owned()),
    }
}

/// What must hold of every file.
fn survive(bytes: &[u8]) {
    let compiled = compile_bytes("smoke.role", bytes);
    assert!(compiled.findings.len() <= MAX_FINDINGS + 1);
    for shown in [Format::Human { color: false }, Format::Short, Format::Json, Format::Github, Format::Junit] {
        assert!(compiled.findings.is_empty() || !render(&compiled.findings, shown).is_empty());
    }
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let source = Source::new("smoke.role", text);
    let _fixed = apply(&source, &compiled.findings);
    match format(&source) {
        Ok(once) => {
            let twice = format(&Source::new("smoke.role", &once)).expect("a layout can be read");
            assert_eq!(twice, once, "the layout changes when it is laid out again");
        }
        Err(FormatError::Syntax(findings)) => assert!(!findings.is_empty()),
        Err(error @ FormatError::Changed { .. }) => panic!("{error}"),
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

/// Fails when a file near a real one makes the front end or the formatter panic, hang past the test's
/// own patience, or contradict itself.
#[test]
#[allow(clippy::disallowed_methods, reason = "a test reads the clock and its own environment")]
fn mutated_contracts_survive() {
    let clock = || SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).expect("a time after 1970");
    let started = clock();
    let seed = number("SMOKE_SEED", u64::try_from(started.as_nanos() & 0xFFFF_FFFF).unwrap_or(1)).max(1);
    let patience = Duration::from_secs(number("SMOKE_SECONDS", 5));
    let texts: Vec<Vec<String>> = contracts_and_examples().iter().map(|text| tokens(text)).collect();
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15));
    let mut runs = 0_u64;
    // At least a few on any machine.
    while runs < 20 || clock() - started < patience {
        let mut mutated = texts[dice.below(texts.len())].clone();
        for _ in 0..=dice.below(8) {
            mutate(&mut mutated, &texts[dice.below(texts.len())], &mut dice);
        }
        let mut bytes = mutated.concat().into_bytes();
        if dice.below(16) == 0 && !bytes.is_empty() {
            let at = dice.below(bytes.len());
            bytes[at] = u8::try_from(dice.below(256)).unwrap_or(0);
        }
        let held = std::panic::catch_unwind(|| survive(&bytes));
        assert!(held.is_ok(), "seed {seed}, run {runs}:\n{}", String::from_utf8_lossy(&bytes));
        runs += 1;
    }
    println!("seed {seed}: {runs} files");
}

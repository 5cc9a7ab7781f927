//! Nothing that a file can hold makes the front end panic or run away.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use proptest::prelude::*;
use rolecall_dsl::check::{MAX_FINDINGS, compile_bytes};
use rolecall_dsl::diagnostic::{Format, render};
use rolecall_dsl::source::MAX_SOURCE_BYTES;
use support::{compile_text, crate_dir, files, read};

/// Compiles and renders in every format.
fn survive(bytes: &[u8]) {
    let compiled = compile_bytes("hostile.role", bytes);
    assert!(compiled.findings.len() <= MAX_FINDINGS + 1, "findings are bounded");
    for format in [Format::Human { color: false }, Format::Short, Format::Json, Format::Github] {
        let text = render(&compiled.findings, format);
        assert_eq!(text.is_empty(), compiled.findings.is_empty());
    }
    for format in [Format::Sarif, Format::Junit] {
        assert!(!render(&compiled.findings, format).is_empty(), "a document is never empty");
    }
}

fn contracts() -> Vec<String> {
    let root = crate_dir().join("../contracts");
    files(&root, "role").iter().chain(&files(&root.join("rejected"), "role")).map(|path| read(path)).collect()
}

/// Pieces that mean something to the grammar, so that random sequences reach deep into it.
const PIECES: &[&str] = &[
    "role",
    "a",
    "反问句",
    "{",
    "}",
    "[",
    "]",
    "\"",
    "\"\"\"",
    "\"x\"",
    "/",
    "/x/",
    "//",
    "///",
    "\n",
    "\r\n",
    " ",
    ":",
    "|",
    ",",
    "->",
    "+",
    ">=",
    "≥",
    "40%",
    "1.0.0",
    "1.0",
    "7",
    "-1",
    "7d",
    "16KiB",
    "99999999999999999999",
    "import",
    "extends",
    "version",
    "language zh",
    "persona",
    "constraints {",
    "max_sentences 3",
    "forbidden_terms",
    "required_terms all",
    "response_style",
    "policy",
    "on_violation redact",
    "severity",
    "cases {",
    "case",
    "reply",
    "user",
    "expect violates",
    "expect pass",
    "delivery {",
    "model {",
    "\\",
    "\u{202E}",
    "\u{200B}",
    "е",
    "：",
    "｜",
    "\u{FEFF}",
    "\0",
    "😀",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn bytes(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        survive(&bytes);
    }

    #[test]
    fn texts(text in any::<String>()) {
        survive(text.as_bytes());
    }

    #[test]
    fn sequences_of_tokens(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..120), gap in any::<bool>()) {
        survive(pieces.join(if gap { " " } else { "" }).as_bytes());
    }

    #[test]
    fn mutated_contracts(
        pick in any::<proptest::sample::Index>(),
        cuts in proptest::collection::vec((any::<proptest::sample::Index>(), 0usize..40, proptest::sample::select(PIECES)), 1..6),
    ) {
        let all = contracts();
        let mut chars: Vec<char> = pick.get(&all).chars().collect();
        for (at, length, piece) in cuts {
            let start = at.index(chars.len() + 1);
            let end = (start + length).min(chars.len());
            chars.splice(start..end, piece.chars());
        }
        survive(chars.into_iter().collect::<String>().as_bytes());
    }
}

/// A file of this size made of one repeated piece.
fn full(start: &str, piece: &str, size: usize) -> String {
    let mut text = start.to_owned();
    while text.len() + piece.len() <= size {
        text.push_str(piece);
    }
    text
}

/// How a role begins.
const CLERK: &str = "role clerk { version 1.0.0 persona \"A\" ";

fn ends(start: &str, piece: &str, size: usize) {
    let compiled = compile_text(&full(start, piece, size));
    assert!(!compiled.findings.is_empty(), "`{piece}` over and over is not a contract");
    assert!(compiled.findings.len() <= MAX_FINDINGS + 1, "`{piece}`: findings are bounded");
}

/// Each of these would overflow the stack of a parser that recurses freely.
#[test]
fn the_deepest_files_end() {
    for (start, piece) in [("", "{"), ("", "role a {"), (CLERK, "a {"), (CLERK, "a ["), (CLERK, "["), (CLERK, "= {")] {
        ends(start, piece, MAX_SOURCE_BYTES);
    }
}

/// Each of these takes forever in a checker that looks at everything again for every item.
#[test]
fn the_longest_files_end() {
    let clerk = CLERK;
    let rules = "role clerk { version 1.0.0 persona \"A\" constraints {";
    for (start, piece) in [
        (clerk, "a "),
        (clerk, "a 1 "),
        (clerk, "a{}"),
        (clerk, "a:"),
        (clerk, "//\n"),
        (clerk, "/ "),
        (clerk, "\""),
        (clerk, "x = 3\n"),
        (clerk, "role a "),
        (clerk, "stateful true\n"),
        (rules, "max_sentences 3\n"),
        (rules, "a:max_sentences 3\n"),
        (rules, "required_terms \"a\"\n"),
        (rules, "required_terms \"a|b|c|d|e|f|g|h|i|j|k|l|m|n|o|p|q|r|s|t|u|v|w|x|y|z\"\n"),
        ("role clerk { version 1.0.0 persona \"A\" cases {", "case \"a\" { reply \"b\" expect pass }\n"),
    ] {
        ends(start, piece, MAX_SOURCE_BYTES / 8);
    }
}

#[test]
fn nesting_ends_at_sixteen() {
    let nested = |depth: usize| {
        // The role's own block and `delivery` are two.
        let lists = format!("{}1{}", "[".repeat(depth - 3), "]".repeat(depth - 3));
        support::clerk(&format!("delivery {{ policy \"digest\" {{ weights {lists} }} }}"))
    };
    assert_eq!(support::codes(&nested(16)), Vec::<String>::new());
    assert_eq!(support::codes(&nested(17)), ["RC0004"]);
    assert_eq!(support::codes(&nested(300_000)), ["RC0004"]);
}

//! The formatter: one layout, no other meaning, no lost comment.

#![allow(clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "helpers of tests fail by panicking")]

mod support;

use std::fmt::Write as _;

use proptest::prelude::*;
use rolecall_dsl::check::compile;
use rolecall_dsl::format::{FormatError, WIDTH, format};
use rolecall_dsl::source::Source;
use support::{contracts_and_examples, crate_dir, files, read};

fn formatted(text: &str) -> String {
    format(&Source::new("test.role", text)).unwrap_or_else(|error| panic!("{error}\n{text}"))
}

/// Everything about the contracts of a text that does not depend on its layout.
fn meaning(text: &str) -> String {
    let compiled = compile(&Source::new("test.role", text));
    let mut out = String::new();
    for it in &compiled.contracts {
        let parts = (&it.name, &it.doc, &it.version, &it.languages, it.stateful);
        writeln!(out, "{parts:?} {:?} {:?}", it.persona, it.fallback.as_ref().map(|text| &text.value))
            .expect("a string");
        for rule in &it.rules {
            let parts = (&rule.id, rule.severity, &rule.on_violation, rule.constraint.fact());
            writeln!(out, "{parts:?} {}", it.languages.iter().map(|l| rule.constraint.prompt(*l)).collect::<String>())
                .expect("a string");
        }
        for case in &it.cases {
            let reply = case.reply.as_ref().map(|text| &text.value);
            writeln!(out, "{} {:?} {reply:?}", case.title.value, case.user.as_ref().map(|text| &text.value))
                .expect("a string");
        }
    }
    let mut codes: Vec<String> = compiled.findings.iter().map(|finding| finding.code.to_string()).collect();
    codes.sort();
    // What is not carried out is skipped to the end of its line: there the layout has a say.
    if codes.iter().any(|code| code == "RC0010") {
        codes.clear();
    }
    out + &codes.join(" ")
}

/// What must hold of every text: an error, or a layout that stays and means the same.
fn laws(text: &str) -> Option<String> {
    let once = match format(&Source::new("test.role", text)) {
        Ok(once) => once,
        Err(FormatError::Syntax(findings)) => {
            assert!(!findings.is_empty());
            return None;
        }
        Err(error @ FormatError::Changed { .. }) => panic!("{error}\n{text}"),
    };
    assert_eq!(formatted(&once), once, "not idempotent:\n{text}");
    assert_eq!(meaning(&once), meaning(text), "another meaning:\n{text}\n--- as\n{once}");
    assert!(!once.contains("\n\n\n") || text.contains("\"\"\""), "two blank lines:\n{once}");
    assert!(once.is_empty() || once.ends_with('\n') && !once.ends_with("\n\n"), "one final line break:\n{once:?}");
    Some(once)
}

/// Fails when a golden layout drifts. `UPDATE_GOLDEN=1` writes the new one, for a look at the diff.
#[test]
fn golden_layouts() {
    let befores = files(&crate_dir().join("tests/format"), "before");
    assert!(befores.len() >= 6, "golden files are missing");
    for before in befores {
        let after = before.with_extension("after");
        let result = laws(&read(&before)).unwrap_or_else(|| panic!("{}: syntax errors", before.display()));
        if std::env::var_os("UPDATE_GOLDEN").is_some() {
            std::fs::write(&after, &result).expect("a writable folder");
        }
        assert_eq!(result, read(&after), "{}", before.display());
    }
}

#[test]
fn every_contract_and_example_keeps_its_meaning() {
    let mut formatted = 0;
    for text in contracts_and_examples() {
        formatted += usize::from(laws(&text).is_some());
    }
    assert!(formatted >= 40, "only {formatted} texts could be formatted");
}

#[test]
fn a_file_with_syntax_errors_is_refused_with_its_findings() {
    let error = format(&Source::new("a.role", "role a {\n    version = 1.0.0\n    “x”\n}\n")).expect_err("two errors");
    assert_eq!(error.findings().len(), 2);
    let text = error.to_string();
    assert!(text.contains("a.role:2:13:") && text.contains("a.role:3:5:"), "{text}");
}

/// Fails when line ends, a byte order mark or full-width spaces survive.
#[test]
fn line_ends_are_unified() {
    let text =
        "\u{FEFF}role a {\r\n\tversion\u{3000}1.0.0 // c\r\n\r\n\r\n\r\npersona \"\"\"\r\n  x\r\n   y\r\n  \"\"\"\r}\r";
    let expected =
        "role a {\n    version 1.0.0  // c\n\n    persona \"\"\"\n        x\n         y\n        \"\"\"\n}\n";
    assert_eq!(formatted(text), expected);
}

/// Fails when white space that belongs to a text is taken for layout.
#[test]
fn texts_keep_their_white_space() {
    for persona in [
        "\"\"\"a  \n   b\n  c\"\"\"",
        "\"\"\" a\rb\n c\"\"\"",
        "\"\"\"\n\n  a\n\n  b\n\"\"\"",
        "\"\"\"\n\"\"\"",
        "\"\"\"\"\"\"",
        "\"\"\"\n\t a\n\u{3000}b\"\"\"",
    ] {
        laws(&format!("role a {{ version 1.0.0 persona {persona} }}"));
    }
}

/// Fails when a layout joins what a line break kept apart: each of these changes its tree when a
/// line break is taken away or put in.
#[test]
fn line_breaks_that_mean_something_stay() {
    for body in [
        "a b\nc d",
        "a { b c\nd e }",
        "x { role a\n{ b 1 } }",
        "x role a extends b\n{ b 1 }",
        "a -> b\nc: d",
        "a |\nb",
        "a 1 b 2 c d: e 3",
        "a: // why\nb 1",
        "a 1 // one\n// two\n| 2 // three\n{ b 1 // four\n} // five",
        "a [ // one\n1, // two\n// three\n2 ]",
        "a [ ]\nb {}\nc { }",
        "base { 4g 8s 3g 15s slow-2g 60s }",
        "a 1 ≥ 2 ≤ 3 ％",
    ] {
        laws(&format!("role r {{\n{body}\n}}\n"));
    }
}

/// A plugin's parameters are its own: `|` inside them is no alternative.
#[test]
fn parameters_of_plugins_are_not_respelt() {
    let text = "role a {\n    constraints {\n        policy \"p\" { forbidden_terms \"a|b\" }\n    }\n}\n";
    assert_eq!(formatted(text), text);
}

/// Fails when columns count bytes or characters: each of these takes two columns.
#[test]
fn wide_characters_take_two_columns() {
    let terms: Vec<String> = (0..40).map(|_| "\"合纵连横\"".to_owned()).collect();
    let text = format!("role a {{ constraints {{ forbidden_terms {} }} }}", terms.join("|"));
    let result = formatted(&text);
    let widths: Vec<usize> = result.lines().map(unicode_width::UnicodeWidthStr::width).collect();
    assert!(widths.iter().all(|width| *width <= WIDTH), "{result}");
    assert!(widths.iter().any(|width| *width > WIDTH - 16), "lines end too early:\n{result}");
}

const PIECES: &[&str] = &[
    "a",
    "反问句",
    "role",
    "role x {",
    "extends",
    "constraints {",
    "forbidden_terms",
    "response_style",
    "when",
    "short:",
    "{",
    "}",
    "}",
    "[",
    "]",
    "]",
    "\"x\"",
    "\"AI|算法\"",
    "\"反问句占比≥40%\"",
    "\"\"\"\n   a\n  b\n\"\"\"",
    "/x/i",
    "// c\n",
    "/// d\n",
    "\n",
    "\n\n\n",
    " ",
    "\u{3000}",
    "\r\n",
    "|",
    ",",
    "->",
    "+",
    "≥",
    "<=",
    "40％",
    "1.0.0",
    "7",
    "-1",
    "7d",
    "4g",
    "slow-2g",
    "import \"x\"",
    "policy \"p\" {",
    "\"a long text, long enough to end lines early\"",
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn any_text(text in any::<String>()) {
        laws(&text);
    }

    #[test]
    fn sequences_of_tokens(pieces in proptest::collection::vec(proptest::sample::select(PIECES), 0..60)) {
        laws(&format!("role r {{ {} }}", pieces.join(" ")));
        laws(&pieces.join(" "));
    }

    /// Fails when a comment is lost, doubled or moved past another one.
    #[test]
    fn comments_between_any_two_tokens(
        pick in any::<proptest::sample::Index>(),
        places in proptest::collection::vec((any::<proptest::sample::Index>(), any::<bool>()), 1..8),
    ) {
        let all = contracts_and_examples();
        let mut words: Vec<String> = pick.get(&all).split_inclusive([' ', '\n']).map(str::to_owned).collect();
        for (index, (at, own_line)) in places.iter().enumerate() {
            let at = at.index(words.len() + 1);
            words.insert(at, format!("{}// c{index}\n", if *own_line { "\n" } else { " " }));
        }
        let text = words.concat();
        if let Some(result) = laws(&text) {
            let comments = |text: &str| text.split("// c").skip(1).map(|rest| rest.chars().take(1).collect::<String>()).collect::<String>();
            prop_assert_eq!(comments(&text), comments(&result));
        }
    }
}
